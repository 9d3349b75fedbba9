#include "mooring/ovs/flow_sync.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace mooring::ovs {

namespace {

// Between a request that failed on a connection that stayed up and the next look at the switch.
constexpr std::chrono::milliseconds second_look{200};

}  // namespace

FlowSync::FlowSync(const Dial& dial, Options options) : options_(std::move(options)) {
  channel_ = dial(FlowChannel::Callbacks{[this] { on_connected(); }, [this](const Error&) { on_disconnected(); }});
}

FlowSync::~FlowSync() = default;

void FlowSync::replace(DesiredFlows desired) {
  ++given_;
  std::swap(desired_, desired);
  for (const auto& [key, flow] : desired) {
    if (desired_.find(key) == nullptr) {
      touch(key);
    }
  }
  for (const auto& [key, flow] : desired_) {
    const Flow* before = desired.find(key);
    if (before == nullptr || *before != flow) {
      touch(key);
    }
  }
  pump();
}

void FlowSync::change(const std::vector<FlowChange>& changes, const MeterWishes& meters, const GroupWishes& groups) {
  ++given_;
  for (const Meter& meter : meters.desired) {
    meters_.want(meter);
  }
  for (const std::uint32_t id : meters.not_desired) {
    meters_.drop(id);
  }
  for (const Group& group : groups.desired) {
    groups_.want(group);
  }
  for (const std::uint32_t id : groups.not_desired) {
    groups_.drop(id);
  }
  for (const FlowChange& change : changes) {
    if (change.kind == FlowChange::Kind::add ? desired_.put(change.flow) : desired_.erase(change.flow.key)) {
      touch(change.flow.key);
    }
  }
  pump();
}

void FlowSync::reconsider() {
  ++given_;
  dirty_.insert(held_.begin(), held_.end());
  held_.clear();
  pump();
}

void FlowSync::read_back() {
  ++given_;
  read_back_wanted_ = true;
  pump();
}

void FlowSync::settled(std::chrono::milliseconds deadline, Settled done, Concerns concerns) {
  const std::uint64_t id = ++last_waiter_;
  waiters_.push_back({id, given_, std::move(done), std::move(concerns)});
  channel_->after(deadline, [this, id, deadline] { expire(id, deadline); });
  // Never from inside the call: the caller has not finished its own sentence yet.
  channel_->after(std::chrono::milliseconds(0), [this] { answer_waiters(); });
}

bool FlowSync::in_line() const {
  return connected_ && known_ && !busy_ && !read_back_wanted_ && dirty_.empty() && plan_.empty();
}

FlowSync::Counters FlowSync::counters() const {
  Counters now = counters_;
  now.desired = desired_.size();
  now.actual = actual_.size();
  now.held = held_.size();
  now.refused = refused_.size() + meters_.refused() + groups_.refused();
  now.meters = meters_.actual().size();
  now.groups = groups_.actual().size();
  return now;
}

void FlowSync::on_connected() {
  connected_ = true;
  ++counters_.connects;
  read_back_wanted_ = true;
  pump();
}

void FlowSync::on_disconnected() {
  connected_ = false;
  known_ = false;
  tell_in_line();
}

void FlowSync::start_read_back() {
  read_back_wanted_ = false;
  busy_ = true;
  channel_->dump(options_.request_deadline, [this](Result<std::vector<FlowEntry>> entries) {
    if (!entries) {
      on_dump(entries, entries.error(), entries.error());
      return;
    }
    const auto with_meters = [this, entries = std::move(entries)](Result<std::vector<Meter>> meters) {
      if (!meters) {
        on_dump(entries, meters, meters.error());
        return;
      }
      channel_->dump_groups(options_.request_deadline,
                            [this, entries, meters = std::move(meters)](const Result<std::vector<Group>>& groups) {
                              on_dump(entries, meters, groups);
                            });
    };
    channel_->dump_meters(options_.request_deadline, with_meters);
  });
}

void FlowSync::on_dump(const Result<std::vector<FlowEntry>>& entries, const Result<std::vector<Meter>>& meters,
                       const Result<std::vector<Group>>& groups) {
  if (!entries || !meters || !groups) {
    busy_ = false;
    distrust();
    return;
  }
  ++counters_.read_backs;
  actual_.clear();
  for (const FlowEntry& entry : *entries) {
    actual_.put(entry.flow);
  }
  meters_.found(*meters, actual_);
  groups_.found(*groups, actual_);
  if (options_.found) {
    options_.found(actual_);  // still busy: what it changes is part of the difference below
  }
  busy_ = false;
  known_ = true;
  // Everything is open again: what was refused or held may have become possible.
  refused_.clear();
  held_.clear();
  plan_.clear();
  plan_covers_ = carried_out_;  // the plan that was under way was not carried out
  dirty_.clear();
  for (const auto& [key, flow] : desired_) {
    const Flow* have = actual_.find(key);
    if (have == nullptr || *have != flow) {
      dirty_.insert(key);
    }
  }
  amiss_ = dirty_;
  for (const auto& [key, flow] : actual_) {
    if (desired_.find(key) == nullptr) {
      dirty_.insert(key);
    }
  }
  pump();
}

