#include "ipam-controller/api/live_frames.hpp"

#include <algorithm>

namespace mooring::controller {
namespace {

constexpr std::size_t joined_bytes = std::size_t{256} * 1024;

}  // namespace

void LiveFrames::start(Revision revision) {
  first_ += blocks_.size();
  blocks_.clear();
  bytes_ = 0;
  gathered_.clear();
  gathered_frames_.clear();
  dropped_ = revision;
}

void LiveFrames::add(Revision revision, std::string_view frame) {
  gathered_frames_.emplace_back(revision, gathered_.size());
  gathered_ += frame;
}

bool LiveFrames::flush() {
  if (gathered_.empty()) {
    return false;
  }
  Kept kept;
  kept.text = std::make_shared<const std::string>(std::exchange(gathered_, {}));
  kept.frames = std::exchange(gathered_frames_, {});
  bytes_ += kept.text->size();
  blocks_.push_back(std::move(kept));
  const std::uint64_t oldest = first_;
  while (bytes_ > max_bytes_ && blocks_.size() > 1) {
    bytes_ -= blocks_.front().text->size();
    dropped_ = blocks_.front().frames.back().first;
    blocks_.pop_front();
    ++first_;
  }
  return first_ != oldest;
}

std::optional<LiveFrames::Position> LiveFrames::after(Revision revision) const {
  if (revision < dropped_) {
    return std::nullopt;
  }
  const auto block = std::partition_point(
      blocks_.begin(), blocks_.end(), [revision](const Kept& kept) { return kept.frames.back().first <= revision; });
  Position position;
  position.block = first_ + static_cast<std::uint64_t>(block - blocks_.begin());
  if (block != blocks_.end()) {
    position.offset = std::partition_point(block->frames.begin(), block->frames.end(), [revision](const auto& frame) {
                        return frame.first <= revision;
                      })->second;
  }
  return position;
}

Lines LiveFrames::take(Position& position) const {
  const Lines& first = at(position.block++).text;
  const std::size_t offset = std::exchange(position.offset, 0);
  std::size_t size = first->size() - offset;
  if (offset == 0 && (at_end(position) || size + at(position.block).text->size() > joined_bytes)) {
    return first;  // not copied
  }
  std::string joined = first->substr(offset);
  while (!at_end(position) && joined.size() + at(position.block).text->size() <= joined_bytes) {
    joined += *at(position.block++).text;
  }
  return std::make_shared<const std::string>(std::move(joined));
}

}  // namespace mooring::controller
