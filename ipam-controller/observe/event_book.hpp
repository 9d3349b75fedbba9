// The events of this controller: writes them down, knows the newest, wakes those who wait for more.
//
// Events that a transaction causes are written with it (Transaction::tell); those that nothing caused (a silent node,
// a refused allocation) get a transaction of their own. Either way they are known here once they are durable.
// Threading: Ipam's thread. Must outlive its waits.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <unordered_set>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "ipam-controller/app/ipam.hpp"
#include "ipam-controller/domain/event_log.hpp"
#include "ipam-controller/domain/repeats.hpp"

namespace mooring::controller {

namespace asio = boost::asio;

class EventBook {
 public:
  static constexpr std::size_t max_waiting = 1000;  // long polls; one more is answered at once
  static constexpr std::size_t max_unwritten = 1000;

  EventBook(asio::any_io_executor executor, Ipam& ipam);
  EventBook(const EventBook&) = delete;
  EventBook& operator=(const EventBook&) = delete;

  // What there was when the controller started. Once, first of all.
  void load(std::vector<EventRecord> stored);
  // These are durable now.
  void happened(const std::vector<EventRecord>& events);

  // Writes it down. While the store fails it is kept in memory (at most max_unwritten, then the oldest go) and tried
  // again by tick(), ten seconds later.
  void record(EventRecord event);
  // For what may repeat: told at once the first time, then counted (Repeats). `key` says what counts as the same.
  void record_repeated(const std::string& key, EventRecord event);
  // Once a second or so.
  void tick();

  // What is durable.
  const EventLog& log() const { return log_; }
  // True: an event came. False: the deadline, or stop().
  asio::awaitable<bool> came(std::chrono::steady_clock::time_point deadline);
  // Ends all waits.
  void stop();

 private:
  void write();

  asio::any_io_executor executor_;
  Ipam& ipam_;
  EventLog log_;
  Repeats repeats_;
  std::deque<EventRecord> unwritten_;
  bool writing_ = false;
  std::int64_t not_before_ms_ = 0;  // the store has just failed
  bool stopped_ = false;
  std::uint64_t arrivals_ = 0;
  std::unordered_set<asio::steady_timer*> waiting_;
};

}  // namespace mooring::controller
