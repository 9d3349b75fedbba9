// Watches the physical network for machines that claim addresses of the overlay, and tells the controller (POST
// /v1/sightings), which judges. One claim of an address by a MAC is told at once, the next ones counted and told every
// ten seconds. While the controller is away the counts wait.
//
// Bounded: 1,000 pairs of address and MAC, 2,000 frames a second; what is more is not looked at.
// Threading: one thread, that of the executor. stop(), then run the executor until it is out of work.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "mooring/directory/directory.hpp"
#include "mooring/http/client.hpp"
#include "overlay-gateway/app/ports.hpp"

namespace mooring::gateway {

struct SentinelSettings {
  std::string name, network, interface;
  http::Endpoint controller;
  std::string token;
};

class Sentinel {
 public:
  // What they name must outlive this.
  Sentinel(boost::asio::any_io_executor executor, const directory::Directory& directory, Segment& segment,
           SentinelSettings settings);

  // Until stop(). `state`: whether it hears, each time that it looks.
  boost::asio::awaitable<void> run(std::function<void(const Result<void>&)> state);
  void stop();

  // Claims by others that were heard, of addresses of the overlay.
  std::uint64_t heard() const { return heard_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Pair {
    std::uint64_t untold = 0;
    Clock::time_point told{};
  };
  Result<void> hear();
  bool is_ours(net::IpAddress address) const;
  boost::asio::awaitable<void> tell();

  const directory::Directory& directory_;
  Segment& segment_;
  SentinelSettings settings_;
  http::Client client_;
  boost::asio::steady_timer timer_;
  std::map<std::pair<net::IpAddress, net::MacAddress>, Pair> pairs_;
  Clock::time_point told_{};
  Clock::time_point not_before_{};
  std::uint64_t heard_ = 0;
  bool stopped_ = false;
};

}  // namespace mooring::gateway
