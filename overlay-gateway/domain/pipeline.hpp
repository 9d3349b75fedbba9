// The numbers of a gateway's bridge, as docs/ovs-pipeline.md gives them out: change both together.
// Pure. Threading: constants.
#pragma once

#include <cstdint>

namespace mooring::gateway {

inline constexpr const char* tunnel_bridge = "br-tun";
inline constexpr const char* foot_name = "mooring-gw0";  // where packets change between Open vSwitch and the kernel

// Inner source of what goes to containers, and what the kernel's routes point at.
inline constexpr const char* virtual_mac = "0a:6d:6f:6f:72:01";
// Inner destination of a packet that was relayed once: deliver or drop, never forward again.
inline constexpr const char* hop_mac = "0a:6d:6f:6f:72:02";
inline constexpr const char* foot_mac = "0a:6d:6f:6f:72:04";
inline constexpr const char* overlay_next_hop =
    "169.254.77.1";                                          // "via" of the kernel's overlay routes; its MAC is VMAC
inline constexpr const char* foot_address = "169.254.77.3";  // node-local, never on a tunnel
inline constexpr const char* election_address = "169.254.77.4";  // of keepalived's ports; never in a packet
// The same for IPv6: unique local addresses of a block that no subnet may have.
inline constexpr const char* overlay_next_hop6 = "fd6d:6f6f:7269:6e67::1";
inline constexpr const char* foot_address6 = "fd6d:6f6f:7269:6e67::3";
inline constexpr const char* host_block6 = "fd6d:6f6f:7269:6e67::/64";

namespace port {
inline constexpr std::uint32_t vxlan = 2, foot = 3;
inline constexpr std::uint32_t segment = 4;               // the interface of bridged mode, a trunk
inline constexpr std::uint32_t first_election = 60'200;   // + VLAN: where keepalived speaks
inline constexpr const char* agents_patch = "patch-int";  // on br-tun: an agent's, not a gateway's
// 100 to 60099: one to each other gateway (mooring/directory/gateway_ports.hpp)
}  // namespace port
inline constexpr const char* election_port_prefix = "mooring-v";  // and the VLAN

namespace table {
inline constexpr int classify = 0, known_senders = 10, from_tunnel = 11, relayed = 12, from_kernel = 20,
                     destination = 30, to_kernel = 40;
// Access rules: does it open something, and may it?
inline constexpr int from_physical_opens = 31, from_physical_rules = 32, to_physical_opens = 33, to_physical_rules = 34;
// Bridged mode (bridge_plan.hpp).
inline constexpr int elected = 61, segment_edge = 62, machines = 63, to_segment = 64, from_segment = 65,
                     from_election = 66, segment_arp = 67, segment_ip = 68, arp_target = 69, arp_answer = 70,
                     segment_route = 71, echo_answer = 72, segment_nd = 73, nd_target = 74, nd_answer = 75,
                     nd_answered = 76;
inline constexpr int first_of_bridging = 60, last_of_bridging = 79;
}  // namespace table

namespace bridge_group {
inline constexpr std::uint32_t arp = 60, echo = 61, nd = 62;
}
inline constexpr int candidacy_priority = 100;  // in from_election: lets this gateway's advertisements out

// In destination and from_segment: what is for everybody on a bridged segment, and is not carried.
inline constexpr int broadcast_priority = 61;

inline constexpr int liveness_priority = 250;  // in from_tunnel: what answers the nodes' BFD

inline constexpr int vip_priority = 120;  // in destination: a VIP's port

// reg1: where a packet came from.
namespace origin {
inline constexpr int tunnel = 2, kernel = 4, segment = 5, handed = 6 /* over by another gateway */;
}

// A cookie says whose a flow is and from which generation it was made: 0x4d, 48 bits of generation, owner.
enum class FlowOwner : std::uint8_t {
  none = 0,         // not ours
  fixed = 1,        // the same on every gateway
  destination = 3,  // of a port
  layout = 4,       // of networks, subnets, nodes and gateways
  learned = 5,      // by the switch itself: who was elected, where machines are
  access = 6,       // of access rules; in place of the generation: which one
};
inline constexpr std::uint64_t cookie_mark = 0x4d00'0000'0000'0000ULL;
constexpr std::uint64_t cookie_of(FlowOwner owner, std::uint64_t generation = 0) {
  return cookie_mark | (generation & 0xffff'ffff'ffffULL) << 8 | static_cast<std::uint8_t>(owner);
}
constexpr FlowOwner owner_of(std::uint64_t cookie) {
  const auto owner = static_cast<std::uint8_t>(cookie & 0xffU);
  const bool known = owner == 1 || (owner >= 3 && owner <= 6);
  return cookie >> 56 == cookie_mark >> 56 && known ? static_cast<FlowOwner>(owner) : FlowOwner::none;
}
constexpr std::uint64_t generation_of(std::uint64_t cookie) {
  return cookie >> 8 & 0xffff'ffff'ffffULL;
}

}  // namespace mooring::gateway
