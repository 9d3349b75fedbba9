// The digests of every entry of the directory, with their sums (docs/api/watch.md): what heartbeats and snapshots say.
// The entries themselves are not kept a second time: a snapshot is made from the state (directory_snapshot.hpp).
//
// Performance: about 20 to 40 bytes an IPv4 port; 150 bytes any other entry.
// Threading: one thread.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include <boost/unordered/unordered_flat_map.hpp>

#include "ipam-controller/domain/change.hpp"
#include "ipam-controller/domain/state.hpp"
#include "mooring/ipam_api/watch.hpp"

namespace mooring::controller {

class DirectoryDigests {
 public:
  // Once, before the first change: what there is as of `revision`.
  void load(const State& state, Revision revision);
  // In order of revision.
  void apply(const ChangeSet& changes);

  // Of the last change, or of load().
  Revision revision() const { return revision_; }
  const ipam_api::DigestSums& sums() const { return sums_; }

 private:
  void put(const Change& change);
  // The digest of the entry that the change replaces or deletes is taken away; the new one is put in its place.
  template <class Map, class Key>
  void put(Map& map, const Key& key, const Change& change);

  boost::unordered_flat_map<std::uint64_t, ipam_api::Digest> v4_ports_;  // by VNI and address
  std::unordered_map<std::string, ipam_api::Digest> others_;             // by "kind NUL shard NUL key"
  ipam_api::DigestSums sums_;
  Revision revision_ = 0;
};

}  // namespace mooring::controller
