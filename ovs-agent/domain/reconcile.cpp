#include "ovs-agent/domain/reconcile.hpp"

#include <algorithm>
#include <map>

#include "mooring/agent_api/messages.hpp"

namespace mooring::agent {
namespace {

constexpr const char* earlier_boot_reason = "earlier-boot";
constexpr const char* gone_reason = "gone";

bool of_earlier_boot(const OvsPort& port, const Inventory& inventory) {
  return !port.record.boot_id.empty() && port.record.boot_id != inventory.boot_id;
}

Removal removal_of(const OvsPort& port, const char* reason) {
  return {port.record.attachment, port.record.key(), port.record.generation, port.interface, reason};
}

}  // namespace

Decision earlier_boot(const Inventory& inventory) {
  Decision decision;
  for (const auto& port : inventory.ovs_ports) {
    if (of_earlier_boot(port, inventory)) {
      decision.removals.push_back(removal_of(port, earlier_boot_reason));
    }
  }
  std::sort(decision.removals.begin(), decision.removals.end());
  return decision;
}

Decision reconcile(const Inventory& inventory) {
  if (!inventory.ovsdb_whole) {
    return {};
  }
  Decision decision = earlier_boot(inventory);
  std::vector<Removal> gone;
  std::set<Attachment> known;
  for (const auto& port : inventory.ovs_ports) {
    known.insert(port.record.attachment);
    if (!of_earlier_boot(port, inventory) && !inventory.links.contains(port.interface) &&
        !inventory.in_flight.contains(port.record.attachment)) {
      (port.current && !port.deleted ? gone : decision.removals).push_back(removal_of(port, gone_reason));
    }
  }
  if (inventory.directory_whole) {
    // A port of both families is two entries; the first, always the same one, stands for it.
    std::vector<OwnEntry> own_entries = inventory.own_entries;
    std::sort(own_entries.begin(), own_entries.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
    for (const auto& entry : own_entries) {
      if (known.insert(entry.attachment).second &&
          !inventory.links.contains(agent_api::host_interface_name(entry.attachment)) &&
          !inventory.in_flight.contains(entry.attachment)) {
        gone.push_back({entry.attachment, entry.key, entry.generation, "", gone_reason});
      }
    }
  }
  std::sort(gone.begin(), gone.end());
  const bool too_many = gone.size() > hold_above_ports && gone.size() * 100 > known.size() * hold_above_percent;
  auto& into = too_many ? decision.held : decision.removals;
  into.insert(into.end(), gone.begin(), gone.end());
  std::sort(decision.removals.begin(), decision.removals.end());
  return decision;
}

std::vector<Removal> seen_twice(const std::vector<Removal>& before, const std::vector<Removal>& now) {
  std::vector<Removal> both;
  for (const auto& removal : now) {
    if (removal.reason == earlier_boot_reason || std::find(before.begin(), before.end(), removal) != before.end()) {
      both.push_back(removal);
    }
  }
  return both;
}

}  // namespace mooring::agent
