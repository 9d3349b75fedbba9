// Deletes what DEL has retired (mooring/agent_api/retired_link.hpp): the whole group at once, a moment after it is
// asked to, so that the DELs of a moment share one wait for the kernel. On a thread of its own: the wait is 20 ms and
// more, and about 1 ms for each link. Errors: logged; what is still there is deleted at the next sweep. Threading:
// sweep() from any thread; returns at once.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

namespace mooring::agent {

class RetiredLinks {
 public:
  RetiredLinks();
  ~RetiredLinks();
  RetiredLinks(const RetiredLinks&) = delete;
  RetiredLinks& operator=(const RetiredLinks&) = delete;

  void sweep();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  bool asked_ = false;
  bool ending_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace mooring::agent
