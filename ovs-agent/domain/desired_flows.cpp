#include "ovs-agent/domain/desired_flows.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "mooring/directory/gateway_ports.hpp"
#include "ovs-agent/domain/flow_lines.hpp"
#include "ovs-agent/domain/miss.hpp"

namespace mooring::agent {
namespace {

using Kind = FlowGroup::Kind;

FlowGroup group(Kind kind, PortKey key) {
  FlowGroup value;
  value.kind = kind;
  value.key = key;
  return value;
}
FlowGroup segment_group(net::Vni vni) {
  return group(Kind::segment, PortKey{vni, {}});
}
FlowGroup from_host_group(net::IpAddress address) {
  return group(Kind::from_host, PortKey{{}, address});
}
FlowGroup sender_group(const std::string& vtep) {
  FlowGroup value;
  value.kind = Kind::sender;
  value.name = vtep;
  return value;
}
FlowGroup port_group(const Attachment& attachment) {
  FlowGroup value;
  value.kind = Kind::port;
  value.attachment = attachment;
  return value;
}

}  // namespace

FlowGroup destination_group(PortKey key) {
  return group(Kind::destination, key);
}

FlowGroup hairpin_group(PortKey key) {
  return group(Kind::hairpin, key);
}

std::vector<FlowGroup> groups_of_entry(PortKey key) {
  return {group(Kind::destination, key), group(Kind::extra, key), group(Kind::hairpin, key),
          from_host_group(key.address), backend_group(key)};
}

FlowPlan::FlowPlan(const directory::Directory& directory, const LocalPorts& ports, HostSettings settings,
                   const WorkingSet& in_use)
    : directory_(directory), ports_(ports), settings_(std::move(settings)), in_use_(in_use) {}

FlowLines FlowPlan::lines(const FlowGroup& group) const {
  switch (group.kind) {
    case Kind::fixed:
      return fixed_lines();
    case Kind::sender:
      return sender_lines(group.name);
    case Kind::segment:
      return segment_lines(group.key.vni);
    case Kind::port:
      return port_lines(group.attachment);
    case Kind::extra:
      return extra_lines(group.key);
    case Kind::from_host:
      return from_host_lines(group.key.address);
    case Kind::destination:
      return destination_lines(group.key);
    case Kind::hairpin:
      return hairpin_lines(group.key);
    case Kind::vip:
      return vip_lines(group.name);
    case Kind::backend:
      return backend_lines(group.key);
  }
  return {};
}

FlowLines FlowPlan::sender_lines(const std::string& vtep) const {
  FlowLines lines;
  const auto address = net::Ipv4Address::parse(vtep);
  if (address && *address != settings_.vtep && directory_.is_vtep(*address)) {
    lines.br_tun.push_back(layout(tun_table::known_senders, 100, fmt::format("tun_src={}", vtep),
                                  fmt::format("goto_table:{}", tun_table::from_tunnel)));
    for (const auto& port : directory::gateway_ports(directory_)) {
      if (port.vtep == *address) {  // what it sends may come in there or by vxlan0
        lines.br_tun.push_back(layout(tun_table::classify, 100, fmt::format("in_port={}", port.ofport),
                                      fmt::format("goto_table:{}", tun_table::known_senders)));
      }
    }
  }
  return lines;
}

FlowLines FlowPlan::segment_lines(net::Vni vni) const {
  FlowLines lines;
  std::set<net::IpCidr> own;  // what the ports of this VNI have on their link
  for (const auto& [segment, ports] : ports_.segments()) {
    if (segment.vni == vni) {
      own.insert(segment.cidr);
    }
  }
  if (!vnis_in_use().contains(vni)) {
    return lines;
  }
  for (const auto& cidr : own) {
    const auto question =
        cidr.family() == net::Family::v4
            ? fmt::format("arp,reg0={},arp_op=1,arp_tpa={}", vni.value(), cidr.str())
            : fmt::format("icmp6,reg0={},icmp_type=135,icmp_code=0,nd_target={}", vni.value(), cidr.str());
    lines.br_int.push_back(cidr.family() == net::Family::v4
                               ? layout(int_table::arp_responder, 100, question, arp_answer())
                               : layout(int_table::nd_responder, 100, question, nd_answer_begun()));
  }
  const std::string network(directory_.network_of(vni));
  if (network.empty()) {
    return lines;  // not known yet: its own ports can speak to one another
  }
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    if (std::any_of(own.begin(), own.end(), [&](const auto& cidr) { return cidr.family() == family; })) {
      add_routes(lines, vni, network, family);
    }
  }
  add_ways_out(lines, vni, network);
  return lines;
}