void FlowSync::touch(const FlowKey& key) {
  dirty_.insert(key);
  refused_.erase(key);
}

void FlowSync::pump() {
  if (connected_ && !busy_ && (read_back_wanted_ || !known_)) {
    start_read_back();
  }
  while (connected_ && known_ && !busy_ && send_next()) {
  }
  answer_waiters();
  tell_in_line();
}

bool FlowSync::send_groups(std::vector<GroupChange> groups) {
  if (groups.empty()) {
    return false;
  }
  busy_ = true;
  auto to_send = groups;
  channel_->apply_groups(std::move(to_send), options_.request_deadline,
                         [this, groups = std::move(groups)](const GroupOutcome& outcome) {
                           busy_ = false;
                           if (!outcome.result && outcome.refused.empty()) {
                             distrust();
                             return;
                           }
                           for (const std::size_t index : outcome.refused) {
                             if (options_.group_refused) {
                               options_.group_refused(groups[index].group, outcome.result.error());
                             }
                           }
                           groups_.sent(groups, outcome.refused);
                           pump();
                         });
  return true;
}

// False if there is nothing to send.
bool FlowSync::send_next() {
  if (send_groups(groups_.additions())) {
    return true;
  }
  std::vector<MeterChange> meters = meters_.changes();
  std::vector<FlowChange> flows;
  if (meters.size() < FlowChannel::max_bundle) {  // else there are more, and flows name them
    if (plan_.empty()) {
      carried_out_ = std::max(carried_out_, plan_covers_);
      make_plan();
    }
    flows = next_bundle();
  }
  if (meters.empty() && flows.empty()) {
    if (send_groups(groups_.removals())) {
      return true;
    }
    carried_out_ = given_;
    return false;
  }
  busy_ = true;
  counters_.bundles += flows.empty() ? 0U : 1U;
  auto meters_to_send = meters;
  auto flows_to_send = flows;
  channel_->apply(std::move(meters_to_send), std::move(flows_to_send), options_.request_deadline,
                  [this, meters = std::move(meters), flows = std::move(flows)](const ApplyOutcome& outcome) {
                    on_applied(meters, flows, outcome);
                  });
  return true;
}

void FlowSync::make_plan() {
  plan_covers_ = given_;
  plan_.assign(dirty_.begin(), dirty_.end());
  dirty_.clear();
  // Taken from the back: additions last, and the busiest tables' order is of no matter.
  std::stable_partition(plan_.begin(), plan_.end(),
                        [this](const FlowKey& key) { return desired_.find(key) == nullptr; });
  if (options_.together) {
    std::stable_partition(plan_.begin(), plan_.end(), [this](const FlowKey& key) { return !options_.together(key); });
  }
}

std::optional<FlowChange> FlowSync::step_for(const FlowKey& key) {
  const Flow* want = desired_.find(key);
  const Flow* have = actual_.find(key);
  if (want != nullptr) {
    const bool missing = (have == nullptr || *have != *want) && !refused_.contains(key);
    return missing ? std::optional(FlowChange{FlowChange::Kind::add, *want}) : std::nullopt;
  }
  if (have == nullptr) {
    return std::nullopt;
  }
  if (options_.may_delete && !options_.may_delete(*have)) {
    held_.insert(key);
    return std::nullopt;
  }
  return FlowChange{FlowChange::Kind::remove, *have};
}

std::vector<FlowChange> FlowSync::next_bundle() {
  std::vector<FlowChange> additions;
  std::vector<FlowChange> deletions;
  const auto fits = [&](const FlowKey& key) {
    const std::size_t size = additions.size() + deletions.size();
    const bool together = options_.together && options_.together(key);
    return size < (together ? FlowChannel::max_together : FlowChannel::max_bundle);
  };
  while (!plan_.empty() && fits(plan_.back())) {
    const FlowKey key = std::move(plan_.back());
    plan_.pop_back();
    held_.erase(key);
    if (std::optional<FlowChange> step = step_for(key)) {
      (step->kind == FlowChange::Kind::add ? additions : deletions).push_back(std::move(*step));
    }
  }
  additions.insert(additions.end(), std::make_move_iterator(deletions.begin()),
                   std::make_move_iterator(deletions.end()));
  return additions;
}

