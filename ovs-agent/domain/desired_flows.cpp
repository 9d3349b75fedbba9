#include "ovs-agent/domain/desired_flows.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace mooring::agent {
namespace {

using Kind = FlowGroup::Kind;

// "table=…,priority=…,cookie=…,MATCH,actions=ACTIONS"
std::string flow(int table, int priority, FlowOwner owner, Generation generation, std::string_view match,
                 std::string_view actions) {
  return fmt::format("table={},priority={},cookie=0x{:x},{}{}actions={}", table, priority, cookie_of(owner, generation),
                     match, match.empty() ? "" : ",", actions);
}
std::string fixed(int table, int priority, std::string_view match, std::string_view actions) {
  return flow(table, priority, FlowOwner::fixed, 0, match, actions);
}
std::string layout(int table, int priority, std::string_view match, std::string_view actions) {
  return flow(table, priority, FlowOwner::layout, 0, match, actions);
}

// The question in the packet becomes its answer: VMAC is the MAC of whatever was asked for.
std::string arp_answer() {
  return fmt::format(
      "move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],set_field:{0}->eth_src,set_field:2->arp_op,"
      "move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[],set_field:{0}->arp_sha,move:NXM_OF_ARP_TPA[]->NXM_NX_REG5[],"
      "move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[],move:NXM_NX_REG5[]->NXM_OF_ARP_SPA[],in_port",
      virtual_mac);
}
// The answer goes the way of everything that is for the asking pod (the source MAC is the virtual one already). in_port
// is cleared: OVS does not send a packet out of the port that it came from.
std::string echo_answer() {
  return fmt::format(
      "move:NXM_OF_IP_DST[]->NXM_NX_REG5[],move:NXM_OF_IP_SRC[]->NXM_OF_IP_DST[],move:NXM_NX_REG5[]->NXM_OF_IP_SRC[],"
      "set_field:0->icmp_type,set_field:64->nw_ttl,load:0->NXM_OF_IN_PORT[],goto_table:{}",
      int_table::local_delivery);
}

std::string to_peer(net::Vni vni, net::Ipv4Address vtep) {
  // A marked packet finds no route in the userspace datapath: "native tunnel routing failed".
  return fmt::format("set_field:0->pkt_mark,set_field:{}->tun_dst,set_field:{}->tun_id,output:{}", vtep.str(),
                     vni.value(), port::vxlan);
}

FlowGroup group(Kind kind, PortKey key) {
  FlowGroup value;
  value.kind = kind;
  value.key = key;
  return value;
}
FlowGroup segment_group(net::Vni vni) {
  return group(Kind::segment, PortKey{vni, {}});
}
FlowGroup from_host_group(net::Ipv4Address address) {
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

FlowPlan::FlowPlan(const directory::Directory& directory, const LocalPorts& ports, HostSettings settings)
    : directory_(directory), ports_(ports), settings_(std::move(settings)) {}

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
    case Kind::from_host:
      return from_host_lines(group.key.address);
    case Kind::destination:
      return destination_lines(group.key);
    case Kind::hairpin:
      return hairpin_lines(group.key);
  }
  return {};
}

