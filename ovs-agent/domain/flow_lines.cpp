#include "ovs-agent/domain/flow_lines.hpp"

#include <fmt/format.h>

namespace mooring::agent {

std::string flow_line(int table, int priority, FlowOwner owner, std::uint64_t generation, std::string_view match,
                      std::string_view actions) {
  return fmt::format("table={},priority={},cookie=0x{:x},{}{}actions={}", table, priority, cookie_of(owner, generation),
                     match, match.empty() ? "" : ",", actions);
}
std::string fixed(int table, int priority, std::string_view match, std::string_view actions) {
  return flow_line(table, priority, FlowOwner::fixed, 0, match, actions);
}
std::string layout(int table, int priority, std::string_view match, std::string_view actions) {
  return flow_line(table, priority, FlowOwner::layout, 0, match, actions);
}

std::string to_address(net::IpAddress address) {
  return (address.is_v4() ? "ip,nw_dst=" : "ipv6,ipv6_dst=") + address.str();
}
std::string from_address(net::IpAddress address) {
  return (address.is_v4() ? "ip,nw_src=" : "ipv6,ipv6_src=") + address.str();
}
std::string to_block(const net::IpCidr& block) {
  return (block.family() == net::Family::v4 ? "ip,nw_dst=" : "ipv6,ipv6_dst=") + block.str();
}

std::string to_peer(net::Vni vni, net::Ipv4Address vtep) {
  // A marked packet finds no route in the userspace datapath: "native tunnel routing failed".
  return fmt::format("set_field:0->pkt_mark,set_field:{}->tun_dst,set_field:{}->tun_id,output:{}", vtep.str(),
                     vni.value(), port::vxlan);
}

std::string arp_answer() {
  return fmt::format(
      "move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],set_field:{0}->eth_src,set_field:2->arp_op,"
      "move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[],set_field:{0}->arp_sha,move:NXM_OF_ARP_TPA[]->NXM_NX_REG5[],"
      "move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[],move:NXM_NX_REG5[]->NXM_OF_ARP_SPA[],in_port",
      virtual_mac);
}

std::string nd_answer_begun() {
  return fmt::format(
      "move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],set_field:{}->eth_src,move:NXM_NX_IPV6_SRC[]->NXM_NX_IPV6_DST[],"
      "move:NXM_NX_ND_TARGET[]->NXM_NX_IPV6_SRC[],set_field:136->icmpv6_type,set_field:0->icmpv6_code,goto_table:{}",
      virtual_mac, int_table::nd_answer);
}

std::string nd_answer_finished(bool router) {
  // RFC 4861, 4.4: router, solicited, override. Option 2 is the target's link-layer address.
  return fmt::format("set_field:2->nd_options_type,set_field:{}->nd_reserved,set_field:{}->nd_tll,in_port",
                     router ? "0xe0000000" : "0x60000000", virtual_mac);
}

std::string echo_answer(net::Family family) {
  if (family == net::Family::v4) {
    return fmt::format(
        "move:NXM_OF_IP_DST[]->NXM_NX_REG5[],move:NXM_OF_IP_SRC[]->NXM_OF_IP_DST[],move:NXM_NX_REG5[]->NXM_OF_IP_SRC[],"
        "set_field:0->icmp_type,set_field:64->nw_ttl,load:0->NXM_OF_IN_PORT[],goto_table:{}",
        int_table::local_delivery);
  }
  return fmt::format(
      "move:NXM_NX_IPV6_DST[]->NXM_NX_XXREG1[],move:NXM_NX_IPV6_SRC[]->NXM_NX_IPV6_DST[],"
      "move:NXM_NX_XXREG1[]->NXM_NX_IPV6_SRC[],set_field:129->icmpv6_type,set_field:64->nw_ttl,"
      "load:0->NXM_OF_IN_PORT[],goto_table:{}",
      int_table::local_delivery);
}

}  // namespace mooring::agent
