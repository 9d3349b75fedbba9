// Watches the physical network, and the VLANs of bridged subnets, for machines that claim addresses of the overlay, and
// tells the controller (POST /v1/sightings), which judges. One claim of an address by a MAC is told at once, the next
// ones counted and told every ten seconds. While the controller is away the counts wait.
//
// Bounded: 1,000 pairs of address and MAC, 2,000 frames a second; what is more is not looked at.
// Threading: one thread, that of the executor. stop(), then run the executor until it is out of work.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "mooring/directory/directory.hpp"
#include "mooring/http/client.hpp"
#include "overlay-gateway/app/ports.hpp"

namespace mooring::gateway {

struct SentinelSettings {
  std::string name, network;
  std::string interface, bridge_interface;  // what `segment` and `trunk` are called
  http::Endpoint controller;
  std::string token;
};

class Sentinel {
 public:
  // What they name must outlive this. `trunk` may be null.
  Sentinel(boost::asio::any_io_executor executor, const directory::Directory& directory, Segment& segment,
           Segment* trunk, SentinelSettings settings);

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
  struct Claimed {
    net::IpAddress address;
    net::MacAddress mac;
    std::string where;  // "eth1", "eth2 VLAN 100"
    auto operator<=>(const Claimed&) const = default;
  };
  Result<void> hear();
  Result<void> hear_trunk();
  void claimed(const underlay::AddressClaim& claim, std::string where);
  bool is_ours(net::IpAddress address) const;
  boost::asio::awaitable<void> tell();

  const directory::Directory& directory_;
  Segment& segment_;
  Segment* trunk_;
  SentinelSettings settings_;
  http::Client client_;
  boost::asio::steady_timer timer_;
  std::map<Claimed, Pair> pairs_;
  Clock::time_point told_{};
  Clock::time_point not_before_{};
  std::uint64_t heard_ = 0;
  bool stopped_ = false;
};

}  // namespace mooring::gateway