FlowLines FlowPlan::fixed_lines() const {
  FlowLines lines;
  auto& in = lines.br_int;
  namespace t = int_table;
  in.push_back(fixed(t::classify, 100, fmt::format("in_port={}", port::patch_to_tunnel),
                     fmt::format("move:NXM_NX_PKT_MARK[]->NXM_NX_REG0[],set_field:0->pkt_mark,set_field:{}->reg1,"
                                 "goto_table:{}",
                                 origin::tunnel, t::local_delivery)));
  in.push_back(fixed(
      t::classify, 100, fmt::format("in_port={}", port::host),
      fmt::format("set_field:{}->reg1,set_field:{}->eth_src,goto_table:{}", origin::host, virtual_mac, t::from_host)));
  in.push_back(fixed(t::classify, 0, "", "drop"));
  in.push_back(fixed(t::spoof_guard, 0, "", "drop"));
  in.push_back(fixed(t::arp_responder, 0, "", "drop"));
  // Never to a node, a network or the gateway: multicast and reserved, loopback, "this network", link-local.
  for (const char* block : {"224.0.0.0/3", "127.0.0.0/8", "0.0.0.0/8"}) {
    in.push_back(fixed(t::route, 400, fmt::format("ip,nw_dst={}", block), "drop"));
  }
  in.push_back(
      fixed(t::route, 300, fmt::format("ip,nw_dst={}", host_address), fmt::format("goto_table:{}", t::to_host)));
  in.push_back(fixed(t::route, 250, "ip,nw_dst=169.254.0.0/16", "drop"));
  in.push_back(fixed(t::route, 0, "", fmt::format("goto_table:{}", t::policy)));
  in.push_back(fixed(t::policy, 0, "", fmt::format("goto_table:{}", t::local_delivery)));
  in.push_back(fixed(t::from_host, 0, "", "drop"));

  const std::string to_host = fmt::format("set_field:{}->eth_dst,output:{}", host_mac, port::host);
  // Of a fragment neither ports nor flags can be trusted to be seen: a connection must not be opened by fragments.
  in.push_back(fixed(t::to_host, 310, "tcp,ip_frag=yes", "drop"));
  in.push_back(fixed(t::to_host, 310, "udp,ip_frag=yes", "drop"));
  in.push_back(fixed(t::to_host, 300, "udp,tp_dst=4789", "drop"));
  in.push_back(fixed(t::to_host, 100, fmt::format("tcp,nw_dst={},tcp_flags=+syn-ack", host_address), "drop"));
  in.push_back(fixed(t::to_host, 90, fmt::format("tcp,nw_dst={}", host_address), to_host));
  in.push_back(fixed(t::to_host, 90, fmt::format("icmp,nw_dst={}", host_address), to_host));
  in.push_back(fixed(t::to_host, 0, "", "drop"));
  for (const auto& cidr : settings_.allow_host_cidrs) {
    in.push_back(
        fixed(t::route, 290, fmt::format("ip,nw_dst={}", cidr.str()), fmt::format("goto_table:{}", t::to_host)));
    in.push_back(fixed(t::to_host, 200, fmt::format("ip,nw_dst={}", cidr.str()), to_host));
  }

  in.push_back(fixed(t::local_delivery, 50, fmt::format("reg1={}", origin::pod),
                     fmt::format("goto_table:{}", t::to_tunnel_bridge)));
  in.push_back(fixed(t::local_delivery, 0, "", "drop"));
  in.push_back(fixed(t::to_tunnel_bridge, 0, "",
                     fmt::format("set_field:{}->eth_dst,move:NXM_NX_REG0[]->NXM_NX_PKT_MARK[],output:{}", virtual_mac,
                                 port::patch_to_tunnel)));

  auto& tun = lines.br_tun;
  namespace u = tun_table;
  tun.push_back(
      fixed(u::classify, 100, fmt::format("in_port={}", port::vxlan), fmt::format("goto_table:{}", u::known_senders)));
  tun.push_back(fixed(u::classify, 100, fmt::format("in_port={}", port::patch_to_integration),
                      fmt::format("goto_table:{}", u::to_tunnel)));
  tun.push_back(fixed(u::classify, 0, "", "drop"));
  tun.push_back(fixed(u::known_senders, 0, "", "drop"));
  tun.push_back(fixed(u::from_tunnel, 150, fmt::format("dl_dst={}", hop_mac), "drop"));
  tun.push_back(fixed(u::from_tunnel, 0, "", "drop"));
  tun.push_back(fixed(u::to_tunnel, 0, "", "drop"));
  return lines;
}

FlowLines FlowPlan::sender_lines(const std::string& vtep) const {
  FlowLines lines;
  if (peers().contains(vtep)) {
    lines.br_tun.push_back(layout(tun_table::known_senders, 100, fmt::format("tun_src={}", vtep),
                                  fmt::format("goto_table:{}", tun_table::from_tunnel)));
  }
  return lines;
}

