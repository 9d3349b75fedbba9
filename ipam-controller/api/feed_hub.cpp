#include "ipam-controller/api/feed_hub.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "ipam-controller/api/routes.hpp"
#include "ipam-controller/api/wake_round.hpp"
#include "ipam-controller/api/when_done.hpp"
#include "mooring/net/cover.hpp"

namespace mooring::controller {
namespace {

using namespace std::chrono_literals;

constexpr int rest_for_work = 39;  // a fortieth of the thread
constexpr auto work_ahead = 20ms;  // of that rest: a few lists that change now and then are never kept waiting
constexpr auto longest_rest = 2s;
constexpr auto work_of_an_answer = 50us;      // about: woken, written, asked again
constexpr auto followed_for = 10min;          // after somebody asked last
constexpr auto patience_for_content = 10s;    // of a list that has none yet
constexpr auto patience_for_newer = 2s;       // then what was worked out last is the answer
constexpr std::size_t rows_a_slice = 20'000;  // about 2 ms
constexpr std::size_t waiters_a_group = 64;

}  // namespace

struct FeedHub::Waiter {
  Waiter(asio::any_io_executor executor, const FeedQuestion& question_) : question(question_), timer(executor) {}
  const FeedQuestion& question;
  asio::steady_timer timer;
  bool fresh = false;  // what it knows is no older than its question
};

struct FeedHub::Feed {
  explicit Feed(std::shared_ptr<ListContent> content_) : content(std::move(content_)) {}

  bool computed() const { return content->ready() && turns == content->turns(); }
  bool computed_for(const FeedForm& form) const {
    return computed() && (form.format != FeedFormat::json || touches == content->touches());
  }
  const std::string& etag(const FeedForm& form) const { return form.format == FeedFormat::json ? json_etag : version; }
  // Is there something for that question?
  bool answers(const FeedQuestion& question) const {
    const std::string& tag = etag(question.form);
    return !tag.empty() && std::find(question.known.begin(), question.known.end(), tag) == question.known.end();
  }
  bool wakes(Waiter& waiter) const {
    if (!waiter.fresh && computed_for(waiter.question.form)) {
      waiter.fresh = true;
      return true;
    }
    return gone || ended || (waiter.fresh && answers(waiter.question));
  }
  // Its first content is not kept waiting: one between two batches.
  bool first() const { return version.empty(); }
  void forget_computed() { turns = touches = never; }

