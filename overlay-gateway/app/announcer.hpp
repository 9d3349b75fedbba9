// Keeps FRR's bgpd announcing what the gateway carries, and knows what its neighbors think of it. Once a second, and
// whenever what is wanted changes, the running configuration is read and the difference made; it is read again to see
// that it was taken. FRR goes on announcing while this program is away. Threading: the executor's thread.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "mooring/ipam_api/json_fields.hpp"
#include "overlay-gateway/app/ports.hpp"
#include "overlay-gateway/domain/bgp_plan.hpp"

namespace mooring::gateway {

class Announcer {
 public:
  struct Neighbor {
    std::string address;
    std::uint32_t as = 0;
    std::string state;                     // "Established", or where the session is stuck
    std::uint64_t received = 0, sent = 0;  // prefixes
    bool up() const { return state == "Established"; }
  };

  // `bgpd` must outlive this.
  Announcer(boost::asio::any_io_executor executor, BgpSettings settings, RoutingDaemon& bgpd);

  // Until stop(). `looked` after each round.
  boost::asio::awaitable<void> run(std::function<void()> looked);
  void stop();

  // Before the first call nothing is changed: what FRR announces for an earlier life of this program stays.
  void want(std::set<net::IpCidr> announced);

  // What is wrong with announcing, or nothing.
  const Result<void>& state() const { return state_; }
  const std::vector<Neighbor>& neighbors() const { return neighbors_; }
  const std::set<net::IpCidr>& announced() const { return announced_; }

 private:
  boost::asio::awaitable<Result<void>> round();
  boost::asio::awaitable<Result<void>> configure();
  boost::asio::awaitable<Result<void>> look_at_neighbors();

  RoutingDaemon& bgpd_;
  BgpSettings settings_;
  boost::asio::steady_timer timer_;
  std::optional<std::set<net::IpCidr>> wanted_;
  std::set<net::IpCidr> announced_;
  std::vector<Neighbor> neighbors_;
  Result<void> state_ = ok();
  bool stopped_ = false;
};

}  // namespace mooring::gateway
