#include "mooring/ovs/openflow_exchange.hpp"

#include <fmt/format.h>

#include "mooring/ovs/flow_text.hpp"

namespace mooring::ovs {

namespace {

// The text that asks for `change`; a deletion is told by table, priority and match alone.
std::string wire_text(const FlowChange& change) {
  return change.kind == FlowChange::Kind::add ? change.flow.str() : change.flow.key.str();
}

mo_meter_step step_of(MeterChange::Kind kind) {
  return kind == MeterChange::Kind::add      ? MO_METER_ADD
         : kind == MeterChange::Kind::modify ? MO_METER_MODIFY
                                             : MO_METER_REMOVE;
}

// Tells the owner of each kind of request what became of it when nothing became of it.
struct Failure {
  Error error;
  std::function<void()> operator()(ApplyRequest& request) const {
    return [done = std::move(request.done), error = error] {
      ApplyOutcome outcome;
      outcome.result = error;
      done(std::move(outcome));
    };
  }
  std::function<void()> operator()(DumpRequest& request) const {
    return [done = std::move(request.done), error = error] { done(error); };
  }
  std::function<void()> operator()(DumpMetersRequest& request) const {
    return [done = std::move(request.done), error = error] { done(error); };
  }
  std::function<void()> operator()(GroupsRequest& request) const {
    return [done = std::move(request.done), error = error] { done(GroupOutcome{error, {}}); };
  }
  std::function<void()> operator()(DumpGroupsRequest& request) const {
    return [done = std::move(request.done), error = error] { done(error); };
  }
};

}  // namespace

std::function<void()> failure_of(OpenFlowRequest request, const Error& error) {
  return std::visit(Failure{error}, request.what);
}

OpenFlowExchange::OpenFlowExchange(OpenFlowRequest request, mo_of* of, std::uint32_t bundle, std::string target)
    : request_(std::move(request)), target_(std::move(target)), bundle_(bundle) {
  if (const auto* apply = std::get_if<ApplyRequest>(&request_.what)) {
    send_meters(of, apply->meters);  // the switch goes through its messages in order: they are there before the flows
    send_bundle(of, apply->flows);
    barrier_xid_ = mo_of_barrier(of);
  } else if (const auto* groups = std::get_if<GroupsRequest>(&request_.what)) {
    send_groups(of, groups->groups);
    barrier_xid_ = mo_of_barrier(of);
  } else if (std::holds_alternative<DumpGroupsRequest>(request_.what)) {
    dump_xid_ = mo_of_dump_groups(of);
  } else {
    dump_xid_ = std::holds_alternative<DumpRequest>(request_.what) ? mo_of_dump_flows(of) : mo_of_dump_meters(of);
  }
}

void OpenFlowExchange::send_groups(mo_of* of, const std::vector<GroupChange>& groups) {
  for (std::size_t i = 0; i < groups.size(); ++i) {
    std::string text = groups[i].group.text;
    const mo_group raw{groups[i].group.id, text.data()};
    const auto step = groups[i].kind == GroupChange::Kind::put ? MO_GROUP_PUT : MO_GROUP_REMOVE;
    std::uint32_t xid = 0;
    if (const ShimText error{mo_of_group(of, step, &raw, &xid)}) {
      refused_groups_.emplace(i, error.get());
    } else {
      group_by_xid_.emplace(xid, i);
    }
  }
}

void OpenFlowExchange::send_meters(mo_of* of, const std::vector<MeterChange>& meters) {
  for (std::size_t i = 0; i < meters.size(); ++i) {
    const auto& [kind, meter] = meters[i];
    const mo_meter raw{meter.id, meter.unit == Meter::Unit::pktps ? 1 : 0, meter.rate, meter.burst};
    meter_by_xid_.emplace(mo_of_meter(of, step_of(kind), &raw), i);
  }
}

void OpenFlowExchange::send_bundle(mo_of* of, const std::vector<FlowChange>& flows) {
  if (flows.empty()) {
    return;
  }
  open_xid_ = mo_of_bundle(of, MO_BUNDLE_OPEN, bundle_);
  for (std::size_t i = 0; i < flows.size(); ++i) {
    std::uint32_t xid = 0;
    const int remove = flows[i].kind == FlowChange::Kind::remove ? 1 : 0;
    if (const ShimText error{mo_of_bundle_flow(of, bundle_, remove, wire_text(flows[i]).c_str(), &xid)}) {
      refused_.emplace(i, error.get());
    } else {
      flow_by_xid_.emplace(xid, i);
    }
  }
  // A message that is refused is merely not in the bundle, which commits without it.
  commit_xid_ = mo_of_bundle(of, MO_BUNDLE_COMMIT, bundle_);
}

OpenFlowExchange::Answer OpenFlowExchange::on_message(const mo_message& message) {
  switch (message.kind) {
    case MO_ERROR:
      return on_error(message);
    case MO_BARRIER_REPLY:
      if (is_reading() || message.xid != barrier_xid_) {
        return std::nullopt;
      }
      return std::holds_alternative<GroupsRequest>(request_.what) ? finish_groups() : finish();
    case MO_FLOWS:
      return is_reading() && message.xid == dump_xid_ ? collect(message) : std::nullopt;
    case MO_METERS:
      return is_reading() && message.xid == dump_xid_ ? collect_meters(message) : std::nullopt;
    case MO_GROUPS:
      return is_reading() && message.xid == dump_xid_ ? collect_groups(message) : std::nullopt;
    case MO_BUNDLE_REPLY:
    case MO_PACKET_IN:
    case MO_NOTHING:
      break;
  }
  return std::nullopt;
}

OpenFlowExchange::Answer OpenFlowExchange::on_error(const mo_message& message) {
  if (is_reading()) {
    if (message.xid != dump_xid_) {
      return std::nullopt;
    }
    return fail(Error(Errc::internal, fmt::format("reading the tables of {}: {}", target_, message.error)));
  }
  if (const auto meter = meter_by_xid_.find(message.xid); meter != meter_by_xid_.end()) {
    refused_meters_.emplace(meter->second, message.error);
  } else if (const auto group = group_by_xid_.find(message.xid); group != group_by_xid_.end()) {
    refused_groups_.emplace(group->second, message.error);
  } else if (const auto flow = flow_by_xid_.find(message.xid); flow != flow_by_xid_.end()) {
    refused_.emplace(flow->second, message.error);
  } else if (commit_xid_ != 0 && (message.xid == open_xid_ || message.xid == commit_xid_)) {
    failure_ = message.error;
  }
  return std::nullopt;
}

OpenFlowExchange::Answer OpenFlowExchange::finish() {
  auto& apply = std::get<ApplyRequest>(request_.what);
  ApplyOutcome outcome;
  outcome.flows_taken = failure_.empty();
  const std::string doing = fmt::format("programming {} flows at {}", apply.flows.size(), target_);
  if (!refused_.empty()) {
    const auto& [index, reason] = *refused_.begin();
    outcome.result = Error(
        Errc::internal, fmt::format("{}: the switch refused \"{}\": {}", doing, apply.flows[index].flow.str(), reason));
  } else if (!failure_.empty()) {
    outcome.result = Error(Errc::internal, fmt::format("{}: the switch refused the bundle: {}", doing, failure_));
  }
  if (!refused_meters_.empty()) {
    const auto& [index, reason] = *refused_meters_.begin();
    outcome.meters = Error(Errc::internal, fmt::format("programming meters at {}: the switch refused \"{}\": {}",
                                                       target_, apply.meters[index].meter.str(), reason));
  }
  for (const auto& [index, reason] : refused_) {
    outcome.refused.push_back(index);
  }
  for (const auto& [index, reason] : refused_meters_) {
    outcome.refused_meters.push_back(index);
  }
  return [done = std::move(apply.done), outcome = std::move(outcome)] { done(outcome); };
}

OpenFlowExchange::Answer OpenFlowExchange::collect_meters(const mo_message& message) {
  for (std::size_t i = 0; i < message.n_meters; ++i) {
    const mo_meter& raw = message.meters[i];
    meters_.push_back({raw.id, raw.packets ? Meter::Unit::pktps : Meter::Unit::kbps, raw.rate, raw.burst});
  }
  if (message.error != nullptr) {
    return fail(Error(Errc::internal, fmt::format("reading the meters of {}: {}", target_, message.error)));
  }
  if (message.more) {
    return std::nullopt;
  }
  return [done = std::move(std::get<DumpMetersRequest>(request_.what).done), meters = std::move(meters_)] {
    done(meters);
  };
}

OpenFlowExchange::Answer OpenFlowExchange::finish_groups() {
  auto& request = std::get<GroupsRequest>(request_.what);
  GroupOutcome outcome;
  for (const auto& [index, reason] : refused_groups_) {
    if (outcome.refused.empty()) {
      outcome.result = Error(Errc::internal, fmt::format("programming groups at {}: the switch refused \"{}\": {}",
                                                         target_, request.groups[index].group.text, reason));
    }
    outcome.refused.push_back(index);
  }
  return [done = std::move(request.done), outcome = std::move(outcome)] { done(outcome); };
}

OpenFlowExchange::Answer OpenFlowExchange::collect_groups(const mo_message& message) {
  for (std::size_t i = 0; i < message.n_groups; ++i) {
    groups_.push_back({message.groups[i].id, message.groups[i].text});
  }
  if (message.error != nullptr) {
    return fail(Error(Errc::internal, fmt::format("reading the groups of {}: {}", target_, message.error)));
  }
  if (message.more) {
    return std::nullopt;
  }
  return [done = std::move(std::get<DumpGroupsRequest>(request_.what).done), groups = std::move(groups_)] {
    done(groups);
  };
}

OpenFlowExchange::Answer OpenFlowExchange::collect(const mo_message& message) {
  for (std::size_t i = 0; i < message.n_flows; ++i) {
    const mo_flow& raw = message.flows[i];
    flows_.push_back({flow_from(raw), raw.packets, raw.bytes, raw.duration_seconds});
  }
  if (message.error != nullptr) {
    return fail(Error(Errc::internal, fmt::format("reading the flows of {}: {}", target_, message.error)));
  }
  if (message.more) {
    return std::nullopt;
  }
  auto flows = std::make_shared<std::vector<FlowEntry>>(std::move(flows_));
  return [done = std::move(std::get<DumpRequest>(request_.what).done), flows] { done(std::move(*flows)); };
}

}  // namespace mooring::ovs
