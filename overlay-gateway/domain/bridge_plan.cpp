#include "overlay-gateway/domain/bridge_plan.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "overlay-gateway/domain/bridge_words.hpp"

namespace mooring::gateway {

using namespace bridging;

namespace {

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
  for (const char* block : {"ff00::/8", "::1", "::", "::ffff:0.0.0.0/96", "fe80::/10", host_block6}) {
    lines.push_back(same_everywhere(table::segment_route, 300, fmt::format("ipv6,ipv6_dst={}", block), "drop"));
  }
  for (const int at :
       {table::segment_edge, table::to_segment, table::from_segment, table::from_election, table::segment_arp,
        table::segment_ip, table::arp_target, table::arp_answer, table::segment_route, table::echo_answer,
        table::segment_nd, table::nd_target, table::nd_answer, table::nd_answered}) {
    lines.push_back(same_everywhere(at, 0, "", "drop"));
  }
}

void add_overlay_side(Lines& lines, const BridgedSubnet& subnet, const BridgedBlock& block) {
  const net::Family family = block.cidr.family();
  const std::string inside = to_block(block.cidr), from = protocol(family) + "," + of_vni(subnet);
  const std::string handed = fmt::format("tun_id={},dl_dst={}", subnet.vni.value(), subnet.mac());
  // Another gateway found no port and saw our advertisements.
  lines.push_back(of_layout(table::from_tunnel, 220, fmt::format("{},{}", inside, handed),
                            fmt::format("set_field:{}->reg1,load:0->NXM_OF_IN_PORT[],{},goto_table:{}", origin::handed,
                                        look_up(subnet), table::segment_edge)));
  lines.push_back(of_layout(table::from_tunnel, 210, fmt::format("{},{}", protocol(family), handed), "drop"));
  // The address that stands for the block (of IPv6: for its routers), and the gateway's.
  for (const net::IpAddress nobody : {block.cidr.first(), block.gateway}) {
    lines.push_back(of_layout(table::destination, 60, to_block(alone(nobody)), "drop"));
  }
  if (family == net::Family::v4) {
    lines.push_back(of_layout(table::destination, broadcast_priority, to_block(alone(block.cidr.last())), "drop"));
  }
  // Split horizon: what came from a segment never goes back to it.
  lines.push_back(
      of_layout(table::destination, 55, fmt::format("{},reg1={},{}", inside, origin::segment, of_vni(subnet)), "drop"));
  lines.push_back(
      of_layout(table::destination, 50, inside, fmt::format("{},goto_table:{}", look_up(subnet), table::segment_edge)));
  lines.push_back(of_layout(table::segment_edge, 100, from + ",reg9=2",
                            fmt::format("set_field:{}->eth_dst,move:NXM_NX_REG10[]->NXM_NX_TUN_IPV4_DST[],"
                                        "set_field:{}->tun_id,load:0->NXM_OF_IN_PORT[],output:{}",
                                        subnet.mac(), subnet.vni.value(), port::vxlan)));
  lines.push_back(
      of_layout(table::to_segment, 100, from + ",reg11=1",
                fmt::format("set_field:{}->eth_src,{}output:{}", subnet.mac(), tag(subnet), port::segment)));
  lines.push_back(of_layout(table::to_segment, 50, from, tell(bridge_packet::unknown_machine, subnet)));
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
  // What is for everybody or for a group, but for what is looked at above: containers hear none of it.
  lines.push_back(of_layout(table::from_segment, broadcast_priority,
                            fmt::format("{},dl_dst=01:00:00:00:00:00/01:00:00:00:00:00", on_segment(subnet)), "drop"));
}

void add_segment_side(Lines& lines, const BridgedSubnet& subnet, const BridgedBlock& block) {
  const net::Family family = block.cidr.family();
  const bool v4 = family == net::Family::v4;
  // A broadcast costs the switch a look of its own: so many a second, and no more. Behind a group, because a meter
  // alone does not spare the cache an entry for each question.
  const auto looked_at = [&](int priority, const std::string& match) {
    lines.push_back(of_layout(table::from_segment, priority, fmt::format("{},{}", match, on_segment(subnet)),
                              fmt::format("meter:{},{}{},group:{}", (v4 ? arp_meters : nd_meters) + subnet.vlan,
                                          untag(subnet), look_up(subnet), v4 ? bridge_group::arp : bridge_group::nd)));
  };
  if (v4) {
    looked_at(100, "arp");
  } else {
    looked_at(110, "icmp6,icmp_type=135");
    looked_at(110, "icmp6,icmp_type=136");
  }
  lines.push_back(of_layout(
      table::from_segment, 100, fmt::format("{},{},dl_dst={}", protocol(family), on_segment(subnet), subnet.mac()),
      fmt::format("{}{},load:0->NXM_OF_IN_PORT[],goto_table:{}", untag(subnet), look_up(subnet), table::segment_ip)));
  const auto from = [&](const net::IpCidr& source) { return fmt::format("{},{}", from_block(source), of_vni(subnet)); };
  lines.push_back(of_layout(table::segment_ip, 240, from(alone(block.gateway)), "drop"));
  lines.push_back(
      of_layout(table::segment_ip, 100, from(block.cidr), fmt::format("goto_table:{}", table::segment_route)));
}

void add_echo(Lines& lines, const BridgedSubnet& subnet, const BridgedBlock& block) {
  const std::string from = of_vni(subnet);
  if (block.cidr.family() == net::Family::v4) {
    lines.push_back(of_layout(table::segment_route, 250,
                              fmt::format("icmp,{},icmp_type=8,icmp_code=0,nw_dst={}", from, block.gateway.str()),
                              fmt::format("meter:{},group:{}", arp_meters + subnet.vlan, bridge_group::echo)));
    lines.push_back(of_layout(table::echo_answer, 100, "icmp," + from,
                              fmt::format("{},set_field:{}->eth_src,move:NXM_OF_IP_SRC[]->NXM_NX_REG12[],"
                                          "move:NXM_OF_IP_DST[]->NXM_OF_IP_SRC[],move:NXM_NX_REG12[]->NXM_OF_IP_DST[],"
                                          "set_field:0->icmp_type,set_field:64->nw_ttl,{}output:{}",
                                          cross_over, subnet.mac(), tag(subnet), port::segment)));
    return;
  }
  lines.push_back(of_layout(table::segment_route, 250,
                            fmt::format("icmp6,{},icmp_type=128,icmp_code=0,ipv6_dst={}", from, block.gateway.str()),
                            fmt::format("meter:{},group:{}", nd_meters + subnet.vlan, bridge_group::echo)));
  lines.push_back(
      of_layout(table::echo_answer, 100, "icmp6," + from,
                fmt::format("{},set_field:{}->eth_src,move:NXM_NX_IPV6_SRC[]->NXM_NX_XXREG3[],"
                            "move:NXM_NX_IPV6_DST[]->NXM_NX_IPV6_SRC[],move:NXM_NX_XXREG3[]->NXM_NX_IPV6_DST[],"
                            "set_field:129->icmpv6_type,set_field:64->nw_ttl,{}output:{}",
                            cross_over, subnet.mac(), tag(subnet), port::segment)));
}

void add_routes(Lines& lines, const BridgedSubnet& subnet, const BridgedBlock& block, const BridgeFacts& facts) {
  const auto to = [&](const net::IpCidr& target) { return fmt::format("{},{}", to_block(target), of_vni(subnet)); };
  add_echo(lines, subnet, block);
  lines.push_back(of_layout(table::segment_route, 200, to(block.cidr), into_overlay()));
  for (const net::IpCidr& other : facts.subnets) {
    if (other.family() == block.cidr.family() && other != block.cidr) {
      lines.push_back(
          of_layout(table::segment_route, 190, to(other), facts.isolated ? "drop" : "dec_ttl," + into_overlay()));
    }
  }
  lines.push_back(
      of_layout(table::segment_route, 100, fmt::format("{},{}", protocol(block.cidr.family()), of_vni(subnet)),
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

const BridgedBlock* BridgedSubnet::block_of(net::IpAddress address) const {
  const auto found = std::find_if(blocks.begin(), blocks.end(),
                                  [&](const BridgedBlock& block) { return block.cidr.contains(address); });
  return found == blocks.end() ? nullptr : &*found;
}

std::vector<BridgedSubnet> bridged_subnets(const directory::Directory& directory, const std::string& network) {
  std::map<std::string, BridgedSubnet> found;
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    for (const auto& [name, subnet] : directory.subnets(family)) {
      if (subnet.network == network && subnet.bridged_vlan) {
        BridgedSubnet& one = found[name];
        one.name = name;
        one.vni = subnet.vni;
        one.vlan = *subnet.bridged_vlan;
        one.blocks.push_back({subnet.cidr, subnet.gateway});
      }
    }
  }
  std::vector<BridgedSubnet> all;
  for (auto& [name, subnet] : found) {
    all.push_back(std::move(subnet));
  }
  return all;
}

std::vector<std::string> bridge_lines(const BridgeFacts& facts) {
  Lines lines;
  if (facts.bridged.empty()) {
    return lines;
  }
  add_fixed(lines);
  for (const BridgedSubnet& subnet : facts.bridged) {
    add_election(lines, subnet, facts.gateways);
    add_segment_side(lines, subnet);
    for (const BridgedBlock& block : subnet.blocks) {
      add_overlay_side(lines, subnet, block);
      add_segment_side(lines, subnet, block);
      (block.cidr.family() == net::Family::v4 ? add_arp : add_discovery)(lines, subnet, block);
      add_routes(lines, subnet, block, facts);
    }
  }
  return lines;
}

std::vector<std::string> bridge_block_lines(const BridgedSubnet& subnet, const net::IpCidr& part) {
  return {answered_for(subnet, 90, cookie_of(FlowOwner::layout), part)};
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

namespace {

Lines spoken_for(const BridgedSubnet& subnet, net::IpAddress address, std::uint64_t cookie) {
  return {
      answered_for(subnet, 100, cookie, alone(address)),
      line(table::segment_ip, 250, cookie, fmt::format("{},{}", from_block(alone(address)), of_vni(subnet)), "drop")};
}

}  // namespace

std::vector<std::string> bridged_port_lines(const BridgedSubnet& subnet, net::IpAddress address,
                                            directory::Generation generation) {
  return spoken_for(subnet, address, cookie_of(FlowOwner::destination, generation));
}

std::vector<std::string> bridged_vip_lines(const BridgedSubnet& subnet, net::IpAddress address) {
  return spoken_for(subnet, address, cookie_of(FlowOwner::layout));
}

std::vector<ovs::Meter> bridge_meters(const std::vector<BridgedSubnet>& bridged) {
  std::vector<ovs::Meter> meters;
  for (const BridgedSubnet& subnet : bridged) {
    for (const auto& [id, rate] : {std::pair(arp_meters + subnet.vlan, arp_packets_per_second),
                                   std::pair(nd_meters + subnet.vlan, nd_packets_per_second),
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
       {std::pair(bridge_group::arp, table::segment_arp), std::pair(bridge_group::echo, table::echo_answer),
        std::pair(bridge_group::nd, table::segment_nd)}) {
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
std::uint64_t machine_cookie(net::Vni vni, net::Family family) {
  constexpr std::uint64_t of_ipv6 = std::uint64_t{1} << 40;  // beside a VNI's 24 bits and a VTEP's 32
  return cookie_of(FlowOwner::learned, vni.value() | (family == net::Family::v6 ? of_ipv6 : 0));
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

Speaker speaker_of(const BridgedSubnet& subnet) {
  return {net::MacAddress::parse(subnet.mac()).value(), subnet.vlan};
}

std::string to_machine(const BridgedSubnet& subnet, const net::MacAddress& machine) {
  return fmt::format("set_field:{}->eth_src,set_field:{}->eth_dst,{}output:{}", subnet.mac(), machine.str(),
                     tag(subnet), port::segment);
}

}  // namespace mooring::gateway
