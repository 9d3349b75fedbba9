#include "mooring/directory/gateway_ports.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace mooring::directory {

std::vector<GatewayPort> gateway_ports(const Directory& directory) {
  std::vector<GatewayPort> ports;
  for (const auto& [name, gateway] : directory.gateways()) {
    GatewayPort port;
    port.interface = fmt::format("{}{:08x}", gateway_port_prefix, gateway.vtep.bits());
    port.gateway = name;
    port.network = gateway.network;
    port.vtep = gateway.vtep;
    ports.push_back(std::move(port));
  }
  std::sort(ports.begin(), ports.end(), [](const auto& a, const auto& b) { return a.vtep < b.vtep; });
  std::set<std::uint32_t> taken;
  constexpr std::uint32_t room = last_gateway_port - first_gateway_port + 1;
  for (GatewayPort& port : ports) {
    port.ofport = first_gateway_port + port.vtep.bits() % room;
    while (!taken.insert(port.ofport).second) {
      port.ofport = port.ofport == last_gateway_port ? first_gateway_port : port.ofport + 1;
    }
  }
  return ports;
}

}  // namespace mooring::directory
