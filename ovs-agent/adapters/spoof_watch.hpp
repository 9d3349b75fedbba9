// Watches the node's own pods for ARP and IPv6 neighbour advertisements that claim addresses which are not theirs. The
// spoof guard drops them in any case; a few packets a second come here too, and the controller is told who it was (POST
// /v1/sightings): at once, then every ten seconds while it goes on.
//
// Bounded: 10 packets a second of all pods together, 100 pairs of port and address. Threading: the agent's one thread.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "mooring/http/client.hpp"
#include "mooring/ovs/flow_sync.hpp"
#include "mooring/ovs/packet_channel.hpp"
#include "ovs-agent/app/node_state.hpp"

namespace mooring::agent {

// On br-int (docs/ovs-pipeline.md): below what a port's own addresses allow in the spoof guard, for advertisements just
// above what drops them; a meter behind the ports' (120,001 is their last one); the user data of the copies.
inline constexpr int spoof_copy_priority = 50, spoof_advert_priority = 115;
inline constexpr std::uint32_t spoof_meter = 131'000;
inline constexpr std::uint8_t spoof_copy_kind = 3;

// The flow and the meter that bring these packets, desired of br-int.
void desire_spoof_copies(ovs::FlowSync& br_int);

class SpoofWatch {
 public:
  // `bridge`: "unix:/run/openvswitch/br-int.mgmt", for the packets that desire_spoof_copies() brings.
  SpoofWatch(NodeState& state, const std::string& bridge, http::Endpoint controller, const std::string& token);

  // For ever.
  asio::awaitable<void> run();

 private:
  using Clock = std::chrono::steady_clock;
  struct Claim {
    std::uint32_t vni = 0;
    std::uint64_t untold = 0;
    Clock::time_point told{};
  };
  void received(const std::vector<ovs::PacketIn>& packets);
  asio::awaitable<void> tell();

  NodeState& state_;
  http::Client client_;
  std::map<std::tuple<std::string, net::IpAddress, net::MacAddress>, Claim> claims_;  // by attachment
  std::unique_ptr<ovs::PacketChannel> packets_;
};

}  // namespace mooring::agent
