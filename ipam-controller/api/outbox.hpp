// What waits to be sent down one stream alone: questions, and its last words. No I/O: the stream takes and writes.
// Threading: one thread.
#pragma once

#include <cstddef>
#include <deque>
#include <string>

#include "ipam-controller/api/live_frames.hpp"

namespace mooring::controller {

class Outbox {
 public:
  explicit Outbox(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // False: more than max_bytes would wait, nothing was added. The caller ends the stream then.
  // What is pushed after end() is dropped; that is true.
  bool push(std::string line);
  // The reader's last words; what still waits is dropped: the reader resumes by revision. The first call counts.
  void end(std::string last_words);

  bool empty() const { return lines_.empty(); }
  bool ended() const { return ended_; }
  std::size_t bytes() const { return bytes_; }

  // The next bytes to write; not when empty().
  Lines take();

 private:
  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  bool ended_ = false;
  std::deque<std::string> lines_;
};

}  // namespace mooring::controller
