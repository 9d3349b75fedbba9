#include "mooring/ovs/meter_sync.hpp"

#include <algorithm>

namespace mooring::ovs {

void MeterSync::want(const Meter& meter) {
  desired_.insert_or_assign(meter.id, meter);
  refused_.erase(meter.id);
}

void MeterSync::drop(std::uint32_t id) {
  desired_.erase(id);
  refused_.erase(id);
}

void MeterSync::found(const std::vector<Meter>& actual) {
  actual_.clear();
  for (const Meter& meter : actual) {
    actual_.insert_or_assign(meter.id, meter);
  }
  refused_.clear();
  amiss_.clear();
  for (const auto& [id, meter] : desired_) {
    const auto have = actual_.find(id);
    if (have == actual_.end() || !(have->second == meter)) {
      amiss_.insert(id);
    }
  }
}

std::vector<MeterChange> MeterSync::additions() const {
  std::vector<MeterChange> changes;
  for (const auto& [id, meter] : desired_) {
    const auto have = actual_.find(id);
    if (refused_.contains(id) || (have != actual_.end() && have->second == meter)) {
      continue;
    }
    changes.push_back({have == actual_.end() ? MeterChange::Kind::add : MeterChange::Kind::modify, meter});
    if (changes.size() == FlowChannel::max_bundle) {
      break;
    }
  }
  return changes;
}

std::vector<MeterChange> MeterSync::removals(const DesiredFlows& in_switch) const {
  std::vector<MeterChange> changes;
  for (const auto& [id, meter] : actual_) {
    if (!desired_.contains(id) && !refused_.contains(id)) {
      changes.push_back({MeterChange::Kind::remove, meter});
    }
  }
  if (changes.empty()) {
    return changes;
  }
  std::set<std::uint32_t> named;
  for (const auto& [key, flow] : in_switch) {
    const auto ids = meters_of(flow.actions);
    named.insert(ids.begin(), ids.end());
  }
  std::erase_if(changes, [&](const MeterChange& change) { return named.contains(change.meter.id); });
  changes.resize(std::min(changes.size(), FlowChannel::max_bundle));
  return changes;
}

void MeterSync::sent(const std::vector<MeterChange>& changes, const ApplyOutcome& outcome) {
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const MeterChange& change = changes[i];
    if (std::find(outcome.refused.begin(), outcome.refused.end(), i) != outcome.refused.end()) {
      refused_.insert(change.meter.id);
    } else if (change.kind == MeterChange::Kind::remove) {
      actual_.erase(change.meter.id);
    } else {
      actual_.insert_or_assign(change.meter.id, change.meter);
    }
  }
}

}  // namespace mooring::ovs
