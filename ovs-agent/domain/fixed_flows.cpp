// The flows that are the same on every node, or follow from this node's settings alone, as does the gateway that it
// picks.
#include <algorithm>

#include <fmt/format.h>

#include "ovs-agent/domain/desired_flows.hpp"
#include "ovs-agent/domain/flow_lines.hpp"

namespace mooring::agent {

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
  // Of VIPs: a connection that is known has been translated; what is no answer to one goes on as it is.
  in.push_back(fixed(t::vip_packet, 200, "ct_state=+trk+est", fmt::format("resubmit(,{})", t::local_delivery)));
  in.push_back(fixed(t::vip_packet, 190, "ct_state=+trk+inv", "drop"));
  in.push_back(fixed(t::vip_packet, 0, "", "drop"));
  in.push_back(fixed(t::vip_answer, 0, "", fmt::format("goto_table:{}", t::route)));
  // What a container may not say, each with a count of its own. Above what its own addresses allow it, and below what
  // --dhcp-server allows.
  for (const char* forbidden : {
           "udp,tp_src=67,tp_dst=68",     // DHCP server
           "udp6,tp_src=547,tp_dst=546",  // DHCPv6 server
           "icmp6,icmp_type=134",         // router advertisement
           "icmp6,icmp_type=137",         // redirect
           "icmp6,icmp_type=135",         // solicitation from an address that is not its own
           "icmp6,icmp_type=136",         // advertisement of an address that is not its own
       }) {
    in.push_back(fixed(t::spoof_guard, 110, forbidden, "drop"));
  }
  // Not forbidden, and of no use here: duplicate address detection (which must see silence), questions for routers,
  // membership reports.
  for (const char* useless : {"icmp6,icmp_type=135,ipv6_src=::", "icmp6,icmp_type=133", "icmp6,icmp_type=131",
                              "icmp6,icmp_type=132", "icmp6,icmp_type=143"}) {
    in.push_back(fixed(t::spoof_guard, 120, useless, "drop"));
  }
  in.push_back(fixed(t::arp_responder, 0, "", "drop"));
  in.push_back(fixed(t::nd_responder, 0, "", "drop"));
  in.push_back(fixed(t::nd_answer, 100, "icmp6,icmp_type=136,icmp_code=0", nd_answer_finished(false)));
  in.push_back(fixed(t::nd_answer, 0, "", "drop"));
  // Never to a node, a network or the gateway: multicast and reserved, loopback, "this network", link-local.
  for (const char* block : {"224.0.0.0/3", "127.0.0.0/8", "0.0.0.0/8"}) {
    in.push_back(fixed(t::route, 400, fmt::format("ip,nw_dst={}", block), "drop"));
  }
  for (const char* block : {"ff00::/8", "::1", "::", "::ffff:0.0.0.0/96"}) {
    in.push_back(fixed(t::route, 400, fmt::format("ipv6,ipv6_dst={}", block), "drop"));
  }
  const std::string to_table_36 = fmt::format("goto_table:{}", t::to_host);
  in.push_back(fixed(t::route, 300, fmt::format("ip,nw_dst={}", host_address), to_table_36));
  in.push_back(fixed(t::route, 300, fmt::format("ipv6,ipv6_dst={}", host_address6), to_table_36));
  in.push_back(fixed(t::route, 250, "ip,nw_dst=169.254.0.0/16", "drop"));
  in.push_back(fixed(t::route, 250, "ipv6,ipv6_dst=fe80::/10", "drop"));
  in.push_back(fixed(t::route, 250, fmt::format("ipv6,ipv6_dst={}", host_block6), "drop"));
  in.push_back(fixed(t::route, 0, "", fmt::format("goto_table:{}", t::policy)));
  in.push_back(fixed(t::policy, 0, "", fmt::format("goto_table:{}", t::local_delivery)));
  in.push_back(fixed(t::from_host, 0, "", "drop"));

  const std::string to_host = fmt::format("set_field:{}->eth_dst,output:{}", host_mac, port::host);
  // Of a fragment neither ports nor flags can be trusted to be seen: a connection must not be opened by fragments.
  for (const char* fragment : {"tcp,ip_frag=yes", "udp,ip_frag=yes", "tcp6,ip_frag=yes", "udp6,ip_frag=yes"}) {
    in.push_back(fixed(t::to_host, 310, fragment, "drop"));
  }
  in.push_back(fixed(t::to_host, 300, "udp,tp_dst=4789", "drop"));
  in.push_back(fixed(t::to_host, 300, "udp6,tp_dst=4789", "drop"));
  const auto host_takes = [&](std::string_view tcp, std::string_view icmp, const std::string& to) {
    in.push_back(fixed(t::to_host, 100, fmt::format("{},{},tcp_flags=+syn-ack", tcp, to), "drop"));
    in.push_back(fixed(t::to_host, 90, fmt::format("{},{}", tcp, to), to_host));
    in.push_back(fixed(t::to_host, 90, fmt::format("{},{}", icmp, to), to_host));
  };
  host_takes("tcp", "icmp", fmt::format("nw_dst={}", host_address));
  host_takes("tcp6", "icmp6", fmt::format("ipv6_dst={}", host_address6));
  in.push_back(fixed(t::to_host, 0, "", "drop"));
  for (const auto& cidr : settings_.allow_host_cidrs) {
    in.push_back(fixed(t::route, 290, to_block(cidr), to_table_36));
    in.push_back(fixed(t::to_host, 200, to_block(cidr), to_host));
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
  tun.push_back(fixed(u::miss, 0, "", fmt::format("goto_table:{}", u::relay)));
  tun.push_back(fixed(u::relay, 0, "", "drop"));
  tun.push_back(fixed(u::ask, 0, "", "drop"));
  return lines;
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
