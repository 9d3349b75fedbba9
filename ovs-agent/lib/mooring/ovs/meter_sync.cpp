#include "mooring/ovs/meter_sync.hpp"

#include <algorithm>

namespace mooring::ovs {

void MeterSync::want(const Meter& meter) {
  desired_.insert_or_assign(meter.id, meter);
  refused_.erase(meter.id);
  to_do_.insert(meter.id);
}

void MeterSync::drop(std::uint32_t id) {
  desired_.erase(id);
  refused_.erase(id);
  to_do_.insert(id);
}

void MeterSync::found(const std::vector<Meter>& actual, const DesiredFlows& in_switch) {
  actual_.clear();
  to_do_.clear();
  for (const Meter& meter : actual) {
    actual_.insert_or_assign(meter.id, meter);
    to_do_.insert(meter.id);
  }
  named_.clear();
  for (const auto& [key, flow] : in_switch) {
    flow_came(flow);
  }
  refused_.clear();
  amiss_.clear();
  for (const auto& [id, meter] : desired_) {
    to_do_.insert(id);
    const auto have = actual_.find(id);
    if (have == actual_.end() || !(have->second == meter)) {
      amiss_.insert(id);
    }
  }
}

void MeterSync::flow_came(const Flow& flow) {
  for (const std::uint32_t id : meters_of(flow.actions)) {
    ++named_[id];
  }
}

void MeterSync::flow_went(const Flow& flow) {
  for (const std::uint32_t id : meters_of(flow.actions)) {
    const auto named = named_.find(id);
    if (named != named_.end() && --named->second == 0) {
      named_.erase(named);
    }
  }
}

bool MeterSync::is_done(std::uint32_t id) const {
  const auto want = desired_.find(id);
  const auto have = actual_.find(id);
  if (refused_.contains(id) || (want == desired_.end() && have == actual_.end())) {
    return true;
  }
  return want != desired_.end() && have != actual_.end() && want->second == have->second;
}

std::vector<MeterChange> MeterSync::changes() {
  std::erase_if(to_do_, [this](std::uint32_t id) { return is_done(id); });
  std::vector<MeterChange> changes;
  std::vector<MeterChange> removals;
  for (const std::uint32_t id : to_do_) {
    const auto want = desired_.find(id);
    const auto have = actual_.find(id);
    if (want != desired_.end()) {
      changes.push_back({have == actual_.end() ? MeterChange::Kind::add : MeterChange::Kind::modify, want->second});
    } else if (!named_.contains(id)) {
      removals.push_back({MeterChange::Kind::remove, have->second});
    }
  }
  changes.insert(changes.end(), removals.begin(), removals.end());
  changes.resize(std::min(changes.size(), FlowChannel::max_bundle));
  return changes;
}

void MeterSync::sent(const std::vector<MeterChange>& changes, const ApplyOutcome& outcome) {
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const auto& [kind, meter] = changes[i];
    const auto& refused = outcome.refused_meters;
    if (std::find(refused.begin(), refused.end(), i) != refused.end()) {
      const auto want = desired_.find(meter.id);
      const bool is_old = kind == MeterChange::Kind::remove ? want != desired_.end()
                                                            : want == desired_.end() || !(want->second == meter);
      if (!is_old) {  // else it is another one that is wanted by now
        refused_.insert(meter.id);
      }
    } else if (kind == MeterChange::Kind::remove) {
      actual_.erase(meter.id);
    } else {
      actual_.insert_or_assign(meter.id, meter);
    }
  }
}

}  // namespace mooring::ovs