// For what has no flow of its own. An address of a subnet is a container's: a gateway relays the packet and we are
// told, or, without a gateway, we get it. Any other address is on the physical side, for good.
void FlowPlan::add_ways_out(FlowLines& lines, net::Vni vni, const std::string& network) const {
  const auto gateways = directory_.gateways_of(network);
  const auto* gateway = gateway_for(settings_.node, gateways);
  const auto mark = fmt::format("pkt_mark={}", vni.value());
  if (gateway != nullptr) {
    for (const char* protocol : {"ip,", "ipv6,"}) {
      lines.br_tun.push_back(layout(tun_table::to_tunnel, 10, protocol + mark,
                                    fmt::format("group:{}", relay_group::outside(vni.value()))));
      lines.br_tun.push_back(
          layout(tun_table::relay, 100, protocol + mark, fmt::format("group:{}", relay_group::miss(vni.value()))));
    }
    add_relay_groups(lines, vni, network, gateway->vtep);
  }
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    for (const auto& [name, subnet] : directory_.subnets(family)) {
      if (subnet.vni == vni) {
        lines.br_tun.push_back(
            layout(tun_table::to_tunnel, 20, fmt::format("{},{}", mark, to_block(subnet.cidr)),
                   fmt::format("goto_table:{}", gateway != nullptr ? tun_table::miss : tun_table::ask)));
      }
    }
  }
}

// The switch itself takes only gateways whose BFD session is up. When none is: what is for a container goes to the
// agent, which has the directory too; what is for the physical side goes to the gateway that may yet be there: sessions
// take a second to come up after a start of the switch, and an older gateway does not answer BFD.
void FlowPlan::add_relay_groups(FlowLines& lines, net::Vni vni, const std::string& network,
                                net::Ipv4Address last_resort) const {
  const std::uint32_t live = relay_group::live(vni.value());
  std::string spread = fmt::format("group_id={},type=select,selection_method=dp_hash", live);
  for (const auto& port : directory::gateway_ports(directory_)) {
    if (port.network == network) {
      spread += fmt::format(
          ",bucket=bucket_id:{0},watch_port:{0},actions=set_field:0->pkt_mark,set_field:{1}->tun_id,output:{0}",
          port.ofport, vni.value());
    }
  }
  lines.br_tun_groups.push_back(std::move(spread));
  const auto first_live = [&](std::uint32_t id, const std::string& otherwise) {
    return fmt::format(
        "group_id={0},type=ff,bucket=bucket_id:1,watch_group:{1},actions=group:{1},bucket=bucket_id:2,watch_port:{2},"
        "actions={3}",
        id, live, port::patch_to_integration, otherwise);
  };
  lines.br_tun_groups.push_back(
      first_live(relay_group::miss(vni.value()), fmt::format("resubmit(,{})", tun_table::ask)));
  lines.br_tun_groups.push_back(first_live(relay_group::outside(vni.value()), to_peer(vni, last_resort)));
}

