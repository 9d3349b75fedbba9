// ARP and IPv6 neighbour discovery of a bridged VLAN (tables 67, 69, 70 and 73 to 76).
#include <fmt/format.h>

#include "overlay-gateway/domain/bridge_words.hpp"

namespace mooring::gateway::bridging {
namespace {

// What is seen of a machine becomes a flow of table 63: packets for `address` get the MAC that is in `mac`.
std::string learned(const BridgedSubnet& subnet, net::Family family, const std::string& address,
                    const std::string& mac) {
  const bool v4 = family == net::Family::v4;
  return fmt::format(
      "learn(table={},idle_timeout={},priority=100,cookie=0x{:x},limit={},eth_type={},reg8={},{}[]={}[],"
      "load:{}[]->NXM_OF_ETH_DST[],load:1->NXM_NX_REG11[])",
      table::machines, machine_idle_seconds, machine_cookie(subnet.vni, family), most_machines, v4 ? "0x800" : "0x86dd",
      subnet.vni.value(), v4 ? "NXM_OF_IP_DST" : "NXM_NX_IPV6_DST", address, mac);
}

// RFC 4861, 7.1: what comes from further away than the link has another hop limit.
std::string solicitation(const BridgedSubnet& subnet) {
  return "icmp6,icmp_type=135,icmp_code=0,nw_ttl=255," + of_vni(subnet);
}
std::string advertisement(const BridgedSubnet& subnet) {
  return "icmp6,icmp_type=136,icmp_code=0,nw_ttl=255," + of_vni(subnet);
}

// A solicitation becomes an advertisement in two tables: fields of an answer can be set only where the packet is known
// to be one. Flags: router, solicited, override (RFC 4861, 4.4).
void add_discovery_answers(Lines& lines, const BridgedSubnet& subnet, const BridgedBlock& block) {
  const std::string made = fmt::format(
      "move:NXM_NX_ND_TARGET[]->NXM_NX_IPV6_SRC[],set_field:136->icmpv6_type,set_field:0->icmpv6_code,"
      "goto_table:{}",
      table::nd_answered);
  // Who asks whether an address is free has none yet: everybody is told (7.2.4), without an option, since a question
  // of that kind has none and a switch adds none.
  lines.push_back(of_layout(
      table::nd_answer, 110, fmt::format("icmp6,icmp_type=135,icmp_code=0,{},reg9=1,ipv6_src=::", of_vni(subnet)),
      fmt::format("set_field:33:33:00:00:00:01->eth_dst,set_field:{}->eth_src,set_field:ff02::1->ipv6_dst,{}",
                  subnet.mac(), made)));
  lines.push_back(of_layout(table::nd_answer, 100,
                            fmt::format("icmp6,icmp_type=135,icmp_code=0,{},reg9=1", of_vni(subnet)),
                            fmt::format("{},set_field:{}->eth_src,move:NXM_NX_IPV6_SRC[]->NXM_NX_IPV6_DST[],{}",
                                        cross_over, subnet.mac(), made)));
  const auto finish = [&](int priority, const std::string& match, const char* flags, bool option) {
    const std::string set_option =
        option ? fmt::format("set_field:2->nd_options_type,set_field:{}->nd_tll,", subnet.mac()) : std::string();
    lines.push_back(of_layout(table::nd_answered, priority,
                              fmt::format("icmp6,icmp_type=136,icmp_code=0,{}{}", of_vni(subnet), match),
                              fmt::format("{}set_field:{}->nd_reserved,{}IN_PORT", set_option, flags, tag(subnet))));
  };
  const std::string of_gateway = ",ipv6_src=" + block.gateway.str(), to_all = ",ipv6_dst=ff02::1";
  finish(130, of_gateway + to_all, "0xa0000000", false);
  finish(120, to_all, "0x20000000", false);
  finish(110, of_gateway, "0xe0000000", true);
  finish(100, "", "0x60000000", true);
}

}  // namespace

void add_arp(Lines& lines, const BridgedSubnet& subnet, const BridgedBlock& block) {
  const std::string arp = "arp," + of_vni(subnet);
  const std::string on = fmt::format("goto_table:{}", table::arp_target);
  lines.push_back(of_layout(table::segment_arp, 120, arp + ",arp_spa=0.0.0.0", on));  // a probe: nobody has it yet
  lines.push_back(of_layout(table::segment_arp, 110, fmt::format("{},arp_spa={}", arp, block.gateway.str()), "drop"));
  lines.push_back(
      of_layout(table::segment_arp, 100, fmt::format("{},arp_spa={}", arp, block.cidr.str()),
                fmt::format("{},{}", learned(subnet, net::Family::v4, "NXM_OF_ARP_SPA", "NXM_NX_ARP_SHA"), on)));
  lines.push_back(answered_for(subnet, 100, cookie_of(FlowOwner::layout), alone(block.gateway)));
  lines.push_back(of_layout(table::arp_target, 100, fmt::format("{},arp_op=2,dl_dst={}", arp, subnet.mac()),
                            tell(bridge_packet::arp_answer, subnet)));
  lines.push_back(
      of_layout(table::arp_answer, 100, arp + ",reg9=1",
                fmt::format("{1},set_field:{0}->eth_src,set_field:2->arp_op,move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[],"
                            "set_field:{0}->arp_sha,move:NXM_OF_ARP_SPA[]->NXM_NX_REG12[],"
                            "move:NXM_OF_ARP_TPA[]->NXM_OF_ARP_SPA[],move:NXM_NX_REG12[]->NXM_OF_ARP_TPA[],{2}IN_PORT",
                            subnet.mac(), cross_over, tag(subnet))));
}

void add_discovery(Lines& lines, const BridgedSubnet& subnet, const BridgedBlock& block) {
  const std::string question = solicitation(subnet), answer = advertisement(subnet);
  const std::string on = fmt::format("goto_table:{}", table::nd_target);
  const auto at = [&](int priority, const std::string& match, const std::string& actions) {
    lines.push_back(of_layout(table::segment_nd, priority, match, actions));
  };
  at(120, question + ",ipv6_src=::", on);  // a probe: nobody has it yet
  at(110, fmt::format("{},ipv6_src={}", question, block.gateway.str()), "drop");
  at(110, fmt::format("{},nd_target={}", answer, block.gateway.str()), "drop");
  // Without the option it does not say where it is.
  at(105, fmt::format("{},ipv6_src={},nd_sll=00:00:00:00:00:00", question, block.cidr.str()), on);
  at(105, fmt::format("{},nd_target={},nd_tll=00:00:00:00:00:00", answer, block.cidr.str()), "drop");
  at(100, fmt::format("{},ipv6_src={}", question, block.cidr.str()),
     fmt::format("{},{}", learned(subnet, net::Family::v6, "NXM_NX_IPV6_SRC", "NXM_NX_ND_SLL"), on));
  at(100, fmt::format("{},nd_target={}", answer, block.cidr.str()),
     fmt::format("{},{}", learned(subnet, net::Family::v6, "NXM_NX_ND_TARGET", "NXM_NX_ND_TLL"), on));
  at(90, question + ",ipv6_src=fe80::/10", on);
  lines.push_back(answered_for(subnet, 100, cookie_of(FlowOwner::layout), alone(block.gateway)));
  lines.push_back(of_layout(table::nd_target, 100, fmt::format("{},dl_dst={}", answer, subnet.mac()),
                            tell(bridge_packet::nd_answer, subnet)));
  add_discovery_answers(lines, subnet, block);
}

std::string answered_for(const BridgedSubnet& subnet, int priority, std::uint64_t cookie,
                         const net::IpCidr& addresses) {
  if (addresses.family() == net::Family::v4) {
    const std::string asked = addresses.prefix_length() == 32 ? addresses.first().str() : addresses.str();
    return line(table::arp_target, priority, cookie, fmt::format("arp,{},arp_op=1,arp_tpa={}", of_vni(subnet), asked),
                fmt::format("goto_table:{}", table::arp_answer));
  }
  return line(table::nd_target, priority, cookie, fmt::format("{},nd_target={}", solicitation(subnet), addresses.str()),
              fmt::format("goto_table:{}", table::nd_answer));
}

}  // namespace mooring::gateway::bridging
