// The newest events, in memory: what lists, followers and webhooks read. The store holds the same ones.
// Threading: one thread. References are good until the next add().
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <utility>

#include "ipam-controller/domain/event.hpp"

namespace mooring::controller {

class EventLog {
 public:
  static constexpr std::size_t limit = 10'000;
  using Events = std::deque<EventRecord>;

  // In order of their sequence numbers.
  void add(EventRecord event) {
    last_ = event.sequence;
    events_.push_back(std::move(event));
    if (events_.size() > limit) {
      events_.pop_front();
    }
  }

  // Of the newest event ever; 0: none yet.
  EventSequence last() const { return last_; }
  // Of the oldest that is kept; last() + 1: none is.
  EventSequence oldest() const { return events_.empty() ? last_ + 1 : events_.front().sequence; }
  // The first kept event with a higher number.
  Events::const_iterator after(EventSequence sequence) const {
    return std::upper_bound(events_.begin(), events_.end(), sequence,
                            [](EventSequence number, const EventRecord& event) { return number < event.sequence; });
  }
  Events::const_iterator begin() const { return events_.begin(); }
  Events::const_iterator end() const { return events_.end(); }
  std::size_t size() const { return events_.size(); }

 private:
  Events events_;
  EventSequence last_ = 0;
};

}  // namespace mooring::controller
