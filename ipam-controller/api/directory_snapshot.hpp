// The directory as of one revision, for readers that know nothing yet: ENTRIES, END_OF_SNAPSHOT of every shard that has
// entries, END_OF_SNAPSHOTS. It holds the packed ports as they are now and writes them down part by part, when the
// first reader gets there: 8 bytes a port, and no pause for the whole of a large directory.
//
// Performance: about 2 us a port, once for all readers as long as the text fits the bound below, else once a reader.
// Threading: one thread; the lines that it hands out never change.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "ipam-controller/api/live_frames.hpp"
#include "ipam-controller/domain/state.hpp"
#include "mooring/ipam_api/watch.hpp"

namespace mooring::controller {

class DirectorySnapshot {
 public:
  // `state` as of `revision`, whose digests are `sums`.
  DirectorySnapshot(const State& state, Revision revision, const ipam_api::DigestSums& sums);

  Revision revision() const { return revision_; }
  std::size_t parts() const { return parts_.size(); }
  Lines part(std::size_t number);

 private:
  // `text`, and behind it the ports of a shard from `begin` to `end`, all of ENTRIES frames.
  struct Piece {
    std::string text;
    ipam_api::Shard shard = 0;
    std::size_t begin = 0, end = 0;  // in ports_
  };
  struct Part {
    std::vector<Piece> pieces;
    Lines kept;                             // while the bound allows
    std::weak_ptr<const std::string> sent;  // while a reader takes it
  };
  void add(Piece piece);

  Revision revision_;
  HeldPorts ports_;
  std::vector<Part> parts_;
  std::size_t weight_ = 0;  // of the last part, in bytes, about
  std::size_t kept_bytes_ = 0;
};

}  // namespace mooring::controller
