// What the node's own records, OVSDB, the kernel and the directory say about each port, and what follows from it.
//
// Release needs evidence, not absence: a port is given back only when this node can say positively that its container's
// link is gone and no ADD is in flight, or that it is of an earlier boot of the kernel. A pass that would give back a
// large part of the node's ports at once without boot evidence is held: more likely the records are wrong than the pods
// gone. What a DEL was promised for is no such finding.
// Pure. Threading: values.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "ovs-agent/domain/local_port.hpp"

namespace mooring::agent {

// A port of br-int that carries our record.
struct OvsPort {
  PortRecord record;
  std::string interface;
  bool current = true;   // false: the address is known to be somebody else's or free: nothing is given back with it
  bool deleted = false;  // its DEL was promised: the row is a leftover, and its release is no finding of ours
};
// An entry of this node in the directory, unless a DEL of it is promised.
struct OwnEntry {
  PortKey key;
  Generation generation = 0;
  Attachment attachment;
};

struct Inventory {
  bool ovsdb_whole = false;      // the OVSDB replica has been read, and vswitchd's database is connected
  bool directory_whole = false;  // every shard has ended
  std::string boot_id;           // the kernel's, now
  std::vector<OvsPort> ovs_ports;
  std::vector<OwnEntry> own_entries;
  std::set<std::string> links;     // of the kernel, in the node's namespace
  std::set<Attachment> in_flight;  // ADDs whose plugin is alive
};

// One thing to do: delete the OVSDB port if `interface` is not empty; release (vni, address, generation).
struct Removal {
  Attachment attachment;
  PortKey key;
  Generation generation = 0;
  std::string interface;  // the OVSDB port, or ""
  std::string reason;     // "earlier-boot", "gone"
  auto operator<=>(const Removal&) const = default;
};

struct Decision {
  std::vector<Removal> removals;  // sorted
  std::vector<Removal> held;      // what would be removed, were it not so many
  bool operator==(const Decision&) const = default;
};

inline constexpr std::size_t hold_above_ports = 5;
inline constexpr std::size_t hold_above_percent = 10;

// Ports of an earlier boot alone: needs no directory, and is done before the first ADD is served.
Decision earlier_boot(const Inventory& inventory);
// Everything; nothing while the inventory is not whole.
Decision reconcile(const Inventory& inventory);

// The removals of `now` that a former pass has decided on too (boot evidence needs no second look).
std::vector<Removal> seen_twice(const std::vector<Removal>& before, const std::vector<Removal>& now);

}  // namespace mooring::agent
