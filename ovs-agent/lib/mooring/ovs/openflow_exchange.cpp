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
    return [done = std::move(request.done), error = error] { done(ApplyOutcome{error, {}}); };
  }
  std::function<void()> operator()(MeterRequest& request) const {
    return [done = std::move(request.done), error = error] { done(ApplyOutcome{error, {}}); };
  }
  std::function<void()> operator()(DumpRequest& request) const {
    return [done = std::move(request.done), error = error] { done(error); };
  }
  std::function<void()> operator()(DumpMetersRequest& request) const {
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
    phase_ = Phase::adding;
    begin_bundle(of, *apply);
  } else if (const auto* meters = std::get_if<MeterRequest>(&request_.what)) {
    phase_ = Phase::metering;
    begin_meters(of, *meters);
  } else {
    phase_ = Phase::reading;
    dump_xid_ = std::holds_alternative<DumpRequest>(request_.what) ? mo_of_dump_flows(of) : mo_of_dump_meters(of);
  }
}

void OpenFlowExchange::begin_meters(mo_of* of, const MeterRequest& meters) {
  for (std::size_t i = 0; i < meters.changes.size(); ++i) {
    const auto& [kind, meter] = meters.changes[i];
    const mo_meter raw{meter.id, meter.unit == Meter::Unit::pktps ? 1 : 0, meter.rate, meter.burst};
    index_by_xid_.emplace(mo_of_meter(of, step_of(kind), &raw), i);
  }
  barrier_xid_ = mo_of_barrier(of);
}

void OpenFlowExchange::begin_bundle(mo_of* of, const ApplyRequest& apply) {
  open_xid_ = mo_of_bundle(of, MO_BUNDLE_OPEN, bundle_);
  for (std::size_t i = 0; i < apply.changes.size(); ++i) {
    const FlowChange& change = apply.changes[i];
    std::uint32_t xid = 0;
    const int remove = change.kind == FlowChange::Kind::remove ? 1 : 0;
    if (const ShimText error{mo_of_bundle_flow(of, bundle_, remove, wire_text(change).c_str(), &xid)}) {
      refused_.emplace(i, error.get());
    } else {
      index_by_xid_.emplace(xid, i);
    }
  }
  // A refused message is merely not in the bundle, which would then commit without it: all answers are awaited first.
  barrier_xid_ = mo_of_barrier(of);
}

OpenFlowExchange::Answer OpenFlowExchange::on_message(mo_of* of, const mo_message& message) {
  switch (message.kind) {
    case MO_ERROR:
      return on_error(message);
    case MO_BARRIER_REPLY:
      if (phase_ == Phase::reading || message.xid != barrier_xid_) {
        return std::nullopt;
      }
      if (phase_ == Phase::closing) {
        return finish_bundle();
      }
      if (phase_ == Phase::metering) {
        return finish_meters();
      }
      close_bundle(of);
      return std::nullopt;
    case MO_FLOWS:
      return phase_ == Phase::reading && message.xid == dump_xid_ ? collect(message) : std::nullopt;
    case MO_METERS:
      return phase_ == Phase::reading && message.xid == dump_xid_ ? collect_meters(message) : std::nullopt;
    case MO_BUNDLE_REPLY:
    case MO_PACKET_IN:
    case MO_NOTHING:
      break;
  }
  return std::nullopt;
}

OpenFlowExchange::Answer OpenFlowExchange::on_error(const mo_message& message) {
  if (phase_ == Phase::reading) {
    if (message.xid != dump_xid_) {
      return std::nullopt;
    }
    return fail(Error(Errc::internal, fmt::format("reading the tables of {}: {}", target_, message.error)));
  }
  if (const auto flow = index_by_xid_.find(message.xid); flow != index_by_xid_.end()) {
    refused_.emplace(flow->second, message.error);
  } else if (message.xid == open_xid_ || (phase_ == Phase::closing && message.xid == close_xid_)) {
    failure_ = message.error;
  }
  return std::nullopt;
}

void OpenFlowExchange::close_bundle(mo_of* of) {
  phase_ = Phase::closing;
  const bool good = refused_.empty() && failure_.empty();
  close_xid_ = mo_of_bundle(of, good ? MO_BUNDLE_COMMIT : MO_BUNDLE_DISCARD, bundle_);
  barrier_xid_ = mo_of_barrier(of);
}

OpenFlowExchange::Answer OpenFlowExchange::finish_bundle() {
  auto& apply = std::get<ApplyRequest>(request_.what);
  ApplyOutcome outcome;
  const std::string doing = fmt::format("programming {} flows at {}", apply.changes.size(), target_);
  if (!refused_.empty()) {
    const auto& [index, reason] = *refused_.begin();
    outcome.result = Error(Errc::internal, fmt::format("{}: the switch refused \"{}\": {}", doing,
                                                       apply.changes[index].flow.str(), reason));
    for (const auto& [i, ignored] : refused_) {
      outcome.refused.push_back(i);
    }
  } else if (!failure_.empty()) {
    outcome.result = Error(Errc::internal, fmt::format("{}: the switch refused the bundle: {}", doing, failure_));
  }
  return [done = std::move(apply.done), outcome = std::move(outcome)] { done(outcome); };
}

OpenFlowExchange::Answer OpenFlowExchange::finish_meters() {
  auto& meters = std::get<MeterRequest>(request_.what);
  ApplyOutcome outcome;
  for (const auto& [index, reason] : refused_) {
    if (outcome.result) {
      outcome.result = Error(Errc::internal, fmt::format("programming meters at {}: the switch refused \"{}\": {}",
                                                         target_, meters.changes[index].meter.str(), reason));
    }
    outcome.refused.push_back(index);
  }
  return [done = std::move(meters.done), outcome = std::move(outcome)] { done(outcome); };
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
