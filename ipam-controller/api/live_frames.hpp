// The newest frames of the watch streams, shared by all who follow: each stream only knows how far it has come. So a
// change costs memory once, however many streams there are, and a reader that was away for a moment goes on here
// without asking the store.
//
// Frames gather until flush() and leave as one block. What is kept is bounded in bytes; a reader that has fallen behind
// is lost and resumes from the change log. No I/O.
// Threading: one thread; the blocks that it hands out never change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mooring/ipam_api/names.hpp"

namespace mooring::controller {

using ipam_api::Revision;

// Whole lines, shared by all streams that send them.
using Lines = std::shared_ptr<const std::string>;

class LiveFrames {
 public:
  // Before a certain frame of a certain block.
  struct Position {
    std::uint64_t block = 0;
    std::size_t offset = 0;
  };

  // At least the newest block is kept, whatever its size.
  explicit LiveFrames(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // Forgets everything; the next frame is what comes after `revision`.
  void start(Revision revision);
  // One or more whole lines that bring a reader to `revision`, which never goes down.
  void add(Revision revision, std::string_view frame);
  bool gathering() const { return !gathered_.empty(); }
  // True: something had to be dropped, so positions may be lost.
  bool flush();

  // Where a reader goes on that has everything up to `revision`; none: that is no longer kept. flush() first: what
  // gathers is behind every position.
  std::optional<Position> after(Revision revision) const;
  bool lost(const Position& position) const { return position.block < first_; }
  bool at_end(const Position& position) const { return position.block >= first_ + blocks_.size(); }
  // Not lost, not at the end: the next bytes to send, small blocks joined up to about 256 KiB; moves the position on.
  Lines take(Position& position) const;

  std::size_t bytes() const { return bytes_; }

 private:
  struct Kept {
    Lines text;
    std::vector<std::pair<Revision, std::size_t>> frames;  // where the frame of a revision begins
  };
  const Kept& at(std::uint64_t block) const { return blocks_[block - first_]; }

  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::uint64_t first_ = 0;  // number of the oldest block
  std::deque<Kept> blocks_;
  Revision dropped_ = 0;  // all up to here is no longer kept
  std::string gathered_;
  std::vector<std::pair<Revision, std::size_t>> gathered_frames_;
};

}  // namespace mooring::controller