FlowLines FlowPlan::segment_lines(net::Vni vni) const {
  FlowLines lines;
  std::set<net::Cidr> own;  // what the ports of this VNI have on their link
  for (const auto& [segment, ports] : ports_.segments()) {
    if (segment.vni == vni) {
      own.insert(segment.cidr);
    }
  }
  if (!vnis_in_use().contains(vni)) {
    return lines;
  }
  const std::string network(directory_.network_of(vni));
  for (const auto& cidr : own) {
    lines.br_int.push_back(layout(int_table::arp_responder, 100,
                                  fmt::format("arp,reg0={},arp_op=1,arp_tpa={}", vni.value(), cidr.str()),
                                  arp_answer()));
  }
  if (network.empty()) {
    return lines;  // not known yet: its own ports can speak to one another
  }
  const auto known = directory_.networks().find(network);
  const bool isolated = known != directory_.networks().end() && known->second.isolated;
  for (const auto& [name, subnet] : directory_.subnets()) {
    if (own.empty() || subnet.network != network) {
      continue;
    }
    const bool here = subnet.vni == vni;
    if (here || !isolated) {
      lines.br_int.push_back(
          layout(int_table::route, 240,
                 fmt::format("icmp,reg0={},nw_dst={},icmp_type=8,icmp_code=0", vni.value(), subnet.gateway.str()),
                 echo_answer()));
    }
    if (!here) {
      lines.br_int.push_back(layout(
          int_table::route, 200, fmt::format("ip,reg0={},nw_dst={}", vni.value(), subnet.cidr.str()),
          isolated ? "drop"
                   : fmt::format("dec_ttl,set_field:{}->reg0,goto_table:{}", subnet.vni.value(), int_table::policy)));
    }
  }
  const auto gateways = directory_.gateways_of(network);
  if (const auto* gateway = gateway_for(settings_.node, gateways)) {
    lines.br_tun.push_back(
        layout(tun_table::to_tunnel, 10, fmt::format("ip,pkt_mark={}", vni.value()), to_peer(vni, gateway->vtep)));
  }
  return lines;
}

FlowLines FlowPlan::port_lines(const Attachment& attachment) const {
  FlowLines lines;
  const LocalPort* port = ports_.find(attachment);
  if (port == nullptr || !gate_of(*port, directory_).open) {
    return lines;  // shut: what it sends meets no classifying flow, what is for it no delivery
  }
  const PortRecord& record = port->record;
  const auto add = [&](std::vector<std::string>& to, int table, int priority, const std::string& match,
                       const std::string& actions) {
    to.push_back(flow(table, priority, FlowOwner::local_port, record.generation, match, actions));
  };
  const std::string address = record.address.address.str();
  const std::string mac = record.mac.str();
  const auto in_port = fmt::format("in_port={}", port->ofport);
  namespace t = int_table;
  add(lines.br_int, t::classify, 100, in_port,
      fmt::format("set_field:{}->reg0,set_field:{}->reg1,goto_table:{}", record.vni.value(), origin::pod,
                  t::spoof_guard));
  // The source MAC changes here, where it is matched already: elsewhere it would cost a cache entry for each sender.
  add(lines.br_int, t::spoof_guard, 100, fmt::format("{},ip,dl_src={},nw_src={}", in_port, mac, address),
      fmt::format("set_field:{}->eth_src,goto_table:{}", virtual_mac, t::route));
  add(lines.br_int, t::spoof_guard, 100,
      fmt::format("{},arp,dl_src={},arp_spa={},arp_sha={}", in_port, mac, address, mac),
      fmt::format("goto_table:{}", t::arp_responder));
  // Duplicate address detection must see silence.
  add(lines.br_int, t::arp_responder, 200, fmt::format("{},arp,arp_tpa={}", in_port, address), "drop");
  add(lines.br_int, t::local_delivery, 100, fmt::format("ip,reg0={},nw_dst={}", record.vni.value(), address),
      fmt::format("set_field:{}->eth_dst,output:{}", mac, port->ofport));
  add(lines.br_tun, tun_table::from_tunnel, 200, fmt::format("ip,tun_id={},nw_dst={}", record.vni.value(), address),
      fmt::format("set_field:{}->pkt_mark,output:{}", record.vni.value(), port::patch_to_integration));
  return lines;
}

FlowLines FlowPlan::from_host_lines(net::Ipv4Address address) const {
  FlowLines lines;
  for (const LocalPort* port : ports_.at(address)) {
    if (gate_of(*port, directory_).open) {
      lines.br_int.push_back(
          flow(int_table::from_host, 100, FlowOwner::local_port, port->record.generation,
               fmt::format("ip,nw_dst={}", address.str()),
               fmt::format("set_field:{}->reg0,goto_table:{}", port->record.vni.value(), int_table::local_delivery)));
      break;  // networks may overlap: the lowest VNI is the host's
    }
  }
  return lines;
}