void FlowSync::on_applied(const std::vector<MeterChange>& meters, const std::vector<FlowChange>& flows,
                          const ApplyOutcome& outcome) {
  busy_ = false;
  if (!outcome.result && outcome.refused.empty()) {
    distrust();
    return;
  }
  meters_.sent(meters, outcome);
  std::set<std::uint32_t> without;
  for (const std::size_t index : outcome.refused_meters) {
    without.insert(meters[index].meter.id);
    if (options_.meter_refused) {
      options_.meter_refused(meters[index].meter, outcome.meters.error());
    }
  }
  std::vector<bool> refused(flows.size());
  for (const std::size_t index : outcome.refused) {
    refused[index] = true;
    const Flow& flow = flows[index].flow;
    const bool for_its_meter = without.contains(meter_of(flow.actions));
    set_aside(flow, for_its_meter ? outcome.meters.error() : outcome.result.error());
  }
  for (std::size_t i = flows.size(); i-- > 0;) {
    if (refused[i]) {
      continue;
    }
    if (outcome.flows_taken) {
      note(flows[i]);
    } else {
      plan_.push_back(flows[i].flow.key);  // its head: the last one comes first
    }
  }
  pump();
}

void FlowSync::note(const FlowChange& change) {
  const Flow* before = actual_.find(change.flow.key);
  if (before != nullptr) {
    meters_.flow_went(*before);
    groups_.flow_went(*before);
  }
  if (change.kind == FlowChange::Kind::add) {
    meters_.flow_came(change.flow);
    groups_.flow_came(change.flow);
    actual_.put(change.flow);
    ++counters_.added;
  } else {
    actual_.erase(change.flow.key);
    ++counters_.removed;
  }
}

// It is left out until it changes or the switch is read back.
void FlowSync::set_aside(const Flow& flow, const Error& why) {
  refused_.insert_or_assign(flow.key, why);
  if (options_.refused) {
    options_.refused(flow, why);
  }
}

// What the switch holds is not known any more. A lost connection comes back through on_connected.
void FlowSync::distrust() {
  ++counters_.failures;
  known_ = false;
  tell_in_line();
  channel_->after(second_look, [this] { pump(); });
}

void FlowSync::tell_in_line() {
  if (in_line() != was_in_line_) {
    was_in_line_ = !was_in_line_;
    if (options_.in_line_changed) {
      options_.in_line_changed(was_in_line_);
    }
  }
}

Result<void> FlowSync::refusal_for(const Concerns& concerns) const {
  for (const auto& [key, error] : refused_) {
    const Flow* flow = desired_.find(key);
    if (flow != nullptr && (!concerns || concerns(*flow))) {
      return error;
    }
  }
  return ok();
}

void FlowSync::answer_waiters() {
  const auto waits = [this](const Waiter& waiter) { return waiter.given > carried_out_ || !known_; };
  const auto ready = std::stable_partition(waiters_.begin(), waiters_.end(), waits);
  std::vector<Waiter> answered(std::make_move_iterator(ready), std::make_move_iterator(waiters_.end()));
  waiters_.erase(ready, waiters_.end());
  for (Waiter& waiter : answered) {
    waiter.done(refusal_for(waiter.concerns));
  }
}

void FlowSync::expire(std::uint64_t id, std::chrono::milliseconds deadline) {
  const auto waiter = std::find_if(waiters_.begin(), waiters_.end(), [id](const Waiter& w) { return w.id == id; });
  if (waiter == waiters_.end()) {
    return;
  }
  const Settled done = std::move(waiter->done);
  waiters_.erase(waiter);
  if (connected_) {
    done(Error(Errc::timeout, fmt::format("waiting for the flows of {}: not in the switch after {} ms", options_.bridge,
                                          deadline.count())));
  } else {
    done(Error(Errc::unavailable,
               fmt::format("waiting for the flows of {}: no connection to the switch", options_.bridge),
               "start ovs-vswitchd; the flows follow by themselves"));
  }
}

FlowSync::Dial dial_openflow(std::string target, Post post) {
  return [target = std::move(target), post = std::move(post)](FlowChannel::Callbacks callbacks) {
    return std::make_unique<OpenFlow>(target, post, std::move(callbacks));
  };
}

}  // namespace mooring::ovs
