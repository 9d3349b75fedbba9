#include "ipam-controller/observe/event_book.hpp"

#include <memory>
#include <tuple>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace mooring::controller {
namespace {

constexpr std::int64_t pause_after_failure_ms = 10'000;

}  // namespace

EventBook::EventBook(asio::any_io_executor executor, Ipam& ipam) : executor_(std::move(executor)), ipam_(ipam) {}

void EventBook::load(std::vector<EventRecord> stored) {
  for (EventRecord& event : stored) {
    log_.add(std::move(event));
  }
}

void EventBook::happened(const std::vector<EventRecord>& events) {
  for (const EventRecord& event : events) {
    log_.add(event);
  }
  ++arrivals_;
  for (asio::steady_timer* waiting : waiting_) {
    waiting->cancel();
  }
}

void EventBook::record(EventRecord event) {
  unwritten_.push_back(std::move(event));
  if (unwritten_.size() > max_unwritten) {
    unwritten_.pop_front();
  }
  write();
}

void EventBook::record_repeated(const std::string& key, EventRecord event) {
  for (EventRecord& told : repeats_.offer(key, std::move(event), ipam_.now())) {
    record(std::move(told));
  }
}

void EventBook::tick() {
  for (EventRecord& told : repeats_.due(ipam_.now())) {
    record(std::move(told));
  }
  write();
}

void EventBook::write() {
  if (writing_ || unwritten_.empty() || stopped_ || ipam_.now() < not_before_ms_) {
    return;
  }
  writing_ = true;
  auto events = std::make_shared<std::deque<EventRecord>>(std::exchange(unwritten_, {}));
  const Caller caller{Actor{Actor::Kind::system, "events", ""}, "", false, std::nullopt};
  ipam_.run<void>(
      caller,
      [events](Transaction& tx) {
        for (const EventRecord& event : *events) {
          tx.tell(event);
        }
        return ok();
      },
      [this, events](Result<void> written) {
        writing_ = false;
        if (!written) {
          // With those that came meanwhile behind them; the oldest go if there are too many.
          unwritten_.insert(unwritten_.begin(), events->begin(), events->end());
          while (unwritten_.size() > max_unwritten) {
            unwritten_.pop_front();
          }
          not_before_ms_ = ipam_.now() + pause_after_failure_ms;
          return;
        }
        write();
      },
      even_while_restoring);
}

asio::awaitable<bool> EventBook::came(std::chrono::steady_clock::time_point deadline) {
  if (stopped_ || waiting_.size() >= max_waiting) {
    co_return false;
  }
  const std::uint64_t before = arrivals_;
  asio::steady_timer timer(executor_, deadline);
  waiting_.insert(&timer);
  constexpr asio::as_tuple_t<asio::use_awaitable_t<>> as_result{};
  const std::tuple<boost::system::error_code> waited = co_await timer.async_wait(as_result);
  static_cast<void>(waited);
  waiting_.erase(&timer);
  co_return arrivals_ != before;
}

void EventBook::stop() {
  stopped_ = true;
  for (asio::steady_timer* waiting : waiting_) {
    waiting->cancel();
  }
}

}  // namespace mooring::controller
