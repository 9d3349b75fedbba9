#include "mooring/ovs/flow_table.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace mooring::ovs {

namespace {

// Table, then the order in which the switch would look: highest priority first.
bool reads_before(const Flow& a, const Flow& b) {
  if (a.key.table != b.key.table) {
    return a.key.table < b.key.table;
  }
  if (a.key.priority != b.key.priority) {
    return a.key.priority > b.key.priority;
  }
  return a.key.match < b.key.match;
}

void sort_for_reading(std::vector<FlowChange>::iterator begin, std::vector<FlowChange>::iterator end) {
  std::sort(begin, end, [](const FlowChange& a, const FlowChange& b) { return reads_before(a.flow, b.flow); });
}

}  // namespace

Result<void> DesiredFlows::add(std::string_view text) {
  Result<Flow> flow = parse_flow(text);
  if (!flow) {
    return flow.error();
  }
  const auto [there, inserted] = flows_.emplace(flow->key, *flow);
  if (!inserted && there->second != *flow) {
    return Error(Errc::conflict, fmt::format("adding flow \"{}\": the same match is desired with other actions: \"{}\"",
                                             flow->str(), there->second.str()));
  }
  return ok();
}

bool DesiredFlows::put(Flow flow) {
  const FlowKey key = flow.key;
  const auto there = flows_.find(key);
  if (there == flows_.end()) {
    flows_.emplace(key, std::move(flow));
    return true;
  }
  if (there->second == flow) {
    return false;
  }
  there->second = std::move(flow);
  return true;
}

bool DesiredFlows::erase(const FlowKey& key) {
  return flows_.erase(key) > 0;
}

const Flow* DesiredFlows::find(const FlowKey& key) const {
  const auto there = flows_.find(key);
  return there == flows_.end() ? nullptr : &there->second;
}

std::vector<FlowChange> DesiredFlows::diff_from(const DesiredFlows& actual, const MayDelete& may_delete) const {
  std::vector<FlowChange> changes;
  for (const auto& [key, flow] : flows_) {
    const Flow* have = actual.find(key);
    if (have == nullptr || *have != flow) {
      changes.push_back({FlowChange::Kind::add, flow});
    }
  }
  const auto additions = static_cast<std::ptrdiff_t>(changes.size());
  for (const auto& [key, flow] : actual) {
    if (find(key) == nullptr && (!may_delete || may_delete(flow))) {
      changes.push_back({FlowChange::Kind::remove, flow});
    }
  }
  sort_for_reading(changes.begin(), changes.begin() + additions);
  sort_for_reading(changes.begin() + additions, changes.end());
  return changes;
}

std::string DesiredFlows::text() const {
  std::vector<const Flow*> sorted;
  sorted.reserve(flows_.size());
  for (const auto& [key, flow] : flows_) {
    sorted.push_back(&flow);
  }
  std::sort(sorted.begin(), sorted.end(), [](const Flow* a, const Flow* b) { return reads_before(*a, *b); });
  std::string text;
  for (const Flow* flow : sorted) {
    text += flow->str() + '\n';
  }
  return text;
}

std::string text(const std::vector<FlowChange>& changes) {
  std::string text;
  for (const FlowChange& change : changes) {
    text += (change.kind == FlowChange::Kind::add ? "add " : "remove ") + change.flow.str() + '\n';
  }
  return text;
}

}  // namespace mooring::ovs
