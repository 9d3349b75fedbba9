#include "overlay-gateway/domain/flow_meaning.hpp"

#include "overlay-gateway/domain/pipeline.hpp"

namespace mooring::gateway {
namespace {

using metrics::FlowMeaning;

std::string_view drop_reason(const ovs::FlowKey& key) {
  switch (key.table) {
    case table::classify:
      return "unknown-port";
    case table::known_senders:
      return "unknown-sender";
    case table::from_tunnel:
      return key.priority >= 200 ? "loop-mark" : key.priority >= 150 ? "isolated" : "other-network";
    case table::from_kernel:
      return key.priority >= 150 ? "spoofed" : "no-ip";
    case table::destination:
      return "no-destination";
    case table::to_kernel:
      return "not-forwarded";
    case table::from_physical_rules:
    case table::to_physical_rules:
      return "access-rule";
    default:
      return "other";
  }
}

}  // namespace

FlowMeaning flow_meaning(const ovs::Flow& flow) {
  if (flow.actions == "drop") {
    return {FlowMeaning::Kind::drop, drop_reason(flow.key)};
  }
  if (flow.key.table == table::destination && flow.actions.find("tun_dst") != std::string::npos) {
    return {FlowMeaning::Kind::forward, "to-overlay"};
  }
  if (flow.key.table == table::to_kernel) {
    return {FlowMeaning::Kind::forward, "to-physical"};
  }
  return {};
}

}  // namespace mooring::gateway
