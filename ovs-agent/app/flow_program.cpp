#include "ovs-agent/app/flow_program.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace mooring::agent {
namespace {

std::vector<ovs::Flow> parsed(const char* bridge, const std::vector<std::string>& lines) {
  std::vector<ovs::Flow> flows;
  for (const auto& line : lines) {
    auto flow = ovs::parse_flow(line);
    if (flow) {
      flows.push_back(std::move(flow).value());
    } else {
      spdlog::error("computing the flows of {}: '{}': {}", bridge, line, flow.error().text());  // a bug of ours
    }
  }
  return flows;
}

std::vector<ovs::Group> parsed_groups(const std::vector<std::string>& lines) {
  std::vector<ovs::Group> groups;
  for (const auto& line : lines) {
    auto group = ovs::parse_group(line);
    if (group) {
      groups.push_back(std::move(group).value());
    } else {
      spdlog::error("computing the groups of {}: {}", tunnel_bridge, group.error().text());  // a bug of ours
    }
  }
  return groups;
}

// Collects what changes in one bridge, over several groups: a key that goes in one group and comes in another stays.
class Difference {
 public:
  void from(const std::vector<ovs::Flow>& before, const std::vector<ovs::Flow>& now) {
    for (const auto& flow : before) {
      gone_.push_back(flow);
    }
    for (const auto& flow : now) {
      come_.insert_or_assign(flow.key, flow);
    }
  }
  void from(const std::vector<ovs::Meter>& before, const std::vector<ovs::Meter>& now) {
    gone_meters_.insert(gone_meters_.end(), before.begin(), before.end());
    for (const auto& meter : now) {
      come_meters_.insert_or_assign(meter.id, meter);
    }
  }
  void from(const std::vector<ovs::Group>& before, const std::vector<ovs::Group>& now) {
    gone_groups_.insert(gone_groups_.end(), before.begin(), before.end());
    for (const auto& group : now) {
      come_groups_.insert_or_assign(group.id, group);
    }
  }
  void hand_to(ovs::FlowSync& sync) const {
    const ovs::FlowSync::MeterWishes meters = meters_for(sync);
    const ovs::FlowSync::GroupWishes groups = groups_for(sync);
    std::vector<ovs::FlowChange> changes;
    for (const auto& flow : gone_) {
      // Another group may have taken the key over meanwhile: two ports that met on one ofport.
      const auto* desired = sync.desired().find(flow.key);
      if (!come_.contains(flow.key) && desired != nullptr && *desired == flow) {
        changes.push_back({ovs::FlowChange::Kind::remove, flow});
      }
    }
    for (const auto& [key, flow] : come_) {
      const auto* desired = sync.desired().find(key);
      if (desired == nullptr || !(*desired == flow)) {
        changes.push_back({ovs::FlowChange::Kind::add, flow});
      }
    }
    if (!changes.empty() || !meters.desired.empty() || !meters.not_desired.empty() || !groups.desired.empty() ||
        !groups.not_desired.empty()) {
      sync.change(changes, meters, groups);
    }
  }

 private:
  ovs::FlowSync::MeterWishes meters_for(const ovs::FlowSync& sync) const {
    ovs::FlowSync::MeterWishes wishes;
    for (const auto& meter : gone_meters_) {
      const auto desired = sync.desired_meters().find(meter.id);
      if (!come_meters_.contains(meter.id) && desired != sync.desired_meters().end() && desired->second == meter) {
        wishes.not_desired.push_back(meter.id);
      }
    }
    for (const auto& [id, meter] : come_meters_) {
      const auto desired = sync.desired_meters().find(id);
      if (desired == sync.desired_meters().end() || !(desired->second == meter)) {
        wishes.desired.push_back(meter);
      }
    }
    return wishes;
  }

  ovs::FlowSync::GroupWishes groups_for(const ovs::FlowSync& sync) const {
    ovs::FlowSync::GroupWishes wishes;
    for (const auto& group : gone_groups_) {
      if (!come_groups_.contains(group.id)) {
        wishes.not_desired.push_back(group.id);
      }
    }
    for (const auto& [id, group] : come_groups_) {
      const auto desired = sync.desired_groups().find(id);
      if (desired == sync.desired_groups().end() || !(desired->second == group)) {
        wishes.desired.push_back(group);
      }
    }
    return wishes;
  }

