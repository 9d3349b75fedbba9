// Asks many nodes for their inventories at once, and tells how far it has come.
// Threading: that of the executor, which is Ipam's. Held by a shared_ptr while questions are out.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "ipam-controller/api/watch_hub.hpp"
#include "mooring/ipam_api/inventory.hpp"

namespace mooring::controller {

// An error: unavailable (silent, or its records are not complete), timeout, or what the node answered instead.
struct NodeAnswer {
  std::string node;
  Result<ipam_api::NodeInventory> inventory = Error(Errc::unavailable, "not asked");
};

class NodeSurvey : public std::enable_shared_from_this<NodeSurvey> {
 public:
  static constexpr std::size_t asked_at_once = 64;

  // `hub` outlives every call.
  NodeSurvey(asio::any_io_executor executor, WatchHub& hub, const std::vector<std::string>& nodes,
             NodeQueries::Deadline deadline);

  void start();
  // Until another one has answered; false: all have, or the deadline took the rest.
  asio::awaitable<bool> another();
  std::size_t answered() const { return answered_; }
  const std::vector<NodeAnswer>& answers() const { return answers_; }

 private:
  asio::awaitable<void> work();

  asio::any_io_executor executor_;
  WatchHub& hub_;
  NodeQueries::Deadline deadline_;
  std::vector<NodeAnswer> answers_;
  std::size_t next_ = 0;
  std::size_t answered_ = 0;
  std::size_t told_ = 0;
  asio::steady_timer signal_;
};

}  // namespace mooring::controller
