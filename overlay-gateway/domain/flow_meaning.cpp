#include "overlay-gateway/domain/flow_meaning.hpp"

#include "overlay-gateway/domain/pipeline.hpp"

namespace mooring::gateway {
namespace {

using metrics::FlowMeaning;

std::string_view bridge_drop_reason(const ovs::FlowKey& key) {
  switch (key.table) {
    case table::segment_edge:
    case table::arp_answer:
    case table::nd_answer:
      return "not-forwarder";
    case table::segment_ip:
      return key.priority == 300 ? "not-forwarder" : "spoofed";
    case table::from_segment:
      return key.priority == 190                  ? "unknown-election"
             : key.priority == 180                ? "came-back"
             : key.priority == broadcast_priority ? "broadcast"
                                                  : "not-for-overlay";
    case table::segment_arp:
    case table::segment_nd:
      return key.priority == 110 ? "spoofed" : "not-for-overlay";
    case table::arp_target:
    case table::nd_target:
      return "not-for-overlay";
    case table::segment_route:
      return key.priority == 190 ? "isolated" : "not-forwarded";
    default:
      return "other";
  }
}

std::string_view drop_reason(const ovs::FlowKey& key) {
  if (key.table >= table::first_of_bridging && key.table <= table::last_of_bridging) {
    return bridge_drop_reason(key);
  }
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
      return key.priority == broadcast_priority ? "broadcast" : "no-destination";
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
  if (flow.key.table == table::destination &&
      (flow.actions.find("tun_dst") != std::string::npos || flow.actions.find("group:") != std::string::npos)) {
    return {FlowMeaning::Kind::forward, "to-overlay"};
  }
  if (flow.key.table == table::to_segment && flow.key.priority == 100) {
    return {FlowMeaning::Kind::forward, "to-segment"};
  }
  if (flow.key.table == table::segment_edge && flow.key.priority == 100) {
    return {FlowMeaning::Kind::forward, "to-forwarder"};
  }
  if (flow.key.table == table::to_kernel) {
    return {FlowMeaning::Kind::forward, "to-physical"};
  }
  return {};
}

}  // namespace mooring::gateway
