#include "mooring/underlay/tunnel.hpp"

#include <fmt/format.h>

namespace mooring::underlay {

std::string to_string(Datapath datapath) {
  return datapath == Datapath::system ? "system" : "netdev";
}

Result<Datapath> choose_datapath(std::string_view wish, const ovs::OvsdbState& state, bool kernel_has) {
  if (state.datapath_types.empty()) {
    return Error(Errc::unavailable, "choosing the datapath: ovs-vswitchd has not said yet which ones it has",
                 "is ovs-vswitchd running?");
  }
  const bool system = kernel_has && state.datapath_types.contains("system");
  if (wish == "netdev" || (wish == "auto" && !system)) {
    return Datapath::netdev;
  }
  if (wish != "auto" && wish != "system") {
    return Error(Errc::invalid_argument, fmt::format("choosing the datapath: '{}' is none", wish),
                 "auto, system or netdev");
  }
  if (!system) {
    return Error(Errc::unavailable, "choosing the datapath 'system': the kernel has no Open vSwitch",
                 "load its module: modprobe openvswitch, or choose netdev");
  }
  return Datapath::system;
}

ovs::EnsureBridge flow_bridge(std::string name, Datapath datapath) {
  ovs::EnsureBridge bridge;
  bridge.name = std::move(name);
  bridge.datapath_type = to_string(datapath);
  bridge.fail_mode = "secure";
  bridge.protocols = {"OpenFlow10", "OpenFlow11", "OpenFlow12", "OpenFlow13", "OpenFlow14", "OpenFlow15"};
  return bridge;
}

ovs::AddPort tunnel_port(std::string bridge, std::uint32_t ofport, net::Ipv4Address vtep) {
  ovs::AddPort port;
  port.bridge = std::move(bridge);
  port.name = tunnel_port_name;
  port.type = "vxlan";
  port.ofport_request = ofport;
  port.options = {
      {"remote_ip", "flow"}, {"key", "flow"}, {"local_ip", vtep.str()}, {"dst_port", std::to_string(vxlan_udp_port)}};
  return port;
}

ovs::AddPort gateway_port(std::string bridge, std::string name, std::uint32_t ofport, net::Ipv4Address vtep,
                          net::Ipv4Address gateway) {
  ovs::AddPort port = tunnel_port(std::move(bridge), ofport, vtep);
  port.name = std::move(name);
  port.options["remote_ip"] = gateway.str();
  port.bfd = {{"enable", "true"}, {"min_tx", "100"}, {"min_rx", "100"}};
  return port;
}

}  // namespace mooring::underlay