  std::shared_ptr<ListContent> content;
  bool gone = false;
  bool ended = false;  // the controller ends
  Clock::time_point asked;
  bool json_wanted = false;  // by somebody who asks or waits, since the last refresh
  // Worked out, as of those turns and touches of the content.
  static constexpr std::uint64_t never = ~std::uint64_t{0};
  std::uint64_t turns = never, touches = never;
  std::vector<net::IpCidr> cover;
  std::string version, json_etag;
  std::shared_ptr<const std::string> json;
  std::map<FeedForm, std::shared_ptr<const std::string>> bodies;  // of `version`
  bool due = false;
  std::map<std::uint64_t, Waiter*> waiters;  // by their numbers
  std::uint64_t last_number = 0;
  WakeRound round;
  bool waking = false;
};

FeedHub::FeedHub(asio::any_io_executor executor, Ipam& ipam)
    : executor_(std::move(executor)), ipam_(ipam), rest_(executor_), self_(std::make_shared<FeedHub*>(this)) {
  ipam_.follow_rows([weak = std::weak_ptr(self_)](const std::vector<Write>& before, const State& state) {
    if (const auto self = weak.lock()) {
      (*self)->on_rows(before, state);
    }
  });
}

FeedHub::~FeedHub() = default;

void FeedHub::stop() {
  stopped_ = true;
  rest_.cancel();
  due_.clear();
  for (const auto& [name, feed] : feeds_) {
    feed->ended = true;
    wake(feed);
  }
}

std::shared_ptr<FeedHub::Feed> FeedHub::feed_of(const State& state, const std::string& name) {
  if (const auto found = feeds_.find(name); found != feeds_.end()) {
    return found->second;
  }
  const AddressList* list = state.list(name);
  if (list == nullptr) {
    return nullptr;
  }
  auto feed = std::make_shared<Feed>(contents_.follow(*list));
  feeds_.emplace(name, feed);
  look_on();
  return feed;
}

// Looks through ports and bindings for lists that are new, a slice between two batches.
void FeedHub::look_on() {
  if (looking_ || stopped_) {
    return;
  }
  looking_ = true;
  ipam_.read([weak = std::weak_ptr(self_)](const State& state, Revision) {
    const auto alive = weak.lock();
    if (!alive) {
      return;
    }
    FeedHub& self = **alive;
    std::vector<std::string> ready;
    const bool more = self.contents_.look(state, rows_a_slice, ready);
    self.looking_ = false;
    for (const std::string& name : ready) {
      if (const auto feed = self.feeds_.find(name); feed != self.feeds_.end()) {
        self.refresh_soon(feed->second);
      }
    }
    if (more) {
      self.look_on();
    }
  });
}

void FeedHub::on_rows(const std::vector<Write>& before, const State& state) {
  for (const std::string& name : contents_.committed(before, state)) {
    const auto found = feeds_.find(name);
    if (found == feeds_.end()) {
      continue;
    }
    const std::shared_ptr<Feed> feed = found->second;
    if (feed->content->gone()) {
      feed->content = contents_.followed(name);
      if (feed->content == nullptr) {
        feed->gone = true;
        feeds_.erase(found);
        wake(feed);
        continue;
      }
      feed->forget_computed();  // selected anew
      look_on();
    }
    if (!feed->waiters.empty()) {
      refresh_soon(feed);
    }
  }
}

bool FeedHub::may_work() const {
  return rested_ <= Clock::now() + work_ahead;
}

void FeedHub::refresh_soon(const std::shared_ptr<Feed>& feed) {
  if (!feed->due && !feed->gone && !stopped_ && feed->content->ready()) {
    feed->due = true;
    due_.push_back(feed);
    refresh_due();
  }
}

void FeedHub::refresh_due() {
  if (working_ || due_.empty() || stopped_) {
    return;
  }
  working_ = true;
  const auto begin = [weak = std::weak_ptr(self_)] {
    const auto alive = weak.lock();
    if (!alive) {
      return;
    }
    (*alive)->ipam_.read([weak](const State& state, Revision) {
      const auto still = weak.lock();
      if (!still) {
        return;
      }
      FeedHub& self = **still;
      bool first = false;
      while (!self.due_.empty() && !first && (self.may_work() || self.due_.front()->first())) {
        const std::shared_ptr<Feed> feed = std::move(self.due_.front());
        first = feed->first();
        self.due_.pop_front();
        feed->due = false;
        if (!feed->gone && feed->content->ready()) {
          self.refresh(*feed, state);
          self.wake(feed);
        }
      }
      self.working_ = false;
      self.refresh_due();
    });
  };
  if (may_work() || due_.front()->first()) {
    begin();
    return;
  }
  rest_.expires_at(rested_ - work_ahead);
  rest_.async_wait([begin](const boost::system::error_code& failure) {
    if (!failure) {
      begin();
    }
  });
}

void FeedHub::refresh(Feed& feed, const State& state) {
  const auto began = Clock::now();
  const bool first = feed.first();
  ListContent& content = *feed.content;
  if (!feed.computed()) {
    feed.turns = content.turns();
    feed.cover = net::cover_of(content.ranges());
    std::string version = feed_version(content.list(), feed.cover);
    if (version != feed.version) {
      feed.version = std::move(version);
      feed.bodies.clear();
    }
  }
  if (feed.json_wanted && feed.touches != content.touches()) {
    feed.touches = content.touches();
    const std::vector<PortAddress>& addresses = content.members();
    const std::size_t told = std::min(addresses.size(), max_members);
    std::vector<FeedMember> members;
    members.reserve(told);
    for (std::size_t i = 0; i < told; ++i) {
      if (auto pod = listed_pod(content.list(), state, addresses[i])) {
        members.push_back({addresses[i].address, std::move(pod->owner), pod->live});
      }
    }
    feed.json = std::make_shared<const std::string>(
        feed_json(content.list(), feed.version, feed.cover, members, addresses.size() - told));
    feed.json_etag = feed.version + "-" + feed_digest(*feed.json);
  }
  feed.json_wanted = std::any_of(feed.waiters.begin(), feed.waiters.end(), [](const auto& waiter) {
    return waiter.second->question.form.format == FeedFormat::json;
  });
  if (first) {
    return;
  }
  const auto ended = Clock::now();
  const auto work = (ended - began) + work_of_an_answer * static_cast<long>(feed.waiters.size());
  rested_ = std::min<Clock::time_point>(std::max(rested_, ended) + work * rest_for_work, ended + longest_rest);
}

void FeedHub::wake(const std::shared_ptr<Feed>& feed) {
  if (feed->waiters.empty()) {
    return;
  }
  feed->round.begin();
  if (feed->waking) {
    return;  // goes on by itself, from the beginning
  }
  feed->waking = true;
  // (A function that posts itself: the feed holds no reference to it.)
  struct Step {
    static void run(const asio::any_io_executor& executor, const std::shared_ptr<Feed>& one) {
      for (std::size_t i = 0; i < waiters_a_group;) {
        const auto next = one->round.next(one->waiters);
        if (next == one->waiters.end()) {
          one->waking = false;
          return;
        }
        if (one->wakes(*next->second)) {
          next->second->timer.cancel();
          ++i;
        }
      }
      asio::post(executor, [executor, one] { run(executor, one); });
    }
  };
  Step::run(executor_, feed);
}

void FeedHub::forget_idle() {
  const auto now = Clock::now();
  for (auto it = feeds_.begin(); it != feeds_.end();) {
    if (it->second->waiters.empty() && it->second->asked + followed_for < now) {
      contents_.forget(it->first);
      it = feeds_.erase(it);
    } else {
      ++it;
    }
  }
}

std::shared_ptr<const std::string> FeedHub::body_of(Feed& feed, const FeedForm& form) {
  if (form.format == FeedFormat::json) {
    return feed.json;
  }
  constexpr std::size_t max_bodies = 8;  // tables have names of their askers' choice
  if (feed.bodies.size() >= max_bodies && !feed.bodies.contains(form)) {
    feed.bodies.clear();
  }
  auto& body = feed.bodies[form];
  if (!body) {
    body = std::make_shared<const std::string>(feed_text(form, feed.content->list(), feed.version, feed.cover));
  }
  return body;
}

asio::awaitable<Result<FeedAnswer>> FeedHub::ask(FeedQuestion question) {
  const auto began = Clock::now();
  const Start<std::shared_ptr<Feed>> look = [this, &question](Callback<std::shared_ptr<Feed>> done) {
    ipam_.read([this, &question, done = std::move(done)](const State& state, Revision) {
      const std::shared_ptr<Feed> feed = feed_of(state, question.list);
      if (feed != nullptr) {
        feed->asked = Clock::now();
        feed->json_wanted = feed->json_wanted || question.form.format == FeedFormat::json;
        if (feed->content->ready() && !feed->computed_for(question.form) && (may_work() || feed->first())) {
          refresh(*feed, state);
          wake(feed);
        }
      }
      done(feed);
    });
  };
  forget_idle();
  const Result<std::shared_ptr<Feed>> found = co_await when_done(look);
  const std::shared_ptr<Feed> feed = *found;
  if (feed == nullptr) {
    co_return no_such("list", "lists", question.list);
  }
  // What is not worked out yet is waited for in any case; what is known, as long as was asked for.
  bool fresh = feed->computed_for(question.form);
  while (!stopped_ && !(fresh && feed->answers(question)) && !(fresh && Clock::now() >= began + question.wait)) {
    if (waiting_ >= max_waiting) {
      co_return Error(Errc::unavailable, fmt::format("waiting for list {}: {} wait already", question.list, waiting_),
                      "ask again without wait_seconds, later");
    }
    const bool something = !feed->etag(question.form).empty();
    const auto patience = something ? patience_for_newer : patience_for_content;
    const auto deadline = began + (fresh ? question.wait : patience);
    if (Clock::now() >= deadline) {
      if (something) {
        fresh = true;
        continue;
      }
      co_return Error(Errc::timeout,
                      fmt::format("list {} was not worked out within {} s", question.list,
                                  std::chrono::seconds(patience_for_content).count()),
                      "the controller is busy: ask again");
    }
    Waiter waiter(executor_, question);
    waiter.fresh = fresh;
    waiter.timer.expires_at(deadline);
    const std::uint64_t number = ++feed->last_number;
    feed->waiters.emplace(number, &waiter);
    ++waiting_;
    feed->json_wanted = feed->json_wanted || question.form.format == FeedFormat::json;
    if (!feed->computed_for(question.form)) {
      refresh_soon(feed);
    }
    constexpr asio::as_tuple_t<asio::use_awaitable_t<>> as_result{};
    const std::tuple<boost::system::error_code> waited = co_await waiter.timer.async_wait(as_result);
    static_cast<void>(waited);
    feed->waiters.erase(number);
    --waiting_;
    if (feed->gone) {
      co_return no_such("list", "lists", question.list);
    }
    fresh = waiter.fresh;
  }
  if (stopped_ && !fresh) {
    co_return Error(Errc::unavailable,
                    fmt::format("asking for list {}: the controller is shutting down", question.list));
  }
  FeedAnswer answer;
  answer.etag = feed->etag(question.form);
  if (feed->answers(question)) {
    answer.body = body_of(*feed, question.form);
  }
  co_return answer;
}

}  // namespace mooring::controller
