// The ports of a br-tun to gateways, one each, of nodes and of other gateways: a tunnel with a fixed remote end, so
// that the switch itself watches by BFD (RFC 5880) whether the gateway is alive. The number of a port follows from the
// gateways' VTEPs alone: flows and groups can be computed before the port is there, and are the same after a restart.
// Of two VTEPs that would get one number the higher one takes the next free one. Pure. Threading: values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mooring/directory/directory.hpp"

namespace mooring::directory {

struct GatewayPort {
  std::string interface;  // "gw-ac1f0102": the VTEP, as long as the kernel lets a name be
  std::uint32_t ofport = 0;
  std::string gateway;
  std::string network;
  net::Ipv4Address vtep;
  bool operator==(const GatewayPort&) const = default;
};

inline constexpr const char* gateway_port_prefix = "gw-";
inline constexpr std::uint32_t first_gateway_port = 100, last_gateway_port = 60'099;

// Of all gateways of the directory, by VTEP.
std::vector<GatewayPort> gateway_ports(const Directory& directory);

}  // namespace mooring::directory
