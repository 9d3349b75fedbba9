#include "ovs-agent/domain/flow_meaning.hpp"

#include <optional>

#include "ovs-agent/domain/pipeline.hpp"

namespace mooring::agent {
namespace {

using metrics::FlowMeaning;

struct Row {
  int table;
  int least_priority;  // the row is for flows of this priority and above, up to the row before it
  std::string_view label;
};

// A table's rows from the highest priority to the lowest.
constexpr Row int_drops[] = {
    {int_table::classify, 0, "port-shut"},         // or no port of ours
    {int_table::spoof_guard, 120, "of-no-use"},    // membership reports, probes: harmless
    {int_table::spoof_guard, 110, "not-allowed"},  // routers', DHCP servers' and others' announcements
    {int_table::spoof_guard, 0, "spoofed"},
    {int_table::vip_packet, 0, "vip-invalid"},       // of no connection that could be
    {int_table::arp_responder, 200, "own-address"},  // duplicate address detection must see silence
    {int_table::arp_responder, 0, "no-answer"},
    {int_table::nd_responder, 200, "own-address"},
    {int_table::nd_responder, 0, "no-answer"},
    {int_table::nd_answer, 0, "no-answer"},
    {int_table::route, 201, "not-forwarded"},  // multicast, loopback, link-local
    {int_table::route, 200, "isolated"},
    {int_table::from_host, 0, "from-host-unknown"},
    {int_table::to_host, 0, "to-host"},
    {int_table::local_delivery, 0, "not-here"},  // came by the tunnel
};
constexpr Row tun_drops[] = {
    {tun_table::classify, 0, "unknown-port"},    {tun_table::known_senders, 0, "unknown-sender"},
    {tun_table::from_tunnel, 150, "loop-mark"},  {tun_table::from_tunnel, 0, "not-here"},
    {tun_table::to_tunnel, 140, "vip"},  // not its ports, or nobody is behind them
    {tun_table::to_tunnel, 0, "no-destination"}, {tun_table::relay, 0, "no-destination"},
    {tun_table::ask, 0, "no-destination"},  // of nobody's address: the agent is not asked
};

template <std::size_t N>
std::string_view reason(const Row (&rows)[N], const ovs::FlowKey& key) {
  for (const Row& row : rows) {
    if (row.table == key.table && key.priority >= row.least_priority) {
      return row.label;
    }
  }
  return "other";
}

}  // namespace

FlowMeaning flow_meaning(std::string_view bridge, const ovs::Flow& flow) {
  const bool in_int = bridge == integration_bridge;
  // What the spoof guard drops and tells of (adapters/spoof_watch.hpp).
  const bool told = in_int && flow.key.table == int_table::spoof_guard && flow.actions.starts_with("controller");
  if (flow.actions == "drop" || told) {
    return {FlowMeaning::Kind::drop, in_int ? reason(int_drops, flow.key) : reason(tun_drops, flow.key)};
  }
  if (!in_int && flow.actions.find("group:") != std::string::npos) {
    const bool to_vip = flow.key.table == tun_table::to_tunnel && flow.key.priority >= 150;
    return {FlowMeaning::Kind::forward, to_vip ? "vip" : "relay"};
  }
  if (in_int || flow.actions.find("tun_dst") == std::string::npos) {
    return {};
  }
  if (flow.key.table == tun_table::from_tunnel) {
    return {FlowMeaning::Kind::forward, "hairpin"};
  }
  return {FlowMeaning::Kind::forward, flow.key.table == tun_table::relay ? "relay" : "direct"};
}

}  // namespace mooring::agent
