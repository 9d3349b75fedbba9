#include "ovs-agent/app/leftovers.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "mooring/agent_api/messages.hpp"

namespace mooring::agent {
namespace {

constexpr std::chrono::milliseconds leftover_deadline{3'000};

}  // namespace

Result<void> Leftovers::can_look() const {
  const NodeState& state = parts_.state;
  if (!state.ovsdb_read || !state.ovsdb->connected || !state.earlier_boot_done) {
    return Error(Errc::unavailable, "looking for what is left on the node: OVSDB does not answer",
                 "is ovsdb-server running?");
  }
  return ok();
}

std::map<Attachment, Leftovers::Leftover> Leftovers::known() const {
  std::map<Attachment, Leftover> known;
  const NodeState& state = parts_.state;
  const auto put = [&known](const PortRecord& record) -> Leftover& {
    Leftover& leftover = known[record.attachment];
    if (record.generation >= leftover.generation) {
      leftover.cni_network = record.cni_network;
      leftover.netns = record.netns;
      leftover.generation = record.generation;
    }
    return leftover;
  };
  for (const auto& [attachment, begun] : parts_.journal.state().in_flight) {
    known[attachment].cni_network = begun.cni_network;
  }
  for (const auto& [attachment, given] : parts_.journal.state().delegated) {
    Leftover& leftover = known[attachment];
    leftover.cni_network = given.cni_network;
    leftover.netns = given.netns;
    leftover.generation = given.generation;
    leftover.is_delegated = true;
  }
  for (const auto& [attachment, port] : state.ports.all()) {
    put(port.record);
  }
  if (const auto* bridge = state.ovsdb->bridge(integration_bridge)) {
    for (const auto& [name, interface] : bridge->interfaces) {
      if (const auto record = record_from(interface->external_ids)) {
        put(*record).rows.push_back(name);
      }
    }
  }
  return known;
}

bool Leftovers::alive(const Attachment& attachment, const Leftover& leftover,
                      const std::set<std::string>& links) const {
  if (leftover.is_delegated) {
    return delegated_.alive(parts_.journal.state().delegated.at(attachment));
  }
  return links.contains(agent_api::host_interface_name(attachment)) && parts_.kernel.namespace_alive(leftover.netns);
}

asio::awaitable<Result<void>> Leftovers::remove(Attachment attachment, Leftover leftover, std::string reason,
                                                Links links) {
  parts_.table.leave(attachment);
  if (!leftover.is_delegated) {
    const auto name = agent_api::host_interface_name(attachment);
    const auto deleted = links == Links::one ? parts_.kernel.delete_link(name) : parts_.kernel.retire_link(name);
    if (!deleted) {
      co_return deleted.error();
    }
    if (const auto tap = parts_.kernel.delete_tap(leftover.netns, attachment); !tap) {
      co_return tap.error();
    }
  }
  if (!leftover.rows.empty()) {
    const auto deleted = co_await switch_.delete_ports(std::move(leftover.rows));
    if (!deleted) {
      co_return deleted.error();
    }
  }
  if (attachments_.in_flight().contains(attachment)) {
    co_return ok();  // added again meanwhile
  }
  std::vector<PortKey> keys;
  if (const auto* port = parts_.state.ports.find(attachment)) {
    keys = port->record.keys();
  }
  ReleaseOwed release;
  release.attachment = attachment;
  release.generation = leftover.generation;
  release.reason = reason;
  const auto released = co_await parts_.releases.release(std::move(release), after(leftover_deadline));
  if (!released) {
    co_return released.error();
  }
  if (attachments_.in_flight().contains(attachment)) {
    co_return ok();
  }
  for (const PortKey key : keys) {
    parts_.state.directory.forget_own(key, leftover.generation);
  }
  parts_.table.drop(attachment, leftover.generation);
  attachments_.forget_delegated(attachment);
  attachments_.end_add(attachment);
  if (!keys.empty()) {
    parts_.table.directory_changed(parts_.state.directory.take_changes());
  }
  spdlog::info("{} is removed ({}): {}", attachment.str(), reason,
               leftover.is_delegated ? "its address" : "link, OVS port and address");
  co_return ok();
}

asio::awaitable<Result<agent_api::GcAnswer>> Leftovers::collect(agent_api::GcRequest request) {
  if (const auto can = can_look(); !can) {
    co_return can.error();
  }
  const auto links = parts_.kernel.links();
  if (!links) {
    co_return links.error();
  }
  // Asked anew for each: the one before took a while, and what was looked at first may have gone or come again.
  const auto in_flight = [this](const Attachment& attachment) { return attachments_.in_flight().contains(attachment); };
  const std::set<Attachment> valid(request.valid.begin(), request.valid.end());
  agent_api::GcAnswer answer;
  const auto all = known();
  const std::string reason = "cni-gc";
  for (const auto& [attachment, leftover] : all) {
    if (leftover.is_delegated && !parts_.journal.state().delegated.contains(attachment)) {
      continue;  // its DEL came meanwhile
    }
    if (leftover.cni_network != request.cni_network || valid.contains(attachment)) {
      continue;
    }
    if (in_flight(attachment)) {
      answer.in_flight.push_back(attachment);
      continue;
    }
    if (!request.strict && alive(attachment, leftover, *links)) {
      spdlog::warn(
          "CNI GC of network {}: {} is not valid by the runtime's list, and its namespace {} and link are alive:"
          " it stays",
          request.cni_network, attachment.str(), leftover.netns);
      answer.refused.push_back(attachment);
      continue;
    }
    const auto removed = co_await remove(attachment, leftover, reason, Links::many);
    if (removed) {
      answer.removed.push_back(attachment);
    } else {
      answer.problems.push_back(fmt::format("{}: {}", attachment.str(), removed.error().text()));
    }
  }
  auto& counters = parts_.state.counters;
  counters.gc_removed += answer.removed.size();
  counters.gc_refused += answer.refused.size();
  co_return answer;
}

asio::awaitable<Result<void>> Leftovers::take_back_abandoned() {
  Result<void> outcome = can_look();
  if (!outcome) {
    co_return ok();  // found again when it can be looked at
  }
  std::vector<Attachment> dead;
  for (const auto& [attachment, begun] : parts_.journal.state().in_flight) {
    if (!parts_.kernel.alive(begun)) {
      dead.push_back(attachment);
    }
  }
  if (dead.empty()) {
    co_return ok();
  }
  auto leftovers = known();
  const std::string reason = "cni-add-failed";
  for (const auto& attachment : dead) {
    const auto begun = parts_.journal.state().in_flight.find(attachment);
    if (begun == parts_.journal.state().in_flight.end() || parts_.kernel.alive(begun->second)) {
      continue;  // its DEL, or an ADD anew, came meanwhile
    }
    spdlog::warn("the plugin that was adding {} has ended without a word: what it made is removed", attachment.str());
    ++parts_.state.counters.add_failures;
    const auto removed = co_await remove(attachment, std::move(leftovers[attachment]), reason, Links::one);
    if (!removed && outcome) {
      outcome = removed.error();
    }
  }
  co_return outcome;
}

}  // namespace mooring::agent
