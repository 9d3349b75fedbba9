// The flows of VIPs on a node: the caller's half (which back end a connection goes to) and the back end's (where the
// address is translated, both ways). docs/howto/vips.md says why; docs/ovs-pipeline.md has the tables.
#include <set>

#include <fmt/format.h>

#include "ovs-agent/domain/desired_flows.hpp"
#include "ovs-agent/domain/flow_lines.hpp"
#include "ovs-agent/domain/miss.hpp"
#include "ovs-agent/domain/port_meters.hpp"

namespace mooring::agent {
namespace {

using directory::Vip;
using directory::VipBackend;
using directory::VipPort;
using directory::VipWay;

FlowGroup group_of_vip(const std::string& name) {
  FlowGroup group;
  group.kind = FlowGroup::Kind::vip;
  group.name = name;
  return group;
}

// Lines that several VIPs of one back end share are there once.
class VipLines {
 public:
  void add(int table, int priority, std::string_view match, std::string_view actions) {
    lines_.insert(layout(table, priority, match, actions));
  }
  std::vector<std::string> take() const { return {lines_.begin(), lines_.end()}; }

 private:
  std::set<std::string> lines_;
};

// "tcp,nw_dst=10.0.0.80", "tcp6,ipv6_dst=fd00::80"; with "src" accordingly.
std::string of_protocol(const VipPort& port, const char* end, net::IpAddress address) {
  return fmt::format("{}{}_{}={}", port.protocol(), address.is_v4() ? ",nw" : "6,ipv6", end, address.str());
}
std::string to_vip(const Vip& vip, const VipPort& port) {
  return fmt::format("{},tp_dst={}", of_protocol(port, "dst", vip.at.address), port.port);
}

}  // namespace

FlowGroup backend_group(PortKey key) {
  FlowGroup group;
  group.kind = FlowGroup::Kind::backend;
  group.key = key;
  return group;
}

const LocalPort* FlowPlan::open_port(PortKey key) const {
  for (const LocalPort* port : ports_.at(key)) {
    if (gate_of(*port, directory_).open) {
      return port;
    }
  }
  return nullptr;
}

// Buckets of those of `backends` that can be reached. A packet for a back end that is here goes back to br-int.
std::vector<VipWay> FlowPlan::vip_ways(const std::vector<VipBackend>& backends) const {
  std::vector<VipWay> ways;
  for (const VipBackend& backend : backends) {
    const std::string mac = directory::vip_mac(backend.at.address);
    const auto vni = backend.at.vni.value();
    if (open_port(backend.at) != nullptr) {
      ways.push_back({backend.at.address,
                      fmt::format("set_field:{}->eth_dst,set_field:{}->pkt_mark,load:0->NXM_OF_IN_PORT[],output:{}",
                                  mac, vni, port::patch_to_integration)});
    } else if (const auto way = way_to(backend.at, directory_, ports_, settings_.vtep)) {
      ways.push_back(
          {backend.at.address, fmt::format("set_field:{}->eth_dst,{}", mac, to_peer(backend.at.vni, way->vtep))});
    }
  }
  return ways;
}

// The caller's half: one of its connections goes to the back end that a group picks. Where the caller is a back end
// itself see backend_lines().
FlowLines FlowPlan::vip_lines(const std::string& name) const {
  FlowLines lines;
  const auto known = directory_.vips().find(name);
  if (known == directory_.vips().end() || !vnis_in_use().contains(known->second.at.vni)) {
    return lines;
  }
  const Vip& vip = known->second;
  const auto vni = vip.at.vni.value();
  const auto ways = vip_ways(used_backends(vip));
  if (!ways.empty()) {
    lines.br_tun_groups.push_back(vip_group_text(directory::vip_group::all(vip.number), ways));
    for (const VipPort& port : vip.ports) {
      lines.br_tun.push_back(layout(tun_table::to_tunnel, 150, fmt::format("pkt_mark={},{}", vni, to_vip(vip, port)),
                                    fmt::format("group:{}", directory::vip_group::all(vip.number))));
    }
  }
  // Nothing else of it is anywhere.
  lines.br_tun.push_back(
      layout(tun_table::to_tunnel, 140, fmt::format("pkt_mark={},{}", vni, to_address(vip.at.address)), "drop"));
  // What answers for the VIP may have no flow for the caller yet: the agent hears of it, metered as one of its back
  // ends.
  for (const VipBackend& backend : vip.backends) {
    if (const LocalPort* port = open_port(backend.at)) {
      const auto from_vip = from_address(vip.at.address);
      lines.br_tun.push_back(layout(tun_table::miss, 100, from_vip,
                                    fmt::format("meter:{},controller(max_len={},userdata={:02x},meter_id={}),"
                                                "goto_table:{}",
                                                relay_meter(port->ofport), copied_bytes, packet_kind::relayed,
                                                told_meter(port->ofport), tun_table::relay)));
      lines.br_tun.push_back(layout(tun_table::ask, 100, from_vip,
                                    fmt::format("controller(max_len=65535,userdata={:02x},meter_id={})",
                                                packet_kind::whole, told_meter(port->ofport))));
      break;
    }
  }
  return lines;
}

// The back end's half, of all VIPs that the port is behind.
FlowLines FlowPlan::backend_lines(PortKey key) const {
  FlowLines lines;
  const LocalPort* port = open_port(key);
  if (port == nullptr) {
    return lines;
  }
  VipLines br_int, br_tun;
  for (const std::string& name : directory_.vips_of(key)) {
    const Vip& vip = directory_.vips().find(name)->second;
    const std::vector<VipBackend> used = used_backends(vip);
    std::size_t position = used.size();
    for (std::size_t i = 0; i < used.size(); ++i) {
      position = used[i].at == key ? i : position;
    }
    add_groups_of_backend(lines, vip, used, position);
    // Who may know a connection that this one does not know: while others do not see yet that it is not (or no longer)
    // in use, any of those that are.
    const std::vector<VipBackend> elders(used.begin(), used.begin() + static_cast<std::ptrdiff_t>(position));
    const bool has_elders = !vip_ways(elders).empty();
    const auto elders_group = position < used.size() ? directory::vip_group::before(vip.number, position)
                                                     : directory::vip_group::all(vip.number);
    const auto mac = "dl_dst=" + directory::vip_mac(key.address);
    const auto vni = key.vni.value();
    const auto zone = vip_zone(port->ofport);
    const auto own = key.address.is_v4() ? key.address.str() : fmt::format("[{}]", key.address.str());
    br_tun.add(tun_table::from_tunnel, 210, fmt::format("tun_id={},{},{}", vni, mac, to_address(vip.at.address)),
               fmt::format("set_field:{}->pkt_mark,output:{}", vni, port::patch_to_integration));
    for (const VipPort& vip_port : vip.ports) {
      const auto packet = fmt::format("reg0={},{},{}", vni, mac, to_vip(vip, vip_port));
      const auto begin = fmt::format("ct(commit,zone={},nat(dst={}:{}),table={})", zone, own, vip_port.target_port,
                                     int_table::local_delivery);
      br_int.add(int_table::local_delivery, 150, fmt::format("ct_state=-trk,reg1={},{}", origin::tunnel, packet),
                 fmt::format("ct(zone={},nat,table={})", zone, int_table::vip_packet));
      // A new connection; or one that this back end has had before its switch forgot: the pod knows.
      br_int.add(int_table::vip_packet, 150, packet, begin);
      if (!vip_port.udp && has_elders) {
        br_int.add(int_table::vip_packet, 160, packet + ",tcp_flags=+syn-ack", begin);
        // One that began before this back end was there: with the one that it went to then. Each hands on to those that
        // came before it; that switches may see the order differently for a moment is what the TTL is for.
        br_int.add(int_table::vip_packet, 155, packet,
                   fmt::format("dec_ttl,set_field:{}->pkt_mark,load:0->NXM_OF_IN_PORT[],output:{}", vni,
                               port::patch_to_tunnel));
        br_tun.add(tun_table::to_tunnel, 160, fmt::format("pkt_mark={},{},{}", vni, mac, to_vip(vip, vip_port)),
                   fmt::format("group:{}", elders_group));
      }
      // It calls its own VIP: a packet from itself to itself it would not take.
      const bool has_others = position < used.size() && !others_ways(used, position).empty();
      if (position < used.size()) {
        br_tun.add(tun_table::to_tunnel, 155,
                   fmt::format("pkt_mark={},{}={},{}", vip.at.vni.value(), key.address.is_v4() ? "nw_src" : "ipv6_src",
                               key.address.str(), to_vip(vip, vip_port)),
                   has_others ? fmt::format("group:{}", directory::vip_group::without(vip.number, position)) : "drop");
      }
      // What it answers has the VIP for its source, if it is an answer.
      br_int.add(int_table::spoof_guard, 105,
                 fmt::format("in_port={},dl_src={},{},tp_src={}", port->ofport, port->record.mac.str(),
                             of_protocol(vip_port, "src", key.address), vip_port.target_port),
                 fmt::format("{}set_field:{}->eth_src,ct(zone={},nat,table={})", through_egress_meter(*port),
                             virtual_mac, zone, int_table::vip_answer));
    }
  }
  lines.br_int = br_int.take();
  lines.br_tun = br_tun.take();
  return lines;
}

std::vector<VipWay> FlowPlan::others_ways(std::vector<VipBackend> used, std::size_t position) const {
  used.erase(used.begin() + static_cast<std::ptrdiff_t>(position));
  return vip_ways(used);
}

void FlowPlan::add_groups_of_backend(FlowLines& lines, const Vip& vip, const std::vector<VipBackend>& used,
                                     std::size_t position) const {
  if (position >= used.size()) {
    return;
  }
  const auto elders = vip_ways({used.begin(), used.begin() + static_cast<std::ptrdiff_t>(position)});
  if (position > 0 && !elders.empty()) {
    lines.br_tun_groups.push_back(vip_group_text(directory::vip_group::before(vip.number, position), elders));
  }
  if (const auto others = others_ways(used, position); !others.empty()) {
    lines.br_tun_groups.push_back(vip_group_text(directory::vip_group::without(vip.number, position), others));
  }
}

// All VIPs whose back ends these may be, and the back ends.
void FlowPlan::add_vips_of(PortKey key, FlowGroups& groups) const {
  for (const std::string& name : directory_.vips_of(key)) {
    add_vip(name, groups);
  }
}

void FlowPlan::add_vip(const std::string& name, FlowGroups& groups) const {
  groups.insert(group_of_vip(name));
  const auto vip = directory_.vips().find(name);
  if (vip == directory_.vips().end()) {
    return;
  }
  for (const VipBackend& backend : vip->second.backends) {
    if (!ports_.at(backend.at).empty()) {
      groups.insert(backend_group(backend.at));
    }
  }
}

FlowGroups FlowPlan::vip_groups() const {
  FlowGroups groups;
  for (const auto& [name, vip] : directory_.vips()) {
    add_vip(name, groups);
  }
  return groups;
}

}  // namespace mooring::agent
