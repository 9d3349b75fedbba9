#include "overlay-gateway/app/flow_program.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

namespace mooring::gateway {
namespace {

ovs::Group parsed_group(const std::string& text) {
  auto group = ovs::parse_group(text);
  if (!group) {
    throw std::logic_error("the gateway's plan has a group that cannot be read: " + text + ": " + group.error().text());
  }
  return std::move(*group);
}

}  // namespace

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
  ovs::FlowSync::GroupWishes wishes;
  for (const FlowGroup& group : groups) {
    const std::vector<std::string> lines = plan_.lines(group);
    const std::vector<std::string> switch_groups = plan_.switch_groups(group);
    const std::string joined = fmt::format("{}{}", fmt::join(lines, "\n"), fmt::join(switch_groups, "\n"));
    Programmed& programmed = programmed_[group];
    if (programmed.lines != joined) {
      wishes.not_desired.insert(wishes.not_desired.end(), programmed.groups.begin(), programmed.groups.end());
      programmed.groups.clear();
      for (const std::string& text : switch_groups) {
        wishes.desired.push_back(parsed_group(text));
        programmed.groups.push_back(wishes.desired.back().id);
      }
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
  std::erase_if(wishes.not_desired, [&](std::uint32_t id) {
    return std::any_of(wishes.desired.begin(), wishes.desired.end(),
                       [id](const auto& group) { return group.id == id; });
  });
  if (!changes.empty() || !wishes.desired.empty() || !wishes.not_desired.empty()) {
    sync_.change(changes, {}, wishes);
  }
}

}  // namespace mooring::gateway
