// The feeds of lists: what is on a list now, and waiting for it to change.
//
// Nothing is worked out for a list that nobody has asked for lately. Of one that is followed (app/list_contents.hpp)
// the content is worked out when somebody asks or waits, once for all who do: at once, as long as all of that together
// is about a fortieth of the controller's thread (a list's first content aside); where lists change faster than that,
// one after the other and later. Who waits is a timer and a coroutine, woken only when what it waits for is another
// one; many are woken in groups, so that requests are answered in between.
//
// Threading: Ipam's thread. Must outlive its waits: stop(), then run the executor until it is out of work.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "ipam-controller/api/feed_text.hpp"
#include "ipam-controller/app/ipam.hpp"
#include "ipam-controller/app/list_contents.hpp"

namespace mooring::controller {

namespace asio = boost::asio;

struct FeedQuestion {
  std::string list;
  FeedForm form;
  std::vector<std::string> known;  // entity tags: no answer while it is one of these
  std::chrono::seconds wait{0};    // for another one
};
struct FeedAnswer {
  std::string etag;                         // without quotes
  std::shared_ptr<const std::string> body;  // nullptr: it is known already
};

class FeedHub {
 public:
  static constexpr std::size_t max_waiting = 8000;
  static constexpr std::size_t max_members = 4096;  // told one by one, in JSON

  FeedHub(asio::any_io_executor executor, Ipam& ipam);
  ~FeedHub();
  FeedHub(const FeedHub&) = delete;
  FeedHub& operator=(const FeedHub&) = delete;

  // Errors: not_found (no such list, or it was deleted meanwhile), unavailable (too many wait, or the controller ends),
  // timeout (the list's content could not be worked out in 10 s).
  asio::awaitable<Result<FeedAnswer>> ask(FeedQuestion question);
  // Ends all waits, with what they know.
  void stop();
  std::size_t waiting() const { return waiting_; }

 private:
  struct Feed;
  struct Waiter;
  using Clock = std::chrono::steady_clock;

  // Inside reads.
  std::shared_ptr<Feed> feed_of(const State& state, const std::string& name);
  void refresh(Feed& feed, const State& state);
  void refresh_soon(const std::shared_ptr<Feed>& feed);
  void refresh_due();
  bool may_work() const;
  void look_on();
  void on_rows(const std::vector<Write>& before, const State& state);
  void wake(const std::shared_ptr<Feed>& feed);
  void forget_idle();
  std::shared_ptr<const std::string> body_of(Feed& feed, const FeedForm& form);

  asio::any_io_executor executor_;
  Ipam& ipam_;
  ListContents contents_;
  std::map<std::string, std::shared_ptr<Feed>> feeds_;
  std::size_t waiting_ = 0;
  std::deque<std::shared_ptr<Feed>> due_;  // to be worked out, each once
  bool working_ = false;                   // a read for them, or a rest before it, is under way
  Clock::time_point rested_;               // when what was done is made up for
  asio::steady_timer rest_;
  bool looking_ = false;
  bool stopped_ = false;
  std::shared_ptr<FeedHub*> self_;  // what is posted holds it weakly
};

}  // namespace mooring::controller
