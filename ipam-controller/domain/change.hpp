// The directory's entries and tombstones (docs/api/watch.md), made from objects. What changed in a transaction is
// written to the change log with it and sent down every watch stream: the same text, made once.
//
// Threading: values and pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ipam-controller/domain/objects.hpp"
#include "mooring/ipam_api/watch.hpp"

namespace mooring::controller {

// One entry or tombstone (ipam_api::Entry, whose texts are those of `text`).
struct Change {
  std::string kind;
  ipam_api::Shard shard = 0;
  std::string key;
  Revision revision = 0;
  Generation generation = 0;
  bool deleted = false;
  std::string text;             // as JSON
  ipam_api::Digest digest = 0;  // of an entry
  bool operator==(const Change&) const = default;
};
// `value`: compact JSON with sorted keys.
Change make_entry(std::string_view kind, ipam_api::Shard shard, std::string key, Revision revision,
                  Generation generation, std::string_view value);

// What one transaction changed in the directory: one CHANGES frame. Never empty when published.
struct ChangeSet {
  Revision revision = 0;
  std::vector<Change> changes;
  bool operator==(const ChangeSet&) const = default;
};

// The same as it is read from the change log: texts of entries and tombstones.
struct LoggedChanges {
  Revision revision = 0;
  std::vector<std::string> texts;
  bool operator==(const LoggedChanges&) const = default;
};
LoggedChanges logged(const ChangeSet& changes);

// The CHANGES frame, one line.
std::string frame_of(const ChangeSet& changes);
std::string frame_of(const LoggedChanges& changes);

// The shard of everything but ports; a port's shard is its VNI.
inline constexpr ipam_api::Shard common_shard = 0;

// The entries of an object as it stands, with the object's own revision: one for each address family that it is about
// (kinds "port" and "port6", "subnet" and "subnet6", "pool" and "pool6"), so that a reader that knows IPv4 only skips
// the other.
std::vector<Change> entries_of(const Network& network);
std::vector<Change> entries_of(const Subnet& subnet);
std::vector<Change> entries_of(const Pool& pool);
std::vector<Change> entries_of(const Port& port);
std::vector<Change> entries_of(const Node& node);
std::vector<Change> entries_of(const Gateway& gateway);
std::vector<Change> entries_of(const Vip& vip);
std::vector<Change> entries_of(const Block& block);
std::vector<Change> entries_of(const AccessRule& rule);
std::vector<Change> entries_of(const ListedBlock& listed);
// `holder`: the live port that holds it; nullptr: none does, no entry.
std::vector<Change> entries_of(const ExtraAddress& extra, const Port* holder);

// What remains of an entry when `revision` deletes its object.
Change tombstone_of(Change entry, Revision revision);

}  // namespace mooring::controller
