// Keeps the blocks of the lists that access rules name in the directory, so that gateways have them: what the list's
// feed says, as rows of the store (domain/objects.hpp, ListedBlock). A pod that comes or goes changes the blocks that
// it is in and no other. Blocks of a list that no rule names any more go within seconds.
//
// Threading: Ipam's thread. Must outlive its waits: stop(), then run the executor until it is out of work.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "ipam-controller/api/feed_hub.hpp"
#include "ipam-controller/app/ipam.hpp"

namespace mooring::controller {

class ListedBlocks {
 public:
  ListedBlocks(asio::any_io_executor executor, Ipam& ipam, FeedHub& feeds);
  ListedBlocks(const ListedBlocks&) = delete;
  ListedBlocks& operator=(const ListedBlocks&) = delete;

  // Once, after Ipam::start().
  void start();
  // Before the feeds'.
  void stop();

 private:
  void look();
  asio::awaitable<void> follow(std::string list);
  // True: there is more to write.
  asio::awaitable<Result<bool>> write(const std::string& list, const std::vector<net::IpCidr>& blocks);
  asio::awaitable<void> rest(const std::string& list);

  asio::any_io_executor executor_;
  Ipam& ipam_;
  FeedHub& feeds_;
  std::set<std::string> named_;                         // by access rules
  std::map<std::string, asio::steady_timer> followed_;  // each by a coroutine
  bool stopped_ = false;
};

}  // namespace mooring::controller
