// When to say that a pool is low, exhausted, or fine again: each once, with a gap between the thresholds, and not again
// and again for a pool at its edge.
//
//   low        at most 10 % free            exhausted  none free
//   recovered  more than 15 % free, told only after low or exhausted, and 2 minutes after the last of them
//
// Threading: one thread. No clock.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "ipam-controller/domain/event.hpp"

namespace mooring::controller {

// What an event about a pool tells.
struct PoolFigures {
  std::string pool;
  std::uint64_t size = 0;
  std::uint64_t free = 0;
  std::uint64_t allocated = 0, bound = 0, reserved = 0, leased = 0, resting = 0;
  std::optional<std::int64_t> first_clears_ms;  // when the oldest resting address may be given out
};

// "0 of 254 free, 12 resting, the oldest clears in 40 s"
std::string text_of(const PoolFigures& figures, std::int64_t now_ms);

class PoolAlarms {
 public:
  static constexpr std::int64_t calm_ms = 120'000;

  // What was told before this controller started, in order.
  void recall(const EventRecord& event);
  std::optional<EventRecord> judge(const PoolFigures& figures, std::int64_t now_ms);
  // Forgets pools that are gone: a new one of that name starts anew.
  void keep_only(const std::function<bool(const std::string& pool)>& there) {
    std::erase_if(told_, [&](const auto& entry) { return !there(entry.first); });
  }

 private:
  enum class Level { fine, low, exhausted };
  struct Told {
    Level level = Level::fine;
    std::int64_t at_ms = 0;
  };
  std::map<std::string, Told> told_;
};

}  // namespace mooring::controller
