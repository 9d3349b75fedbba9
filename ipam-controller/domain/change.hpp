// The directory's entries and tombstones (docs/api/watch.md), made from objects. What changed in a transaction is
// written to the change log with it and sent down every watch stream.
//
// Threading: values and pure functions.
#pragma once

#include "ipam-controller/domain/objects.hpp"
#include "mooring/ipam_api/watch.hpp"

namespace mooring::controller {

// One entry or tombstone, in the words of the stream.
using Change = ipam_api::Entry;
// What one transaction changed in the directory: one CHANGES frame. Never empty when published.
using ChangeSet = ipam_api::Changes;

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
std::vector<Change> entries_of(const Block& block);
// `holder`: the live port that holds it; nullptr: none does, no entry.
std::vector<Change> entries_of(const ExtraAddress& extra, const Port* holder);

// What remains of an entry when `revision` deletes its object.
Change tombstone_of(Change entry, Revision revision);

}  // namespace mooring::controller
