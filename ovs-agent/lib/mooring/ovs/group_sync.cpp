#include "mooring/ovs/group_sync.hpp"

#include <algorithm>

namespace mooring::ovs {

void GroupSync::want(const Group& group) {
  desired_.insert_or_assign(group.id, group);
  refused_.erase(group.id);
}

void GroupSync::drop(std::uint32_t id) {
  desired_.erase(id);
  refused_.erase(id);
}

void GroupSync::found(const std::vector<Group>& actual, const DesiredFlows& in_switch) {
  actual_.clear();
  for (const Group& group : actual) {
    actual_.insert_or_assign(group.id, group);
  }
  named_.clear();
  for (const auto& [key, flow] : in_switch) {
    flow_came(flow);
  }
  refused_.clear();
  amiss_.clear();
  for (const auto& [id, group] : desired_) {
    if (!is_right(id)) {
      amiss_.insert(id);
    }
  }
}

void GroupSync::flow_came(const Flow& flow) {
  for (const std::uint32_t id : groups_of(flow.actions)) {
    ++named_[id];
  }
}

void GroupSync::flow_went(const Flow& flow) {
  for (const std::uint32_t id : groups_of(flow.actions)) {
    const auto named = named_.find(id);
    if (named != named_.end() && --named->second == 0) {
      named_.erase(named);
    }
  }
}

bool GroupSync::is_right(std::uint32_t id) const {
  const auto want = desired_.find(id);
  const auto have = actual_.find(id);
  return want != desired_.end() && have != actual_.end() && want->second == have->second;
}

std::vector<GroupChange> GroupSync::additions() const {
  std::vector<GroupChange> changes;
  for (const auto& [id, group] : desired_) {
    if (!refused_.contains(id) && !is_right(id)) {
      changes.push_back({GroupChange::Kind::put, group});
    }
  }
  return changes;
}

std::vector<GroupChange> GroupSync::removals() const {
  std::set<std::uint32_t> needed;
  for (const auto& [id, group] : actual_) {
    for (const std::uint32_t further : groups_of(group.text)) {
      needed.insert(further);
    }
  }
  std::vector<GroupChange> changes;
  for (const auto& [id, group] : actual_) {
    if (!desired_.contains(id) && !named_.contains(id) && !needed.contains(id) && !refused_.contains(id)) {
      changes.push_back({GroupChange::Kind::remove, group});
    }
  }
  return changes;
}

void GroupSync::sent(const std::vector<GroupChange>& changes, const std::vector<std::size_t>& refused) {
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const auto& [kind, group] = changes[i];
    if (std::find(refused.begin(), refused.end(), i) != refused.end()) {
      refused_.insert(group.id);
    } else if (kind == GroupChange::Kind::remove) {
      actual_.erase(group.id);
    } else {
      actual_.insert_or_assign(group.id, group);
    }
  }
}

}  // namespace mooring::ovs