void FlowPlan::add_routes(FlowLines& lines, net::Vni vni, const std::string& network, net::Family family) const {
  const auto known = directory_.networks().find(network);
  const bool isolated = known != directory_.networks().end() && known->second.isolated;
  const char* echo = family == net::Family::v4 ? "icmp,icmp_type=8,icmp_code=0" : "icmp6,icmp_type=128,icmp_code=0";
  for (const auto& [name, subnet] : directory_.subnets(family)) {
    if (subnet.network != network) {
      continue;
    }
    const bool here = subnet.vni == vni;
    if (here || !isolated) {
      lines.br_int.push_back(layout(int_table::route, 240,
                                    fmt::format("{},reg0={},{}", echo, vni.value(), to_address(subnet.gateway)),
                                    echo_answer(family)));
    }
    if (here && family == net::Family::v6) {
      lines.br_int.push_back(
          layout(int_table::nd_answer, 110,
                 fmt::format("icmp6,icmp_type=136,icmp_code=0,reg0={},{}", vni.value(), from_address(subnet.gateway)),
                 nd_answer_finished(true)));
    }
    if (!here) {
      lines.br_int.push_back(layout(
          int_table::route, 200, fmt::format("reg0={},{}", vni.value(), to_block(subnet.cidr)),
          isolated ? "drop"
                   : fmt::format("dec_ttl,set_field:{}->reg0,goto_table:{}", subnet.vni.value(), int_table::policy)));
    }
  }
}

FlowLines FlowPlan::from_host_lines(net::IpAddress address) const {
  FlowLines lines;
  const auto open = open_at(address, ports_, directory_);
  if (!open.empty()) {
    const PortRecord& record = open.front()->record;
    lines.br_int.push_back(
        flow_line(int_table::from_host, 100, FlowOwner::local_port, record.generation, to_address(address),
                  fmt::format("set_field:{}->reg0,goto_table:{}", record.vni.value(), int_table::local_delivery)));
  }
  return lines;
}

FlowLines FlowPlan::destination_lines(PortKey key) const {
  FlowLines lines;
  const auto way = in_use_.contains(key) ? way_to(key, directory_, ports_, settings_.vtep) : std::nullopt;
  if (way) {
    lines.br_tun.push_back(flow_line(tun_table::to_tunnel, 100, FlowOwner::destination, way->generation,
                                     fmt::format("pkt_mark={},{}", key.vni.value(), to_address(key.address)),
                                     to_peer(key.vni, way->vtep)));
  } else if (in_use_.contains(key) && beyond_gateways(key, directory_, ports_)) {
    lines.br_tun.push_back(flow_line(tun_table::to_tunnel, 100, FlowOwner::destination, 0,
                                     fmt::format("pkt_mark={},{}", key.vni.value(), to_address(key.address)),
                                     fmt::format("group:{}", relay_group::outside(key.vni.value()))));
  }
  return lines;
}

FlowLines FlowPlan::hairpin_lines(PortKey key) const {
  FlowLines lines;
  if (ports_.at(key).empty() && !ports_.departed(key)) {
    return lines;
  }
  if (const auto way = way_to(key, directory_, ports_, settings_.vtep)) {
    // in_port is cleared: OVS does not send a packet out of the port that it came from.
    lines.br_tun.push_back(flow_line(
        tun_table::from_tunnel, 100, FlowOwner::destination, way->generation,
        fmt::format("tun_id={},{}", key.vni.value(), to_address(key.address)),
        fmt::format("set_field:{}->eth_dst,set_field:{}->tun_dst,set_field:{}->tun_id,load:0->NXM_OF_IN_PORT[],"
                    "output:{}",
                    hop_mac, way->vtep.str(), key.vni.value(), port::vxlan)));
  }
  return lines;
}

std::set<net::Vni> FlowPlan::vnis_in_use() const {
  std::set<net::Vni> vnis;
  std::set<std::string_view> networks;
  for (const auto& [segment, ports] : ports_.segments()) {
    vnis.insert(segment.vni);
    networks.insert(directory_.network_of(segment.vni));
  }
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    for (const auto& [name, subnet] : directory_.subnets(family)) {
      if (networks.contains(subnet.network)) {
        vnis.insert(subnet.vni);  // routed to by our ports
      }
    }
  }
  return vnis;
}

std::set<std::string> FlowPlan::peers() const {
  std::set<std::string> vteps;
  for (const auto& [name, node] : directory_.nodes()) {
    vteps.insert(node.vtep.str());
  }
  for (const auto& [name, gateway] : directory_.gateways()) {
    vteps.insert(gateway.vtep.str());
  }
  vteps.erase(settings_.vtep.str());
  return vteps;
}

FlowGroups FlowPlan::segment_groups() const {
  FlowGroups groups;
  for (const auto& vni : vnis_in_use()) {
    groups.insert(segment_group(vni));
  }
  return groups;
}

