// What waits to be sent down one stream: shared blocks in order, bounded in bytes. No I/O: the stream takes and writes.
// Threading: one thread.
#pragma once

#include <cstddef>
#include <deque>
#include <string>

#include "ipam-controller/api/directory_image.hpp"

namespace mooring::controller {

class Outbox {
 public:
  explicit Outbox(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // False: more than max_bytes would wait, nothing was added. The caller ends the stream then.
  // What is pushed after end() is dropped; that is true.
  bool push(Lines block);
  // The reader's last words; what still waits is dropped: the reader resumes by revision. The first call counts.
  void end(std::string last_words);

  bool empty() const { return blocks_.empty(); }
  bool ended() const { return ended_; }
  std::size_t bytes() const { return bytes_; }

  // The next bytes to write; not when empty(). Small blocks are joined up to about 256 KiB, so that a reader that fell
  // behind costs one write; a single block is handed out shared, not copied.
  Lines take();

 private:
  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  bool ended_ = false;
  std::deque<Lines> blocks_;
};

}  // namespace mooring::controller
