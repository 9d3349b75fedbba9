// The flows of this node's own ports: what lets them speak from their addresses and be spoken to.
#include <algorithm>
#include <fnmatch.h>

#include <fmt/format.h>

#include "mooring/agent_api/messages.hpp"
#include "ovs-agent/domain/desired_flows.hpp"
#include "ovs-agent/domain/flow_lines.hpp"
#include "ovs-agent/domain/miss.hpp"
#include "ovs-agent/domain/port_meters.hpp"

namespace mooring::agent {
namespace {

bool is_one_of(const std::vector<std::string>& patterns, const std::string& pod) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), pod.c_str(), FNM_PATHNAME) == 0;
  });
}

}  // namespace

FlowLines FlowPlan::port_lines(const Attachment& attachment) const {
  FlowLines lines;
  const LocalPort* port = ports_.find(attachment);
  if (port == nullptr || !gate_of(*port, directory_).open) {
    return lines;  // shut: what it sends meets no classifying flow, what is for it no delivery
  }
  const PortRecord& record = port->record;
  lines.br_tun_meters = miss_meters(port->ofport, settings_.relay_packets_per_second);
  lines.br_int_meters = meters_of(*port);
  lines.br_int.push_back(flow_line(int_table::classify, 100, FlowOwner::local_port, record.generation,
                                   fmt::format("in_port={}", port->ofport),
                                   fmt::format("set_field:{}->reg0,set_field:{}->reg1,goto_table:{}",
                                               record.vni.value(), origin::pod, int_table::spoof_guard)));
  bool has_ipv6 = false;
  for (const auto& address : record.addresses) {
    add_address(lines, *port, address.address, record.generation);
    has_ipv6 = has_ipv6 || !address.address.is_v4();
  }
  if (has_ipv6) {  // the kernel asks from its link-local address too
    add_discovery(lines, *port, agent_api::link_local_address(record.mac), record.generation);
  }
  return lines;
}

FlowLines FlowPlan::extra_lines(PortKey key) const {
  FlowLines lines;
  const auto entry = directory_.find(key);
  const auto holder = entry && entry->own && entry->extra ? ipam_api::parse_attachment(entry->attachment) : Error();
  const LocalPort* port = holder ? ports_.find(*holder) : nullptr;
  if (port != nullptr && port->record.vni == key.vni && gate_of(*port, directory_).open) {
    add_address(lines, *port, key.address, entry->generation);
  }
  return lines;
}

// What lets a port speak from an address and be spoken to.
void FlowPlan::add_address(FlowLines& lines, const LocalPort& port, net::IpAddress address,
                           Generation generation) const {
  const auto add = [&](std::vector<std::string>& to, int table, int priority, const std::string& match,
                       const std::string& actions) {
    to.push_back(flow_line(table, priority, FlowOwner::local_port, generation, match, actions));
  };
  const PortRecord& record = port.record;
  const std::string mac = record.mac.str();
  const auto in_port = fmt::format("in_port={}", port.ofport);
  const auto vni = record.vni.value();
  namespace t = int_table;
  // The source MAC changes here, where it is matched already: elsewhere it would cost a cache entry for each sender.
  const auto forwarded =
      fmt::format("{}set_field:{}->eth_src,goto_table:{}", through_egress_meter(port), virtual_mac, t::route);
  add(lines.br_int, t::spoof_guard, 100, fmt::format("{},dl_src={},{}", in_port, mac, from_address(address)),
      forwarded);
  if (is_one_of(settings_.dhcp_servers, record.pod)) {
    const char* answer = address.is_v4() ? "udp,tp_src=67,tp_dst=68,nw_src=" : "udp6,tp_src=547,tp_dst=546,ipv6_src=";
    add(lines.br_int, t::spoof_guard, 115, fmt::format("{},dl_src={},{}{}", in_port, mac, answer, address.str()),
        forwarded);
  }
  if (address.is_v4()) {
    add(lines.br_int, t::spoof_guard, 100,
        fmt::format("{},arp,dl_src={},arp_spa={},arp_sha={}", in_port, mac, address.str(), mac),
        fmt::format("goto_table:{}", t::arp_responder));
    // Duplicate address detection must see silence.
    add(lines.br_int, t::arp_responder, 200, fmt::format("{},arp,arp_tpa={}", in_port, address.str()), "drop");
  } else {
    add_discovery(lines, port, address, generation);
    add(lines.br_int, t::nd_responder, 200,
        fmt::format("{},icmp6,icmp_type=135,icmp_code=0,nd_target={}", in_port, address.str()), "drop");
  }
  add(lines.br_int, t::local_delivery, 100, fmt::format("reg0={},{}", vni, to_address(address)),
      fmt::format("{}set_field:{}->eth_dst,output:{}", through_ingress_meter(port), mac, port.ofport));
  add(lines.br_tun, tun_table::from_tunnel, 200, fmt::format("tun_id={},{}", vni, to_address(address)),
      fmt::format("set_field:{}->pkt_mark,output:{}", vni, port::patch_to_integration));
  // br-tun does not see the port; the spoof guard has seen that the source is its own.
  add(lines.br_tun, tun_table::miss, 100, from_address(address),
      fmt::format("meter:{},controller(max_len={},userdata={:02x},meter_id={}),goto_table:{}", relay_meter(port.ofport),
                  copied_bytes, packet_kind::relayed, told_meter(port.ofport), tun_table::relay));
  add(lines.br_tun, tun_table::ask, 100, from_address(address),
      fmt::format("controller(max_len=65535,userdata={:02x},meter_id={})", packet_kind::whole,
                  told_meter(port.ofport)));
}

// Neighbour discovery in the name of an IPv6 address.
void FlowPlan::add_discovery(FlowLines& lines, const LocalPort& port, net::IpAddress source,
                             Generation generation) const {
  const std::string mac = port.record.mac.str();
  const auto from = fmt::format("in_port={},dl_src={},{}", port.ofport, mac, from_address(source));
  lines.br_int.push_back(flow_line(int_table::spoof_guard, 130, FlowOwner::local_port, generation,
                                   "icmp6,icmp_type=135,icmp_code=0," + from,
                                   fmt::format("goto_table:{}", int_table::nd_responder)));
  // What it says of itself is no lie, and nobody needs it: every neighbour has the virtual MAC.
  lines.br_int.push_back(flow_line(
      int_table::spoof_guard, 130, FlowOwner::local_port, generation,
      fmt::format("icmp6,icmp_type=136,icmp_code=0,{},nd_target={},nd_tll={}", from, source.str(), mac), "drop"));
}

}  // namespace mooring::agent
