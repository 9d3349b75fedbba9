// ADDs as agents ask for them: allocate, then confirm, each when it is due. A few connections, one call at a time each.
// Threading: one thread.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "bench/load_socket.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::bench {

struct Add {
  std::size_t number = 0;  // the caller's
  std::string node, container, namespace_, hostname;
  Clock::time_point due;
};
struct Added {
  Add add;
  ipam_api::Allocation allocation;
};

class ScaleCalls {
 public:
  ScaleCalls(std::string socket, Epoll& epoll, std::uint64_t first_tag);
  // In the order in which they are due.
  void plan(Add add) { waiting_.push_back(std::move(add)); }
  void step(Clock::time_point now);  // asks what is due
  void readable(std::uint64_t tag);
  bool idle() const;
  // What was allocated and confirmed since the last call.
  std::vector<Added> take();
  std::vector<std::string> take_wrong();
  // The controller was lost: connects anew; what was asked is asked again.
  void reconnect();
  bool owns(std::uint64_t tag) const { return tag >= first_tag_; }

 private:
  struct Caller {
    std::unique_ptr<Client> client;
    bool busy = false, confirming = false;
    Added job;
  };
  void ask(Caller& caller);

  std::string socket_;
  Epoll& epoll_;
  std::uint64_t first_tag_;
  std::vector<Caller> callers_;
  std::deque<Add> waiting_;
  std::vector<Added> done_;
  std::vector<std::string> wrong_;
};

}  // namespace mooring::bench