FlowGroups FlowPlan::all_groups() const {
  FlowGroups groups = segment_groups();
  groups.merge(vip_groups());
  groups.insert(FlowGroup{});
  for (const auto& vtep : peers()) {
    groups.insert(sender_group(vtep));
  }
  for (const auto& [attachment, port] : ports_.all()) {
    groups.merge(affected_by_port(port));
  }
  for (const PortKey key : in_use_.keys()) {
    groups.insert(destination_group(key));
  }
  for (const PortKey key : ports_.departed()) {
    groups.insert(hairpin_group(key));
  }
  return groups;
}

FlowGroups FlowPlan::affected_by_port(const LocalPort& port) const {
  FlowGroups groups;
  groups.insert(port_group(port.record.attachment));
  for (const PortKey extra : directory_.extras_of(port.record.attachment.str())) {
    groups.insert(group(Kind::extra, extra));
    groups.insert(from_host_group(extra.address));
  }
  for (const PortKey key : port.record.keys()) {
    groups.insert(from_host_group(key.address));
    groups.insert(group(Kind::destination, key));
    groups.insert(hairpin_group(key));
    groups.insert(backend_group(key));
    add_vips_of(key, groups);
    for (const LocalPort* other : ports_.at(key)) {
      groups.insert(port_group(other->record.attachment));
    }
  }
  return groups;
}

FlowGroups FlowPlan::affected_by(const directory::Changes& changes) const {
  FlowGroups groups;
  for (const auto& key : changes.ports) {  // a snapshot names them all: only those that concern this node
    if (in_use_.contains(key)) {
      groups.insert(destination_group(key));
    }
    if (ports_.departed(key)) {
      groups.insert(hairpin_group(key));
    }
    if (const auto entry = directory_.find(key); entry && entry->own && entry->extra) {
      groups.insert(group(Kind::extra, key));
      groups.insert(from_host_group(key.address));
    }
    for (const LocalPort* port : ports_.at(key)) {
      groups.merge(affected_by_port(*port));
    }
    add_vips_of(key, groups);
  }
  for (const std::string& name : changes.vips) {
    add_vip(name, groups);
  }
  if (!changes.nodes.empty() || changes.layout) {
    groups.merge(vip_groups());
  }
  if (changes.blocks) {
    for (const PortKey key : in_use_.keys()) {
      if (!directory_.find(key)) {
        groups.insert(destination_group(key));
      }
    }
    for (const auto& [attachment, port] : ports_.all()) {
      if (!port.record.given.empty()) {
        groups.merge(affected_by_port(port));
      }
    }
  }
  if (changes.completeness) {  // gates that stood open on their record alone
    for (const auto& [attachment, port] : ports_.all()) {
      groups.merge(affected_by_port(port));
    }
  }
  if (!changes.nodes.empty() || !changes.gateways.empty()) {
    for (const auto& vtep : peers()) {
      groups.insert(sender_group(vtep));
    }
  }
  if (!changes.nodes.empty()) {
    const auto moves = [&](PortKey key) {
      const auto entry = directory_.find(key);
      const directory::Block* block = entry ? nullptr : directory_.block_at(key);
      return (entry && changes.nodes.contains(std::string(entry->node))) ||
             (block != nullptr && changes.nodes.contains(block->node));
    };
    for (const PortKey key : in_use_.keys()) {
      if (moves(key)) {
        groups.insert(destination_group(key));
      }
    }
    for (const PortKey key : ports_.departed()) {
      if (moves(key)) {
        groups.insert(hairpin_group(key));
      }
    }
    for (const auto& [attachment, port] : ports_.all()) {  // a shut one whose address lives there
      for (const PortKey key : port.record.keys()) {
        if (moves(key)) {
          groups.insert(hairpin_group(key));
        }
      }
    }
  }
  if (changes.layout || !changes.gateways.empty()) {
    groups.merge(segment_groups());
    for (const PortKey key : in_use_.keys()) {
      if (!directory_.find(key)) {  // a machine behind a gateway, perhaps
        groups.insert(destination_group(key));
      }
    }
  }
  return groups;
}

}  // namespace mooring::agent
