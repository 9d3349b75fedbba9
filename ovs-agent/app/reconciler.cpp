#include "ovs-agent/app/reconciler.hpp"

#include <spdlog/spdlog.h>

namespace mooring::agent {
namespace {

constexpr std::chrono::milliseconds pass_interval{3'000};

}  // namespace

bool Reconciler::deletion_promised(const PortRecord& record) const {
  const auto detached = parts_.state.detached.find(record.attachment);
  return detached != parts_.state.detached.end() && (!detached->second || record.generation <= *detached->second);
}

Result<Inventory> Reconciler::inventory() {
  const NodeState& state = parts_.state;
  Inventory inventory;
  inventory.ovsdb_whole = state.ovsdb_read && state.ovsdb->connected && state.bridges_ready;
  inventory.directory_whole = state.directory.complete();
  inventory.boot_id = state.boot_id;
  inventory.in_flight = attachments_.in_flight();
  // The rows first, the kernel's links after them: a link is made before its row.
  if (const auto* bridge = state.ovsdb->bridge(integration_bridge)) {
    for (const auto& [name, interface] : bridge->interfaces) {
      if (auto record = record_from(interface->external_ids)) {
        LocalPort port;
        port.record = *record;
        const bool current = gate_of(port, state.directory).open;
        const bool deleted = deletion_promised(*record);
        inventory.ovs_ports.push_back({std::move(record).value(), name, current, deleted});
      }
    }
  }
  state.directory.for_each_port([&](const directory::Port& entry) {
    if (!entry.own || entry.extra) {
      return;
    }
    const auto attachment = ipam_api::parse_attachment(entry.attachment);
    if (attachment && !passed_on_from(parts_.journal.state(), *attachment) &&
        !parts_.releases.owes(*attachment, entry.generation) &&
        !parts_.journal.state().delegated.contains(*attachment)) {
      inventory.own_entries.push_back({entry.key, entry.generation, *attachment});
    }
  });
  auto links = parts_.kernel.links();
  if (!links) {
    return links.error();
  }
  inventory.links = std::move(links).value();
  return inventory;
}

asio::awaitable<Result<void>> Reconciler::carry_out(std::vector<Removal> removals) {
  std::vector<std::string> interfaces;
  for (const auto& removal : removals) {
    spdlog::warn("port of {} ({} in VNI {}, generation {}) is given back: {}", removal.attachment.str(),
                 removal.key.address.str(), removal.key.vni.value(), removal.generation, removal.reason);
    if (!removal.interface.empty()) {
      interfaces.push_back(removal.interface);
    }
  }
  // The release is on the disk before the row goes: the row is what it is known from.
  for (const auto& removal : removals) {
    if (!parts_.releases.owes(removal.attachment, removal.generation)) {
      ReleaseOwed release;
      release.attachment = removal.attachment;
      release.key = removal.key;
      release.generation = removal.generation;
      release.reason = removal.reason;
      if (const auto owed = parts_.releases.owe(std::move(release)); !owed) {
        co_return owed.error();
      }
    }
    if (const auto* port = parts_.state.ports.find(removal.attachment);
        port != nullptr && port->record.generation == removal.generation) {
      parts_.table.drop(removal.attachment, removal.generation);
    }
    ++parts_.state.counters.reconciled;
  }
  if (!interfaces.empty()) {
    const auto deleted = co_await switch_.delete_ports(std::move(interfaces));
    if (!deleted) {
      co_return deleted.error();
    }
  }
  co_return ok();
}

asio::awaitable<Result<void>> Reconciler::remove_earlier_boot() {
  auto found = inventory();
  if (!found) {
    co_return found.error();
  }
  auto decision = earlier_boot(*found);
  const auto done = co_await carry_out(std::move(decision.removals));
  co_return done;
}

asio::awaitable<Result<void>> Reconciler::pass() {
  ++parts_.state.counters.reconcile_passes;
  parts_.kernel.sweep_retired_links();  // of DELs that an earlier agent heard, or none
  if (parts_.state.bridges_ready) {
    auto lost = parts_.table.lost_ports();
    if (!lost.empty()) {
      const auto restored = co_await switch_.restore_ports(std::move(lost));
      if (!restored) {
        co_return restored.error();
      }
    }
  }
  auto taken_back = co_await leftovers_.take_back_abandoned();
  if (const auto looked = delegated_.pass(); !looked) {
    taken_back = looked;
  }
  auto found = inventory();
  if (!found) {
    co_return found.error();
  }
  auto decision = reconcile(*found);
  if (!decision.held.empty() && parts_.state.counters.held_now != decision.held.size()) {
    ++parts_.state.counters.holds;
    spdlog::error(
        "{} ports seem to be gone at once, the first {}: held, nothing is given back; if it is true, delete them by "
        "`mooringctl delete port`",
        decision.held.size(), decision.held.front().attachment.str());
  }
  parts_.state.counters.held_now = decision.held.size();
  auto sure = seen_twice(before_, decision.removals);
  before_ = std::move(decision.removals);
  const auto done = co_await carry_out(std::move(sure));
  parts_.table.look_again();
  co_return done ? taken_back : done;
}

asio::awaitable<void> Reconciler::run() {
  NodeState& state = parts_.state;
  for (;;) {
    Result<void> done = ok();
    if (state.ovsdb_read) {  // before it, the ports are not known that the notes mean
      if (const auto taken = attachments_.take_notes(); !taken) {
        spdlog::error("{}", taken.error().text());
      }
    }
    if (!state.earlier_boot_done) {
      if (!state.bridges_ready || !state.ovsdb_read) {
        co_await state.changed.wait(after(pass_interval));
        continue;
      }
      done = co_await remove_earlier_boot();
      if (done) {
        state.earlier_boot_done = true;
        state.changed.notify();
      }
    } else {
      done = co_await pass();
    }
    const std::string problem = done ? "" : done.error().text();
    if (!problem.empty() && problem != last_problem_) {
      spdlog::error("comparing the node's ports: {}", problem);
    }
    last_problem_ = problem;
    asio::steady_timer pause(state.executor, after(pass_interval));
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

}  // namespace mooring::agent