FlowLines FlowPlan::destination_lines(PortKey key) const {
  FlowLines lines;
  const auto entry = directory_.find(key);
  if (!entry || entry->own) {
    return lines;
  }
  // Our own port of that address may be newer than what the directory has heard.
  for (const LocalPort* port : ports_.at(key)) {
    if (gate_of(*port, directory_).open) {
      return lines;
    }
  }
  if (const auto vtep = directory_.vtep_of(entry->node); vtep && *vtep != settings_.vtep) {
    lines.br_tun.push_back(flow(tun_table::to_tunnel, 100, FlowOwner::destination, entry->generation,
                                fmt::format("ip,pkt_mark={},nw_dst={}", key.vni.value(), key.address.str()),
                                to_peer(key.vni, *vtep)));
  }
  return lines;
}

FlowLines FlowPlan::hairpin_lines(PortKey key) const {
  FlowLines lines;
  const auto entry = directory_.find(key);
  const auto here = ports_.at(key);
  if (!entry || entry->own || (here.empty() && !ports_.departed(key))) {
    return lines;
  }
  for (const LocalPort* port : here) {
    if (gate_of(*port, directory_).open) {
      return lines;
    }
  }
  if (const auto vtep = directory_.vtep_of(entry->node); vtep && *vtep != settings_.vtep) {
    // in_port is cleared: OVS does not send a packet out of the port that it came from.
    lines.br_tun.push_back(
        flow(tun_table::from_tunnel, 100, FlowOwner::destination, entry->generation,
             fmt::format("ip,tun_id={},nw_dst={}", key.vni.value(), key.address.str()),
             fmt::format("set_field:{}->eth_dst,set_field:{}->tun_dst,set_field:{}->tun_id,load:0->NXM_OF_IN_PORT[],"
                         "output:{}",
                         hop_mac, vtep->str(), key.vni.value(), port::vxlan)));
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
  for (const auto& [name, subnet] : directory_.subnets()) {
    if (networks.contains(subnet.network)) {
      vnis.insert(subnet.vni);  // routed to by our ports
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
  groups.insert(FlowGroup{});
  for (const auto& vtep : peers()) {
    groups.insert(sender_group(vtep));
  }
  for (const auto& [attachment, port] : ports_.all()) {
    groups.merge(affected_by_port(port));
  }
  directory_.for_each_port([&](const directory::Port& entry) {
    if (!entry.own) {
      groups.insert(group(Kind::destination, entry.key));
      if (ports_.departed(entry.key)) {
        groups.insert(group(Kind::hairpin, entry.key));
      }
    }
  });
  return groups;
}

FlowGroups FlowPlan::affected_by_port(const LocalPort& port) const {
  const PortKey key = port.record.key();
  FlowGroups groups;
  groups.insert(port_group(port.record.attachment));
  groups.insert(from_host_group(key.address));
  groups.insert(group(Kind::destination, key));
  groups.insert(group(Kind::hairpin, key));
  for (const LocalPort* other : ports_.at(key)) {
    groups.insert(port_group(other->record.attachment));
  }
  return groups;
}

FlowGroups FlowPlan::affected_by(const directory::Changes& changes) const {
  FlowGroups groups;
  for (const auto& key : changes.ports) {
    groups.insert(group(Kind::destination, key));
    groups.insert(group(Kind::hairpin, key));
    for (const LocalPort* port : ports_.at(key)) {
      groups.merge(affected_by_port(*port));
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
    directory_.for_each_port([&](const directory::Port& entry) {
      if (changes.nodes.contains(std::string(entry.node))) {
        groups.insert(group(Kind::destination, entry.key));
        groups.insert(group(Kind::hairpin, entry.key));
      }
    });
  }
  if (changes.layout || !changes.gateways.empty()) {
    groups.merge(segment_groups());
  }
  return groups;
}

const directory::Gateway* gateway_for(const std::string& node, const std::vector<directory::Gateway>& gateways) {
  const auto weight = [&](const directory::Gateway& gateway) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a: the same on every build and machine
    for (const char c : node + "/" + gateway.name) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
    return hash ^ hash >> 32;
  };
  const auto best = std::max_element(gateways.begin(), gateways.end(),
                                     [&](const auto& a, const auto& b) { return weight(a) < weight(b); });
  return best == gateways.end() ? nullptr : &*best;
}

}  // namespace mooring::agent
