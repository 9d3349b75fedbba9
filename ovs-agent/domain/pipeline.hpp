// The numbers of a node's two bridges, as docs/ovs-pipeline.md gives them out: change both together.
// Pure. Threading: constants.
#pragma once

#include <array>
#include <cstdint>

namespace mooring::agent {

inline constexpr const char* integration_bridge = "br-int";
inline constexpr const char* tunnel_bridge = "br-tun";

// Answers every ARP and ND question, is the source of every delivered packet and the gateway address' MAC.
inline constexpr const char* virtual_mac = "0a:6d:6f:6f:72:01";
inline constexpr std::array<std::uint8_t, 6> virtual_mac_bytes = {0x0a, 0x6d, 0x6f, 0x6f, 0x72, 0x01};
// Inner destination of a packet that was relayed or hairpinned once: deliver or drop, never forward again.
inline constexpr const char* hop_mac = "0a:6d:6f:6f:72:02";
// Of mooring0: the host as its local pods see it. The same on every node, it never crosses a tunnel.
inline constexpr const char* host_mac = "0a:6d:6f:6f:72:03";
inline constexpr const char* host_address = "169.254.77.2";
inline constexpr const char* host_gateway = "169.254.77.1";  // what host routes go "via"; its MAC is the virtual one
// The same for IPv6. Unique local addresses: a link-local one would not be reached by the pods' default route.
inline constexpr const char* host_block6 = "fd6d:6f6f:7269:6e67::/64";
inline constexpr const char* host_address6 = "fd6d:6f6f:7269:6e67::2";
inline constexpr const char* host_gateway6 = "fd6d:6f6f:7269:6e67::1";

namespace port {
inline constexpr const char* patch_to_tunnel_name = "patch-tun";
inline constexpr const char* host_name = "mooring0";
inline constexpr const char* patch_to_integration_name = "patch-int";
inline constexpr std::uint32_t patch_to_tunnel = 65000;   // br-int
inline constexpr std::uint32_t host = 65001;              // br-int, mooring0
inline constexpr std::uint32_t patch_to_integration = 1;  // br-tun
inline constexpr std::uint32_t vxlan = 2;                 // br-tun
// 100 to 60099: br-tun, one to each gateway (mooring/directory/gateway_ports.hpp)
inline constexpr std::uint32_t first_pod = 1, last_pod = 60000;  // br-int
}  // namespace port

namespace int_table {  // br-int
inline constexpr int classify = 0, spoof_guard = 10, vip_packet = 12, vip_answer = 14, arp_responder = 20,
                     nd_responder = 21, nd_answer = 22, route = 30, policy = 32, from_host = 35, to_host = 36,
                     local_delivery = 40, to_tunnel_bridge = 50;
}
namespace tun_table {  // br-tun
inline constexpr int classify = 0, known_senders = 10, from_tunnel = 11, to_tunnel = 20, miss = 21, relay = 22,
                     ask = 23;
}

// Groups of br-tun, three for each VNI of a network with gateways; a group may lead to those of lower ids.
namespace relay_group {
constexpr std::uint32_t live(std::uint32_t vni) {  // spreads over the gateways that are alive
  return 0x0100'0000U | vni;
}
constexpr std::uint32_t miss(std::uint32_t vni) {  // a container's address: a live gateway, else the agent
  return 0x0200'0000U | vni;
}
constexpr std::uint32_t outside(std::uint32_t vni) {  // any other: a live gateway, else one that may be
  return 0x0300'0000U | vni;
}
}  // namespace relay_group

// The conntrack zone of a port that is behind VIPs: what it has with each caller. (One of more than 45,000 ports would
// share another one's.)
constexpr std::uint32_t vip_zone(std::uint32_t ofport) {
  return 0x4d00U + ofport % 45'000U;
}

// The first byte of a `controller` action's user data: what the packet means to the agent.
namespace packet_kind {
inline constexpr std::uint8_t relayed = 1;  // a copy, cut: a gateway has the packet
inline constexpr std::uint8_t whole = 2;    // the packet itself: nobody else has it
}  // namespace packet_kind
inline constexpr int copied_bytes = 128;  // of a relayed packet: its headers

// reg1 of br-int: where a packet came from. reg0 is its VNI.
namespace origin {
inline constexpr int pod = 1, tunnel = 2, host = 3;
}

// A cookie says whose a flow is and from which generation it was made: 0x4d, 48 bits of generation, owner.
enum class FlowOwner : std::uint8_t {
  none = 0,         // not ours
  fixed = 1,        // the same on every node, or from this node's settings
  local_port = 2,   // of a port of this node
  destination = 3,  // of a port elsewhere
  layout = 4,       // of networks, subnets, nodes and gateways
};
inline constexpr std::uint64_t cookie_mark = 0x4d00'0000'0000'0000ULL;
constexpr std::uint64_t cookie_of(FlowOwner owner, std::uint64_t generation = 0) {
  return cookie_mark | (generation & 0xffff'ffff'ffffULL) << 8 | static_cast<std::uint8_t>(owner);
}
constexpr FlowOwner owner_of(std::uint64_t cookie) {
  const auto owner = static_cast<std::uint8_t>(cookie & 0xffU);
  return cookie >> 56 == cookie_mark >> 56 && owner <= 4 ? static_cast<FlowOwner>(owner) : FlowOwner::none;
}
constexpr std::uint64_t generation_of(std::uint64_t cookie) {
  return cookie >> 8 & 0xffff'ffff'ffffULL;
}

}  // namespace mooring::agent
