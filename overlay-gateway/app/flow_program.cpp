#include "overlay-gateway/app/flow_program.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

namespace mooring::gateway {

using Kind = FlowGroup::Kind;

FlowProgram::FlowProgram(const FlowPlan& plan, ovs::FlowSync& sync) : plan_(plan), sync_(sync) {}

void FlowProgram::update(FlowGroups groups) {
  // With the gate goes what was made of rules before: of those that are gone nobody else says so.
  if (std::any_of(groups.begin(), groups.end(),
                  [](const FlowGroup& group) { return group.kind == Kind::access_gate; })) {
    for (const auto& [group, programmed] : programmed_) {
      if (group.kind == Kind::access_rule) {
        groups.insert(group);
      }
    }
  }
  std::vector<ovs::FlowChange> changes;
  std::vector<ovs::FlowKey> dropped;
  std::set<ovs::FlowKey> given;
  for (const FlowGroup& group : groups) {
    const std::vector<std::string> lines = plan_.lines(group);
    const std::string joined = fmt::format("{}", fmt::join(lines, "\n"));
    Programmed& programmed = programmed_[group];
    if (programmed.lines != joined) {
      dropped.insert(dropped.end(), programmed.keys.begin(), programmed.keys.end());
      programmed.keys.clear();
      for (const std::string& line : lines) {
        auto flow = ovs::parse_flow(line);
        if (!flow) {
          throw std::logic_error("the gateway's plan has a flow that cannot be read: " + line + ": " +
                                 flow.error().text());
        }
        programmed.keys.push_back(flow->key);
        given.insert(flow->key);
        changes.push_back(ovs::FlowChange{ovs::FlowChange::Kind::add, std::move(*flow)});
      }
      programmed.lines = joined;
    }
    if (lines.empty()) {
      programmed_.erase(group);
    }
  }
  // An address that moved between VNIs changes its group and keeps its flow's key.
  for (ovs::FlowKey& key : dropped) {
    if (!given.contains(key)) {
      ovs::FlowChange change;
      change.kind = ovs::FlowChange::Kind::remove;
      change.flow.key = std::move(key);
      changes.push_back(std::move(change));
    }
  }
  if (!changes.empty()) {
    sync_.change(changes);
  }
}

}  // namespace mooring::gateway
