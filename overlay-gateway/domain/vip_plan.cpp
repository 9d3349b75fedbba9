// The flows of VIPs: a connection from the physical side, or one that a node has relayed, goes to the back end that a
// group of the switch picks; the VIP stays in the packet (docs/howto/vips.md).
#include <fmt/format.h>

#include "overlay-gateway/domain/flow_plan.hpp"

namespace mooring::gateway {

std::vector<directory::VipWay> FlowPlan::vip_ways(const std::string& name) const {
  std::vector<directory::VipWay> ways;
  const auto vip = directory_.vips().find(name);
  if (vip == directory_.vips().end() || vip->second.network != settings_.network) {
    return ways;
  }
  for (const directory::VipBackend& backend : used_backends(vip->second)) {
    const auto port = directory_.find(backend.at);
    const auto vtep = port ? directory_.vtep_of(port->node) : std::nullopt;
    if (vtep && *vtep != settings_.vtep) {
      ways.push_back(
          {backend.at.address,
           fmt::format("set_field:{}->eth_dst,set_field:{}->tun_dst,set_field:{}->tun_id,output:{}",
                       directory::vip_mac(backend.at.address), vtep->str(), backend.at.vni.value(), port::vxlan)});
    }
  }
  return ways;
}

std::vector<std::string> FlowPlan::switch_groups(const FlowGroup& group) const {
  std::vector<std::string> groups;
  const auto ways = group.kind == FlowGroup::Kind::vip ? vip_ways(group.name) : std::vector<directory::VipWay>();
  if (!ways.empty()) {
    groups.push_back(
        vip_group_text(directory::vip_group::all(directory_.vips().find(group.name)->second.number), ways));
  }
  return groups;
}

std::vector<std::string> FlowPlan::vip_lines(const std::string& name) const {
  std::vector<std::string> lines;
  if (vip_ways(name).empty()) {
    return lines;  // then it is an address without a port
  }
  const directory::Vip& vip = directory_.vips().find(name)->second;
  for (const directory::VipPort& port : vip.ports) {
    lines.push_back(fmt::format("table={},priority={},cookie=0x{:x},{}{}={},tp_dst={},actions=group:{}",
                                table::destination, vip_priority, cookie_of(FlowOwner::layout), port.protocol(),
                                vip.at.address.is_v4() ? ",nw_dst" : "6,ipv6_dst", vip.at.address.str(), port.port,
                                directory::vip_group::all(vip.number)));
  }
  for (const BridgedSubnet& subnet : bridged()) {
    if (subnet.vni == vip.at.vni && subnet.block_of(vip.at.address) != nullptr) {
      const auto spoken_for = bridged_vip_lines(subnet, vip.at.address);
      lines.insert(lines.end(), spoken_for.begin(), spoken_for.end());
    }
  }
  return lines;
}

void FlowPlan::add_vips(const directory::Changes& changes, FlowGroups& groups) const {
  for (const std::string& name : changes.vips) {
    groups.insert(vip_group(name));
  }
  for (const PortKey& key : changes.ports) {
    for (const std::string& name : directory_.vips_of(key)) {
      groups.insert(vip_group(name));
    }
  }
  if (!changes.nodes.empty()) {
    for (const auto& [name, vip] : directory_.vips()) {
      groups.insert(vip_group(name));
    }
  }
}

}  // namespace mooring::gateway
