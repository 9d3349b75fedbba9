// What every host of the overlay has in its Open vSwitch, node or gateway: which datapath, how a bridge of ours is
// made, and the one VXLAN port for all peers. Threading: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mooring/net/address.hpp"
#include "mooring/ovs/ovsdb.hpp"

namespace mooring::underlay {

inline constexpr const char* tunnel_port_name = "vxlan0";
inline constexpr std::uint16_t vxlan_udp_port = 4789;  // RFC 7348

enum class Datapath { system, netdev };  // the kernel's; OVS' own in user space
std::string to_string(Datapath datapath);

// Does the kernel have Open vSwitch (generic netlink family "ovs_datapath")? vswitchd lists "system" among its datapath
// types even where it does not.
bool kernel_has_datapath();

// `wish`: "auto" (the kernel's if it is there), "system", "netdev". `unavailable`: vswitchd has not said yet what it
// can, or the wished one is not there.
Result<Datapath> choose_datapath(std::string_view wish, const ovs::OvsdbState& state,
                                 bool kernel_has = kernel_has_datapath());

// A bridge that forwards nothing but by our flows (fail_mode=secure).
ovs::EnsureBridge flow_bridge(std::string name, Datapath datapath);

// vxlan0: `remote_ip=flow`, `key=flow`, one for all peers: a port for each peer makes adding ports slow (measured).
ovs::AddPort tunnel_port(std::string bridge, std::uint32_t ofport, net::Ipv4Address vtep);

// A tunnel to one gateway, with its liveness watched by BFD every 100 ms: down after three that did not come back. What
// comes from that VTEP arrives here, and not by vxlan0.
ovs::AddPort gateway_port(std::string bridge, std::string name, std::uint32_t ofport, net::Ipv4Address vtep,
                          net::Ipv4Address gateway);

}  // namespace mooring::underlay