  std::vector<ovs::Group> gone_groups_;
  ovs::Groups come_groups_;
  std::vector<ovs::Meter> gone_meters_;
  ovs::Meters come_meters_;
  std::vector<ovs::Flow> gone_;
  std::map<ovs::FlowKey, ovs::Flow> come_;
};

FlowGroup group_of(const Attachment& attachment) {
  FlowGroup group;
  group.kind = FlowGroup::Kind::port;
  group.attachment = attachment;
  return group;
}

bool is_layout(const FlowGroup& group) {
  return group.kind == FlowGroup::Kind::segment || group.kind == FlowGroup::Kind::sender;
}

}  // namespace

FlowProgram::FlowProgram(asio::any_io_executor executor, FlowPlan plan, ovs::FlowSync& br_int, ovs::FlowSync& br_tun)
    : executor_(std::move(executor)), plan_(std::move(plan)), br_int_(br_int), br_tun_(br_tun) {}

void FlowProgram::refresh(const FlowGroups& groups) {
  Difference in_int;
  Difference in_tun;
  for (const auto& group : groups) {
    FlowLines lines = plan_.lines(group);
    const auto former = groups_.find(group);
    const bool was_there = former != groups_.end();
    if (was_there ? former->second.lines == lines : lines == FlowLines{}) {
      continue;
    }
    Programmed programmed;
    programmed.br_int = parsed(integration_bridge, lines.br_int);
    programmed.br_tun = parsed(tunnel_bridge, lines.br_tun);
    programmed.br_tun_groups = parsed_groups(lines.br_tun_groups);
    programmed.lines = std::move(lines);
    const Programmed none;
    const Programmed& before = was_there ? former->second : none;
    in_int.from(before.br_int, programmed.br_int);
    in_tun.from(before.br_tun, programmed.br_tun);
    in_tun.from(before.lines.br_tun_meters, programmed.lines.br_tun_meters);
    in_tun.from(before.br_tun_groups, programmed.br_tun_groups);
    in_int.from(before.lines.br_int_meters, programmed.lines.br_int_meters);
    if (programmed.lines == FlowLines{}) {
      groups_.erase(former);
    } else {
      groups_.insert_or_assign(group, std::move(programmed));
    }
  }
  in_int.hand_to(br_int_);
  in_tun.hand_to(br_tun_);
}

void FlowProgram::refresh_all() {
  FlowGroups groups = plan_.all_groups();
  for (const auto& [group, programmed] : groups_) {
    groups.insert(group);
  }
  refresh(groups);
}

void FlowProgram::directory_changed(const directory::Changes& changes) {
  FlowGroups groups = plan_.affected_by(changes);
  for (const auto& key : changes.ports) {  // what is programmed may have to go
    for (auto& group : groups_of_entry(key)) {
      if (groups_.contains(group)) {
        groups.insert(std::move(group));
      }
    }
  }
  if (changes.layout || !changes.nodes.empty() || !changes.gateways.empty()) {
    for (const auto& [group, programmed] : groups_) {
      if (is_layout(group)) {  // one that is no longer there has to go
        groups.insert(group);
      }
    }
  }
  if (!changes.vips.empty()) {
    for (const auto& [group, programmed] : groups_) {
      if (group.kind == FlowGroup::Kind::backend) {  // one that is behind no VIP any more
        groups.insert(group);
      }
    }
  }
  refresh(groups);
  if (changes.completeness) {
    knowledge_grew();
  }
}

void FlowProgram::port_changed(const LocalPort& port) {
  FlowGroups groups = plan_.affected_by_port(port);
  std::vector<Segment> segments;
  for (const auto& [segment, ports] : plan_.ports().segments()) {
    segments.push_back(segment);
  }
  if (segments != segments_) {
    segments_ = std::move(segments);
    groups.merge(plan_.segment_groups());
    groups.merge(plan_.vip_groups());  // what callers there see
    for (const auto& [group, programmed] : groups_) {
      if (group.kind == FlowGroup::Kind::segment) {
        groups.insert(group);
      }
    }
  }
  refresh(groups);
}

