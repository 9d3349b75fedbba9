#include "overlay-gateway/domain/flow_plan.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "mooring/directory/gateway_ports.hpp"
#include "mooring/net/blocks_of.hpp"
#include "overlay-gateway/domain/access_plan.hpp"

namespace mooring::gateway {
namespace {

using Kind = FlowGroup::Kind;

std::string flow(int in_table, int priority, std::uint64_t cookie, std::string_view match, std::string_view actions) {
  return fmt::format("table={},priority={},cookie=0x{:x},{}{}actions={}", in_table, priority, cookie, match,
                     match.empty() ? "" : ",", actions);
}
std::string fixed(int in_table, int priority, std::string_view match, std::string_view actions) {
  return flow(in_table, priority, cookie_of(FlowOwner::fixed), match, actions);
}
std::string layout(int in_table, int priority, std::string_view match, std::string_view actions) {
  return flow(in_table, priority, cookie_of(FlowOwner::layout), match, actions);
}
// "ip" or "ipv6", what every match on an address begins with.
std::string_view protocol(net::Family family) {
  return family == net::Family::v4 ? "ip" : "ipv6";
}
std::string to_block(const net::IpCidr& block) {
  return (block.family() == net::Family::v4 ? "ip,nw_dst=" : "ipv6,ipv6_dst=") + block.str();
}
std::string from_block(const net::IpCidr& block) {
  return (block.family() == net::Family::v4 ? "ip,nw_src=" : "ipv6,ipv6_src=") + block.str();
}
constexpr net::Family families[] = {net::Family::v4, net::Family::v6};
std::string go(int to_table) {
  return fmt::format("goto_table:{}", to_table);
}

FlowGroup destination_group(PortKey key) {
  FlowGroup group;
  group.kind = Kind::destination;
  group.key = key;
  return group;
}
FlowGroup layout_group() {
  FlowGroup group;
  group.kind = Kind::layout;
  return group;
}
FlowGroup bridge_group_of_flows() {
  FlowGroup group;
  group.kind = Kind::bridge;
  return group;
}

}  // namespace

FlowGroup vip_group(const std::string& name) {
  FlowGroup group;
  group.kind = Kind::vip;
  group.name = name;
  return group;
}

FlowPlan::FlowPlan(const directory::Directory& directory, GatewaySettings settings)
    : directory_(directory), settings_(std::move(settings)) {}

std::vector<directory::Subnet> FlowPlan::subnets() const {
  std::vector<directory::Subnet> found;
  for (const net::Family family : families) {
    for (const auto& [name, subnet] : directory_.subnets(family)) {
      if (subnet.network == settings_.network) {
        found.push_back(subnet);
      }
    }
  }
  return found;
}

std::set<net::Ipv4Address> FlowPlan::peers() const {
  std::set<net::Ipv4Address> vteps;
  for (const auto& [name, node] : directory_.nodes()) {
    vteps.insert(node.vtep);
  }
  for (const auto& [name, gateway] : directory_.gateways()) {
    vteps.insert(gateway.vtep);
  }
  vteps.erase(settings_.vtep);
  return vteps;
}

std::vector<std::string> FlowPlan::lines(const FlowGroup& group) const {
  switch (group.kind) {
    case Kind::fixed:
      return fixed_lines();
    case Kind::layout:
      return layout_lines();
    case Kind::destination:
      return destination_lines(group.key);
    case Kind::liveness:
      return liveness_lines();
    case Kind::access_gate:
      return access_gate_lines(directory_, settings_.network);
    case Kind::access_rule:
      if (const auto* rule = access_rule_with(directory_, settings_.network, group.rule)) {
        return access_rule_lines(directory_, *rule);
      }
      return {};
    case Kind::bridge:
      return bridge_group_lines();
    case Kind::candidacy:
      return stands_ ? candidacy_lines(bridged(), settings_.vtep) : std::vector<std::string>();
    case Kind::vip:
      return vip_lines(group.name);
  }
  return {};
}

FlowGroup FlowPlan::liveness_group() {
  FlowGroup group;
  group.kind = Kind::liveness;
  return group;
}

FlowGroup FlowPlan::candidacy_group() {
  FlowGroup group;
  group.kind = Kind::candidacy;
  return group;
}

std::vector<BridgedSubnet> FlowPlan::bridged() const {
  return settings_.bridges ? bridged_subnets(directory_, settings_.network) : std::vector<BridgedSubnet>();
}

std::vector<std::string> FlowPlan::bridge_group_lines() const {
  BridgeFacts facts;
  facts.bridged = bridged();
  for (const directory::Subnet& subnet : subnets()) {
    facts.subnets.push_back(subnet.cidr);
  }
  for (const auto& [name, gateway] : directory_.gateways()) {
    if (gateway.network == settings_.network && gateway.vtep != settings_.vtep) {
      facts.gateways.insert(gateway.vtep);
    }
  }
  const auto known = directory_.networks().find(settings_.network);
  facts.isolated = known != directory_.networks().end() && known->second.isolated;
  std::vector<std::string> lines = bridge_lines(facts);
  for (const auto& [first, block] : directory_.blocks()) {
    for (const BridgedSubnet& subnet : facts.bridged) {
      if (block.vni != subnet.vni || subnet.block_of(block.range.first) == nullptr) {
        continue;
      }
      for (const net::IpCidr& part : net::blocks_of(block.range)) {
        for (std::string& line : bridge_block_lines(subnet, part)) {
          lines.push_back(std::move(line));
        }
      }
    }
  }
  return lines;
}

// A node's BFD packet (RFC 5881: UDP 3784; in a tunnel without a VNI) goes back as it came: the node has a session with
// itself, through this switch, and no state of it is here.
std::vector<std::string> FlowPlan::liveness_lines() const {
  if (!answers_) {
    return {};
  }
  return {layout(table::from_tunnel, liveness_priority, "udp,tun_id=0,tp_dst=3784",
                 fmt::format("move:NXM_NX_TUN_IPV4_SRC[]->NXM_NX_TUN_IPV4_DST[],load:0->NXM_NX_TUN_IPV4_SRC[],"
                             "load:0->NXM_OF_IN_PORT[],output:{}",
                             port::vxlan))};
}

std::vector<std::string> FlowPlan::fixed_lines() const {
  std::vector<std::string> lines;
  lines.push_back(fixed(table::classify, 100, fmt::format("in_port={}", port::vxlan), go(table::known_senders)));
  lines.push_back(fixed(table::classify, 100, fmt::format("in_port={}", port::foot), go(table::from_kernel)));
  lines.push_back(fixed(table::classify, 0, "", "drop"));
  lines.push_back(fixed(table::known_senders, 0, "", "drop"));
  // Relayed or hairpinned once already: a gateway delivers nothing, so it can only go round.
  lines.push_back(fixed(table::from_tunnel, 200, fmt::format("dl_dst={}", hop_mac), "drop"));
  lines.push_back(fixed(table::from_tunnel, 0, "", "drop"));
  lines.push_back(fixed(table::relayed, 0, "", go(table::destination)));
  // A marked packet finds no route in the userspace datapath: "native tunnel routing failed".
  for (const net::Family family : families) {
    lines.push_back(fixed(table::from_kernel, 100, protocol(family),
                          fmt::format("set_field:0->pkt_mark,set_field:{}->reg1,set_field:{}->eth_src,"
                                      "set_field:{}->eth_dst,{}",
                                      origin::kernel, virtual_mac, virtual_mac, go(table::from_physical_opens))));
  }
  lines.push_back(fixed(table::from_kernel, 0, "", "drop"));
  // From the kernel nothing goes back to the kernel: no loop between the two.
  lines.push_back(fixed(table::destination, 10, fmt::format("reg1={}", origin::tunnel), go(table::to_physical_opens)));
  lines.push_back(fixed(table::destination, 0, "", "drop"));
  // Not for the physical side: multicast and reserved, loopback, "this network", link-local; nor VXLAN, with which a
  // container could speak to VTEPs from inside; nor the controller.
  for (const char* block : {"224.0.0.0/3", "127.0.0.0/8", "0.0.0.0/8", "169.254.0.0/16"}) {
    lines.push_back(fixed(table::to_kernel, 200, fmt::format("ip,nw_dst={}", block), "drop"));
  }
  for (const char* block : {"ff00::/8", "::1", "::", "::ffff:0.0.0.0/96", "fe80::/10", host_block6}) {
    lines.push_back(fixed(table::to_kernel, 200, fmt::format("ipv6,ipv6_dst={}", block), "drop"));
  }
  lines.push_back(fixed(table::to_kernel, 200, "udp,tp_dst=4789", "drop"));
  lines.push_back(fixed(table::to_kernel, 200, "udp6,tp_dst=4789", "drop"));
  if (const auto& door = settings_.controller) {
    lines.push_back(
        fixed(table::to_kernel, 200, fmt::format("tcp,nw_dst={},tp_dst={}", door->address.str(), door->port), "drop"));
    // Of a fragment the port is not seen.
    lines.push_back(
        fixed(table::to_kernel, 200, fmt::format("tcp,nw_dst={},ip_frag=yes", door->address.str()), "drop"));
  }
  lines.push_back(fixed(table::to_kernel, 100, "ip", to_foot()));
  lines.push_back(fixed(table::to_kernel, 0, "", "drop"));
  for (std::string& line : access_fixed_lines()) {
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string FlowPlan::to_foot() {
  return fmt::format("set_field:{}->eth_dst,output:{}", foot_mac, port::foot);
}

std::vector<std::string> FlowPlan::layout_lines() const {
  std::vector<std::string> lines;
  for (const net::Ipv4Address& vtep : peers()) {
    lines.push_back(layout(table::known_senders, 100, fmt::format("tun_src={}", vtep.str()), go(table::from_tunnel)));
  }
  for (const auto& port : directory::gateway_ports(directory_)) {
    if (port.vtep != settings_.vtep) {  // what another gateway sends may come in there or by vxlan0
      lines.push_back(layout(table::classify, 100, fmt::format("in_port={}", port.ofport), go(table::known_senders)));
    }
  }
  const auto known = directory_.networks().find(settings_.network);
  const bool isolated = known != directory_.networks().end() && known->second.isolated;
  const std::vector<directory::Subnet> ours = subnets();
  std::set<net::Vni> vnis;
  for (const directory::Subnet& subnet : ours) {
    vnis.insert(subnet.vni);
    // Lower than the ports' flows: an address of ours without a port. The kernel must not see it, it would send it
    // back. Of a bridged subnet it may be a machine's (bridge_plan.cpp).
    if (!settings_.bridges || !subnet.bridged_vlan) {
      lines.push_back(layout(table::destination, 50, to_block(subnet.cidr), "drop"));
    }
    // Nobody on the physical side speaks for a container.
    // For the counting: what nodes had no flow for, by the subnet that it is for.
    lines.push_back(flow(table::relayed, 100, cookie_of(FlowOwner::layout, subnet.vni.value()), to_block(subnet.cidr),
                         go(table::destination)));
    lines.push_back(layout(table::from_kernel, 150, from_block(subnet.cidr), "drop"));
    if (subnet.cidr.family() == net::Family::v6) {  // of IPv4 the kernel looks at the source: reverse path filter
      lines.push_back(layout(table::to_kernel, 100, from_block(subnet.cidr), to_foot()));
    }
  }
  // Addresses leased to a node: what of them has no port of its own is there.
  for (const auto& [first, block] : directory_.blocks()) {
    const auto vtep = directory_.vtep_of(block.node);
    const bool inside = std::any_of(ours.begin(), ours.end(), [&, &leased = block](const directory::Subnet& subnet) {
      return subnet.vni == leased.vni && subnet.cidr.contains(leased.range.first);
    });
    if (!inside || !vtep || *vtep == settings_.vtep) {
      continue;
    }
    for (const net::IpCidr& part : net::blocks_of(block.range)) {
      lines.push_back(layout(table::destination, 80, to_block(part),
                             fmt::format("set_field:{}->tun_dst,set_field:{}->tun_id,output:{}", vtep->str(),
                                         block.vni.value(), port::vxlan)));
    }
  }
  for (const net::Vni& vni : vnis) {
    // in_port is cleared: OVS does not send a packet out of the port that it came from.
    for (const net::Family family : families) {
      lines.push_back(layout(table::from_tunnel, 100, fmt::format("{},tun_id={}", protocol(family), vni.value()),
                             fmt::format("set_field:{}->reg1,set_field:{}->eth_dst,load:0->NXM_OF_IN_PORT[],{}",
                                         origin::tunnel, hop_mac, go(table::relayed))));
    }
    for (const directory::Subnet& subnet : ours) {
      if (isolated && subnet.vni != vni) {
        lines.push_back(
            layout(table::from_tunnel, 150, fmt::format("tun_id={},{}", vni.value(), to_block(subnet.cidr)), "drop"));
      }
    }
  }
  return lines;
}

std::vector<std::string> FlowPlan::destination_lines(PortKey key) const {
  const auto entry = directory_.find(key);
  if (!entry) {
    return {};
  }
  // One flow an address: within a network subnets do not overlap, so a port outside of its own VNI's subnets is none.
  const auto& subnets = directory_.subnets(key.address.family());
  const bool ours = std::any_of(subnets.begin(), subnets.end(), [&](const auto& named) {
    const directory::Subnet& subnet = named.second;
    return subnet.network == settings_.network && subnet.vni == key.vni && subnet.cidr.contains(key.address);
  });
  const auto vtep = directory_.vtep_of(entry->node);
  if (!ours || !vtep || *vtep == settings_.vtep) {
    return {};
  }
  std::vector<std::string> lines;
  for (const BridgedSubnet& subnet : bridged()) {
    if (subnet.vni == key.vni && subnet.block_of(key.address) != nullptr) {
      lines = bridged_port_lines(subnet, key.address, entry->generation);
    }
  }
  lines.insert(lines.begin(), flow(table::destination, 100, cookie_of(FlowOwner::destination, entry->generation),
                                   to_block({key.address, key.address.is_v4() ? 32 : 128}),
                                   fmt::format("set_field:{}->tun_dst,set_field:{}->tun_id,output:{}", vtep->str(),
                                               key.vni.value(), port::vxlan)));
  return lines;
}

FlowGroups FlowPlan::all_groups() const {
  FlowGroups groups{FlowGroup{}, layout_group(), liveness_group(), bridge_group_of_flows(), candidacy_group()};
  directory_.for_each_port([&](const directory::Port& entry) { groups.insert(destination_group(entry.key)); });
  add_access_groups(groups);
  for (const auto& [name, vip] : directory_.vips()) {
    groups.insert(vip_group(name));
  }
  return groups;
}

// (Those that are gone come by the gate: FlowProgram.)
void FlowPlan::add_access_groups(FlowGroups& groups) const {
  FlowGroup group;
  group.kind = Kind::access_gate;
  groups.insert(group);
  group.kind = Kind::access_rule;
  for (const auto& [name, rule] : directory_.access_rules()) {
    if (rule.terms.network == settings_.network) {
      group.rule = access_id_of(rule.terms);
      groups.insert(group);
    }
  }
}

FlowGroups FlowPlan::affected_by(const directory::Changes& changes) const {
  // After a change of layout ports may have come into the network or left it.
  FlowGroups groups = changes.layout ? all_groups() : FlowGroups{};
  for (const PortKey& key : changes.ports) {
    groups.insert(destination_group(key));  // also those that are gone
  }
  add_vips(changes, groups);
  if (!changes.nodes.empty() || !changes.gateways.empty() || changes.blocks) {
    groups.insert(layout_group());
    if (settings_.bridges) {
      groups.insert(bridge_group_of_flows());
    }
  }
  if (changes.access) {
    add_access_groups(groups);
  }
  if (!changes.nodes.empty()) {
    directory_.for_each_port([&](const directory::Port& entry) {
      if (changes.nodes.contains(std::string(entry.node))) {
        groups.insert(destination_group(entry.key));
      }
    });
  }
  return groups;
}

bool may_delete(const ovs::Flow& flow, const directory::Directory& directory) {
  switch (owner_of(flow.cookie)) {
    case FlowOwner::none:   // somebody else's on a bridge that is ours alone
    case FlowOwner::fixed:  // follows from this program
      return true;
    case FlowOwner::layout:
    case FlowOwner::access:
      return directory.complete();
    case FlowOwner::destination:
      return directory.complete() && directory.revision() >= generation_of(flow.cookie);
    case FlowOwner::learned:  // ends by itself
      return false;
  }
  return false;
}

}  // namespace mooring::gateway
