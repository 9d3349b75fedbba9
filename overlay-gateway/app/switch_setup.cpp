#include "overlay-gateway/app/switch_setup.hpp"

#include <fmt/format.h>

#include "overlay-gateway/domain/pipeline.hpp"

namespace mooring::gateway {

std::vector<ovs::OvsdbOperation> switch_operations(const SwitchWish& wish) {
  ovs::AddPort foot;
  foot.bridge = tunnel_bridge;
  foot.name = foot_name;
  foot.type = "internal";
  foot.ofport_request = port::foot;
  foot.mtu_request = wish.foot_mtu_bytes;
  foot.mac = foot_mac;
  std::vector<ovs::OvsdbOperation> operations;
  operations.emplace_back(underlay::flow_bridge(tunnel_bridge, wish.datapath));
  operations.emplace_back(underlay::tunnel_port(tunnel_bridge, port::vxlan, wish.vtep));
  operations.emplace_back(foot);
  return operations;
}

bool switch_is_whole(const ovs::OvsdbState& state, const std::string& physical_bridge) {
  const auto at = [&](const char* name, std::uint32_t number) {
    const ovs::OvsInterface* interface = state.interface(tunnel_bridge, name);
    return interface != nullptr && interface->ofport == number;
  };
  return at(underlay::tunnel_port_name, port::vxlan) && at(foot_name, port::foot) &&
         (physical_bridge.empty() || state.bridge(physical_bridge) != nullptr);
}

Result<void> bridge_is_free(const ovs::OvsdbState& state) {
  if (state.interface(tunnel_bridge, port::agents_patch) != nullptr) {
    return Error(Errc::in_use,
                 fmt::format("making {}: an agent has it ({} is there)", tunnel_bridge, port::agents_patch),
                 "a gateway needs an Open vSwitch of its own: run it on another host than mooring-agent, or delete the "
                 "bridges of an agent that is gone: ovs-vsctl del-br br-int -- del-br br-tun");
  }
  return ok();
}

}  // namespace mooring::gateway
