// Waiting on one thread: for an answer that comes by callback (Promise), and for "something changed, look again"
// (Signal). Both have deadlines or are given one by whoever answers.
// Threading: that of the executor.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "mooring/http/deadline.hpp"

namespace mooring::agent {

namespace asio = boost::asio;
using http::after;
using http::Deadline;

// A value that is set once, by a callback that may outlive the waiter (it holds a copy of the promise).
template <class T>
class Promise {
 public:
  explicit Promise(const asio::any_io_executor& executor) : shared_(std::make_shared<Shared>(executor)) {}
  void set(T value) const {
    if (!shared_->value) {
      shared_->value.emplace(std::move(value));
      shared_->timer.cancel();
    }
  }
  // Whoever set()s guarantees a deadline.
  asio::awaitable<T> wait() const {
    const auto shared = shared_;
    while (!shared->value) {
      co_await shared->timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    co_return std::move(*shared->value);
  }

 private:
  struct Shared {
    explicit Shared(const asio::any_io_executor& executor) : timer(executor, Deadline::max()) {}
    asio::steady_timer timer;
    std::optional<T> value;
  };
  std::shared_ptr<Shared> shared_;
};

class Signal {
 public:
  explicit Signal(asio::any_io_executor executor) : executor_(std::move(executor)) {}
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  // Wakes all that wait now.
  void notify() {
    for (auto* timer : waiting_) {
      timer->cancel();
    }
  }
  // True if it was notified, false if the deadline passed first.
  asio::awaitable<bool> wait(Deadline deadline) {
    asio::steady_timer timer(executor_, deadline);
    const Listed listed(waiting_, timer);
    const auto [ended] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return ended.failed();
  }

 private:
  class Listed {
   public:
    Listed(std::set<asio::steady_timer*>& list, asio::steady_timer& timer) : list_(list), timer_(&timer) {
      list_.insert(timer_);
    }
    ~Listed() { list_.erase(timer_); }
    Listed(const Listed&) = delete;
    Listed& operator=(const Listed&) = delete;

   private:
    std::set<asio::steady_timer*>& list_;
    asio::steady_timer* timer_;
  };
  asio::any_io_executor executor_;
  std::set<asio::steady_timer*> waiting_;
};

}  // namespace mooring::agent
