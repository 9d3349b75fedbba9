#include "overlay-gateway/domain/bridge_plan.hpp"

#include <fmt/format.h>

#include "overlay-gateway/domain/pipeline.hpp"

namespace mooring::gateway {
namespace {

using Lines = std::vector<std::string>;

constexpr std::uint32_t arp_meters = 70'000, asked_meters = 75'000;  // + VLAN
constexpr std::uint32_t vlan_present = 0x1000;                       // OpenFlow 1.5.1, 7.2.3.8
constexpr const char* vrrp_address = "224.0.0.18";                   // RFC 5798, 5.1.1.2
constexpr const char* cross_over =                                   // a packet goes back to who sent it
    "move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]";

std::string line(int in_table, int priority, std::uint64_t cookie, const std::string& match,
                 const std::string& actions) {
  return fmt::format("table={},priority={},cookie=0x{:x},{}{}actions={}", in_table, priority, cookie, match,
                     match.empty() ? "" : ",", actions);
}
std::string same_everywhere(int in_table, int priority, const std::string& match, const std::string& actions) {
  return line(in_table, priority, cookie_of(FlowOwner::fixed), match, actions);
}
std::string of_layout(int in_table, int priority, const std::string& match, const std::string& actions) {
  return line(in_table, priority, cookie_of(FlowOwner::layout), match, actions);
}

std::string on_segment(const BridgedSubnet& subnet) {
  return subnet.vlan == 0 ? "vlan_tci=0x0000" : fmt::format("dl_vlan={}", subnet.vlan);
}
std::string untag(const BridgedSubnet& subnet) {
  return subnet.vlan == 0 ? "" : "pop_vlan,";
}
std::string tag(const BridgedSubnet& subnet) {
  return subnet.vlan == 0 ? "" : fmt::format("push_vlan:0x8100,set_field:{}->vlan_vid,", vlan_present | subnet.vlan);
}
std::string of_vni(const BridgedSubnet& subnet) {
  return fmt::format("reg8={}", subnet.vni.value());
}
// Of which segment the packet is, and who forwards there.
std::string look_up(const BridgedSubnet& subnet) {
  return fmt::format("set_field:{}->reg8,resubmit(,{})", subnet.vni.value(), table::elected);
}
std::string userdata(std::uint8_t kind, const BridgedSubnet& subnet) {
  const std::uint32_t vni = subnet.vni.value();
  return fmt::format("{:02x}.{:02x}.{:02x}.{:02x}", kind, vni >> 16 & 0xffU, vni >> 8 & 0xffU, vni & 0xffU);
}
std::string tell(std::uint8_t kind, const BridgedSubnet& subnet) {
  return fmt::format("controller(userdata={},meter_id={})", userdata(kind, subnet), asked_meters + subnet.vlan);
}
// To the overlay, by what the flows of ports say. TTL as it is within a subnet. Back to lower tables only resubmit
// leads.
std::string into_overlay() {
  return fmt::format("set_field:{}->reg1,set_field:{}->eth_src,set_field:{}->eth_dst,resubmit(,{})", origin::segment,
                     virtual_mac, virtual_mac, table::destination);
}

void add_fixed(Lines& lines) {
  lines.push_back(same_everywhere(table::classify, 100, fmt::format("in_port={}", port::segment),
                                  fmt::format("goto_table:{}", table::from_segment)));
  // To the segment: the forwarder does it. Another gateway hands it over, once.
  lines.push_back(same_everywhere(table::segment_edge, 300, "reg9=1",
                                  fmt::format("resubmit(,{}),goto_table:{}", table::machines, table::to_segment)));
  lines.push_back(same_everywhere(table::segment_edge, 200, fmt::format("reg1={}", origin::handed), "drop"));
  for (const char* not_here : {"reg9=0", "reg9=2"}) {
    lines.push_back(same_everywhere(table::segment_ip, 300, not_here, "drop"));
  }
  for (const char* block : {"224.0.0.0/3", "127.0.0.0/8", "0.0.0.0/8", "169.254.0.0/16"}) {
    lines.push_back(same_everywhere(table::segment_route, 300, fmt::format("ip,nw_dst={}", block), "drop"));
  }
  for (const int at :
       {table::segment_edge, table::to_segment, table::from_segment, table::from_election, table::segment_arp,
        table::segment_ip, table::arp_target, table::arp_answer, table::segment_route, table::echo_answer}) {
    lines.push_back(same_everywhere(at, 0, "", "drop"));
  }
}

void add_overlay_side(Lines& lines, const BridgedSubnet& subnet) {
  const std::string inside = fmt::format("ip,nw_dst={}", subnet.cidr.str());
  const std::string overlay = fmt::format("ip,tun_id={},dl_dst={}", subnet.vni.value(), subnet.mac());
  // Another gateway found no port and saw our advertisements.
  lines.push_back(of_layout(table::from_tunnel, 220, fmt::format("{},nw_dst={}", overlay, subnet.cidr.str()),
                            fmt::format("set_field:{}->reg1,load:0->NXM_OF_IN_PORT[],{},goto_table:{}", origin::handed,
                                        look_up(subnet), table::segment_edge)));
  lines.push_back(of_layout(table::from_tunnel, 210, overlay, "drop"));
  for (const net::Ipv4Address nobody : {subnet.cidr.first(), subnet.cidr.last(), subnet.gateway}) {
    lines.push_back(of_layout(table::destination, 60, fmt::format("ip,nw_dst={}", nobody.str()), "drop"));
  }
  // Split horizon: what came from a segment never goes back to it.
  lines.push_back(
      of_layout(table::destination, 55, fmt::format("{},reg1={},{}", inside, origin::segment, of_vni(subnet)), "drop"));
  lines.push_back(
      of_layout(table::destination, 50, inside, fmt::format("{},goto_table:{}", look_up(subnet), table::segment_edge)));
  lines.push_back(of_layout(table::segment_edge, 100, fmt::format("ip,{},reg9=2", of_vni(subnet)),
                            fmt::format("set_field:{}->eth_dst,move:NXM_NX_REG10[]->NXM_NX_TUN_IPV4_DST[],"
                                        "set_field:{}->tun_id,load:0->NXM_OF_IN_PORT[],output:{}",
                                        subnet.mac(), subnet.vni.value(), port::vxlan)));
  lines.push_back(
      of_layout(table::to_segment, 100, fmt::format("ip,{},reg11=1", of_vni(subnet)),
                fmt::format("set_field:{}->eth_src,{}output:{}", subnet.mac(), tag(subnet), port::segment)));
  lines.push_back(of_layout(table::to_segment, 50, fmt::format("ip,{}", of_vni(subnet)),
                            tell(bridge_packet::unknown_machine, subnet)));
}

void add_election(Lines& lines, const BridgedSubnet& subnet, const std::set<net::Ipv4Address>& gateways) {
  lines.push_back(of_layout(table::classify, 100, fmt::format("in_port={}", subnet.election_ofport()),
                            fmt::format("goto_table:{}", table::from_election)));
  for (const net::Ipv4Address& other : gateways) {
    // A TTL of 255 (RFC 5798, 5.1.1.3): nobody sent it from further away.
    lines.push_back(of_layout(
        table::from_segment, 200,
        fmt::format("ip,nw_proto=112,{},nw_src={},nw_dst={},nw_ttl=255", on_segment(subnet), other.str(), vrrp_address),
        fmt::format("learn(table={},hard_timeout={},priority=100,cookie=0x{:x},reg8={},load:2->NXM_NX_REG9[],"
                    "load:NXM_OF_IP_SRC[]->NXM_NX_REG10[]),{}output:{}",
                    table::elected, election_hard_seconds, elected_cookie(other), subnet.vni.value(), untag(subnet),
                    subnet.election_ofport())));
  }
  lines.push_back(of_layout(table::from_segment, 190, fmt::format("ip,nw_proto=112,{}", on_segment(subnet)), "drop"));
}

void add_segment_side(Lines& lines, const BridgedSubnet& subnet) {
  // Two forwarders at once, for a moment; or a loop on the physical side.
  lines.push_back(
      of_layout(table::from_segment, 180, fmt::format("{},dl_src={}", on_segment(subnet), subnet.mac()), "drop"));
  // A broadcast costs the switch a look of its own: so many a second, and no more. Behind a group, because a meter
  // alone does not spare the cache an entry for each question.
  lines.push_back(of_layout(table::from_segment, 100, fmt::format("arp,{}", on_segment(subnet)),
                            fmt::format("meter:{},{}{},group:{}", arp_meters + subnet.vlan, untag(subnet),
                                        look_up(subnet), bridge_group::arp)));
  lines.push_back(of_layout(
      table::from_segment, 100, fmt::format("ip,{},dl_dst={}", on_segment(subnet), subnet.mac()),
      fmt::format("{}{},load:0->NXM_OF_IN_PORT[],goto_table:{}", untag(subnet), look_up(subnet), table::segment_ip)));
  lines.push_back(
      of_layout(table::segment_ip, 240, fmt::format("ip,{},nw_src={}", of_vni(subnet), subnet.gateway.str()), "drop"));
  lines.push_back(of_layout(table::segment_ip, 100, fmt::format("ip,{},nw_src={}", of_vni(subnet), subnet.cidr.str()),
                            fmt::format("goto_table:{}", table::segment_route)));
}

void add_arp(Lines& lines, const BridgedSubnet& subnet) {
  const std::string arp = "arp," + of_vni(subnet);
  const std::string on = fmt::format("goto_table:{}", table::arp_target);
  lines.push_back(of_layout(table::segment_arp, 120, arp + ",arp_spa=0.0.0.0", on));  // a probe: nobody has it yet
  lines.push_back(of_layout(table::segment_arp, 110, fmt::format("{},arp_spa={}", arp, subnet.gateway.str()), "drop"));
  lines.push_back(of_layout(
      table::segment_arp, 100, fmt::format("{},arp_spa={}", arp, subnet.cidr.str()),
      fmt::format("learn(table={},idle_timeout={},priority=100,cookie=0x{:x},limit={},eth_type=0x800,reg8={},"
                  "NXM_OF_IP_DST[]=NXM_OF_ARP_SPA[],load:NXM_NX_ARP_SHA[]->NXM_OF_ETH_DST[],load:1->NXM_NX_REG11[]),{}",
                  table::machines, machine_idle_seconds, machine_cookie(subnet.vni), most_machines, subnet.vni.value(),
                  on)));
  const std::string answered = fmt::format("goto_table:{}", table::arp_answer);
  lines.push_back(
      of_layout(table::arp_target, 100, fmt::format("{},arp_op=1,arp_tpa={}", arp, subnet.gateway.str()), answered));
  lines.push_back(of_layout(table::arp_target, 100, fmt::format("{},arp_op=2,dl_dst={}", arp, subnet.mac()),
                            tell(bridge_packet::arp_answer, subnet)));
  lines.push_back(
      of_layout(table::arp_answer, 100, arp + ",reg9=1",
                fmt::format("{1},set_field:{0}->eth_src,set_field:2->arp_op,move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[],"
                            "set_field:{0}->arp_sha,move:NXM_OF_ARP_SPA[]->NXM_NX_REG12[],"
                            "move:NXM_OF_ARP_TPA[]->NXM_OF_ARP_SPA[],move:NXM_NX_REG12[]->NXM_OF_ARP_TPA[],{2}IN_PORT",
                            subnet.mac(), cross_over, tag(subnet))));
}

void add_routes(Lines& lines, const BridgedSubnet& subnet, const BridgeFacts& facts) {
  const std::string from = of_vni(subnet);
  lines.push_back(of_layout(table::segment_route, 250,
                            fmt::format("icmp,{},icmp_type=8,icmp_code=0,nw_dst={}", from, subnet.gateway.str()),
                            fmt::format("meter:{},group:{}", arp_meters + subnet.vlan, bridge_group::echo)));
  lines.push_back(of_layout(
      table::echo_answer, 100, "icmp," + from,
      fmt::format("{},set_field:{}->eth_src,move:NXM_OF_IP_SRC[]->NXM_NX_REG12[],move:NXM_OF_IP_DST[]->NXM_OF_IP_SRC[],"
                  "move:NXM_NX_REG12[]->NXM_OF_IP_DST[],set_field:0->icmp_type,set_field:64->nw_ttl,{}output:{}",
                  cross_over, subnet.mac(), tag(subnet), port::segment)));
  lines.push_back(
      of_layout(table::segment_route, 200, fmt::format("ip,{},nw_dst={}", from, subnet.cidr.str()), into_overlay()));
  for (const net::Cidr& other : facts.subnets) {
    if (other != subnet.cidr) {
      lines.push_back(of_layout(table::segment_route, 190, fmt::format("ip,{},nw_dst={}", from, other.str()),
                                facts.isolated ? "drop" : "dec_ttl," + into_overlay()));
    }
  }
  lines.push_back(
      of_layout(table::segment_route, 100, "ip," + from,
                fmt::format("set_field:{}->reg1,resubmit(,{})", origin::segment, table::to_physical_opens)));
}

}  // namespace

std::string BridgedSubnet::mac() const {
  const std::uint32_t number = vni.value();
  return fmt::format("0a:6d:62:{:02x}:{:02x}:{:02x}", number >> 16 & 0xffU, number >> 8 & 0xffU, number & 0xffU);
}
std::string BridgedSubnet::election_port() const {
  return fmt::format("{}{}", election_port_prefix, vlan);
}
std::uint32_t BridgedSubnet::election_ofport() const {
  return port::first_election + vlan;
}

std::vector<BridgedSubnet> bridged_subnets(const directory::Directory& directory, const std::string& network) {
  std::vector<BridgedSubnet> found;
  for (const auto& [name, subnet] : directory.subnets()) {
    if (subnet.network == network && subnet.bridged_vlan) {
      found.push_back({name, subnet.vni, subnet.cidr.v4(), subnet.gateway.v4(), *subnet.bridged_vlan});
    }
  }
  return found;
}

std::vector<std::string> bridge_lines(const BridgeFacts& facts) {
  Lines lines;
  if (facts.bridged.empty()) {
    return lines;
  }
  add_fixed(lines);
  for (const BridgedSubnet& subnet : facts.bridged) {
    add_overlay_side(lines, subnet);
    add_election(lines, subnet, facts.gateways);
    add_segment_side(lines, subnet);
    add_arp(lines, subnet);
    add_routes(lines, subnet, facts);
  }
  return lines;
}

std::vector<std::string> bridge_block_lines(const BridgedSubnet& subnet, const net::Cidr& part) {
  return {of_layout(table::arp_target, 90, fmt::format("arp,{},arp_op=1,arp_tpa={}", of_vni(subnet), part.str()),
                    fmt::format("goto_table:{}", table::arp_answer))};
}

std::vector<std::string> candidacy_lines(const std::vector<BridgedSubnet>& bridged, net::Ipv4Address own_vtep) {
  Lines lines;
  for (const BridgedSubnet& subnet : bridged) {
    lines.push_back(of_layout(
        table::from_election, candidacy_priority,
        fmt::format("ip,nw_proto=112,in_port={},nw_dst={}", subnet.election_ofport(), vrrp_address),
        fmt::format("learn(table={},hard_timeout={},priority=100,cookie=0x{:x},reg8={},load:1->NXM_NX_REG9[]),"
                    "set_field:{}->eth_src,{}output:{}",
                    table::elected, election_hard_seconds, elected_cookie(own_vtep), subnet.vni.value(), subnet.mac(),
                    tag(subnet), port::segment)));
  }
  return lines;
}

std::vector<std::string> bridged_port_lines(const BridgedSubnet& subnet, net::Ipv4Address address,
                                            directory::Generation generation) {
  const std::uint64_t cookie = cookie_of(FlowOwner::destination, generation);
  return {line(table::arp_target, 100, cookie, fmt::format("arp,{},arp_op=1,arp_tpa={}", of_vni(subnet), address.str()),
               fmt::format("goto_table:{}", table::arp_answer)),
          line(table::segment_ip, 250, cookie, fmt::format("ip,{},nw_src={}", of_vni(subnet), address.str()), "drop")};
}

std::vector<ovs::Meter> bridge_meters(const std::vector<BridgedSubnet>& bridged) {
  std::vector<ovs::Meter> meters;
  for (const BridgedSubnet& subnet : bridged) {
    for (const auto& [id, rate] : {std::pair(arp_meters + subnet.vlan, arp_packets_per_second),
                                   std::pair(asked_meters + subnet.vlan, asked_packets_per_second)}) {
      ovs::Meter meter;
      meter.id = id;
      meter.unit = ovs::Meter::Unit::pktps;
      meter.rate = meter.burst = rate;
      meters.push_back(meter);
    }
  }
  return meters;
}

std::vector<ovs::Group> bridge_groups() {
  std::vector<ovs::Group> groups;
  for (const auto& [id, to] :
       {std::pair(bridge_group::arp, table::segment_arp), std::pair(bridge_group::echo, table::echo_answer)}) {
    groups.push_back(ovs::parse_group(fmt::format("group_id={},type=select,selection_method=dp_hash,"
                                                  "bucket=bucket_id:1,actions=resubmit(,{})",
                                                  id, to))
                         .value());
  }
  return groups;
}

std::uint64_t elected_cookie(net::Ipv4Address forwarder) {
  return cookie_of(FlowOwner::learned, forwarder.bits());
}
std::uint64_t machine_cookie(net::Vni vni) {
  return cookie_of(FlowOwner::learned, vni.value());
}

std::string keepalived_config(const std::string& gateway, const std::vector<BridgedSubnet>& bridged,
                              net::Ipv4Address vtep, std::uint8_t virtual_router) {
  std::string text = fmt::format(
      "# Written by mooring-gateway; what is changed here is written anew.\n"
      "global_defs {{\n  router_id {}\n  dynamic_interfaces allow_if_changes\n  vrrp_version 3\n"
      "  vrrp_garp_master_repeat 1\n}}\n",
      gateway);
  for (const BridgedSubnet& subnet : bridged) {
    // The address is an instance's badge, as keepalived wants one: nobody is told of it. It shows who is master:
    // ip address show dev mooring-v100
    text += fmt::format(
        "vrrp_instance {0} {{\n  interface {0}\n  state BACKUP\n  nopreempt\n  virtual_router_id {1}\n  priority 100\n"
        "  advert_int 0.2\n  mcast_src_ip {2}\n  virtual_ipaddress {{\n    169.254.{3}.{4}/32\n  }}\n}}\n",
        subnet.election_port(), virtual_router, vtep.str(), 96 + subnet.vlan / 256, subnet.vlan % 256);
  }
  return text;
}

// RFC 826, as a broadcast.
std::vector<std::uint8_t> arp_question(const BridgedSubnet& subnet, net::Ipv4Address machine) {
  std::vector<std::uint8_t> frame(6, 0xff);
  const auto put16 = [&](std::uint32_t value) {
    frame.push_back(static_cast<std::uint8_t>(value >> 8));
    frame.push_back(static_cast<std::uint8_t>(value));
  };
  const auto put32 = [&](std::uint32_t value) {
    put16(value >> 16);
    put16(value & 0xffffU);
  };
  const net::MacAddress own = net::MacAddress::parse(subnet.mac()).value();
  const auto put_own = [&] { frame.insert(frame.end(), own.octets().begin(), own.octets().end()); };
  put_own();
  if (subnet.vlan != 0) {
    put16(0x8100);
    put16(subnet.vlan);
  }
  put16(0x0806);
  put16(1);       // Ethernet
  put16(0x0800);  // IPv4
  put16(0x0604);  // lengths of addresses
  put16(1);       // question
  put_own();
  put32(subnet.gateway.bits());
  frame.insert(frame.end(), 6, 0);
  put32(machine.bits());
  return frame;
}

std::string to_machine(const BridgedSubnet& subnet, const net::MacAddress& machine) {
  return fmt::format("set_field:{}->eth_src,set_field:{}->eth_dst,{}output:{}", subnet.mac(), machine.str(),
                     tag(subnet), port::segment);
}

}  // namespace mooring::gateway
