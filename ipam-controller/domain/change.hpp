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

// The entry of an object as it stands, with the object's own revision.
Change entry_of(const Network& network);
Change entry_of(const Subnet& subnet);
Change entry_of(const Pool& pool);
Change entry_of(const Port& port);
Change entry_of(const Node& node);
Change entry_of(const Gateway& gateway);

// What remains of an entry when `revision` deletes its object.
Change tombstone_of(Change entry, Revision revision);

}  // namespace mooring::controller