void FlowProgram::knowledge_grew() {
  br_int_.reconsider();
  br_tun_.reconsider();
}

asio::awaitable<Result<void>> FlowProgram::settled(const Attachment& attachment, std::chrono::milliseconds deadline) {
  std::set<ovs::FlowKey> keys;  // only these flows concern the waiter
  if (const auto found = groups_.find(group_of(attachment)); found != groups_.end()) {
    for (const auto& flow : found->second.br_int) {
      keys.insert(flow.key);
    }
    for (const auto& flow : found->second.br_tun) {
      keys.insert(flow.key);
    }
  }
  const ovs::FlowSync::Concerns concerns = [keys = std::move(keys)](const ovs::Flow& flow) {
    return keys.contains(flow.key);
  };
  Promise<Result<void>> int_done(executor_);
  Promise<Result<void>> tun_done(executor_);
  br_int_.settled(
      deadline, [int_done](Result<void> result) { int_done.set(std::move(result)); }, concerns);
  br_tun_.settled(
      deadline, [tun_done](Result<void> result) { tun_done.set(std::move(result)); }, concerns);
  const Result<void> int_result = co_await int_done.wait();
  const Result<void> tun_result = co_await tun_done.wait();
  if (!int_result) {
    co_return int_result.error().within("programming br-int");
  }
  if (!tun_result) {
    co_return tun_result.error().within("programming br-tun");
  }
  co_return ok();
}

asio::awaitable<Result<void>> FlowProgram::read_back(std::chrono::milliseconds deadline) {
  br_int_.read_back();
  br_tun_.read_back();
  Promise<Result<void>> int_done(executor_);
  Promise<Result<void>> tun_done(executor_);
  const ovs::FlowSync::Concerns nothing = [](const ovs::Flow&) { return false; };
  br_int_.settled(
      deadline, [int_done](Result<void> result) { int_done.set(std::move(result)); }, nothing);
  br_tun_.settled(
      deadline, [tun_done](Result<void> result) { tun_done.set(std::move(result)); }, nothing);
  const Result<void> int_result = co_await int_done.wait();
  const Result<void> tun_result = co_await tun_done.wait();
  co_return int_result ? tun_result : int_result;
}

std::vector<std::string> FlowProgram::missing(const Attachment& attachment) const {
  std::vector<std::string> lines;
  const auto found = groups_.find(group_of(attachment));
  if (found == groups_.end()) {
    return lines;
  }
  const auto look = [&](const char* bridge, const std::vector<ovs::Flow>& flows, const ovs::FlowSync& sync) {
    for (const auto& flow : flows) {
      const auto* actual = sync.actual().find(flow.key);
      if (actual == nullptr || !(*actual == flow) || sync.amiss().contains(flow.key)) {
        lines.push_back(std::string(bridge) + ": " + flow.key.str());
      }
    }
  };
  look(integration_bridge, found->second.br_int, br_int_);
  for (const auto& meter : found->second.lines.br_int_meters) {
    const auto actual = br_int_.actual_meters().find(meter.id);
    if (actual == br_int_.actual_meters().end() || !(actual->second == meter) ||
        br_int_.amiss_meters().contains(meter.id)) {
      lines.push_back(std::string(integration_bridge) + ": " + meter.str());
    }
  }
  look(tunnel_bridge, found->second.br_tun, br_tun_);
  return lines;
}

std::vector<std::string> FlowProgram::amiss() const {
  std::vector<std::string> lines;
  for (const auto& key : br_int_.amiss()) {
    lines.push_back(std::string(integration_bridge) + ": " + key.str());
  }
  for (const auto& key : br_tun_.amiss()) {
    lines.push_back(std::string(tunnel_bridge) + ": " + key.str());
  }
  for (const std::uint32_t group : br_tun_.amiss_groups()) {
    lines.push_back(fmt::format("{}: group {}", tunnel_bridge, group));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace mooring::agent
