// Keeps what happens again and again from flooding the list of events: kubelet retries a refused ADD every few seconds,
// for hours. The first one of its kind is told at once; the rest is counted and told as one event when a window closes:
// after 1 minute, then 5, then 30, then 60, as long as it goes on. A window without any forgets the kind.
//
// Bounded: at most 1,000 kinds are remembered; a new one beyond that pushes out the one that was quiet longest (its
// count is told).
// Threading: one thread. No clock: `now_ms` is Unix time, never going back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ipam-controller/domain/event.hpp"

namespace mooring::controller {

class Repeats {
 public:
  static constexpr std::size_t max_kinds = 1000;

  // `key` says what counts as the same. Returns what is to be told now.
  std::vector<EventRecord> offer(const std::string& key, EventRecord event, std::int64_t now_ms);
  // Closes windows.
  std::vector<EventRecord> due(std::int64_t now_ms);
  // When due() has something to look at; none: never, as things are.
  std::optional<std::int64_t> next_due_ms() const;

 private:
  struct Kind {
    EventRecord latest;
    std::uint64_t held = 0;  // counted, not told yet
    std::int64_t held_since_ms = 0;
    std::int64_t closes_ms = 0;
    std::int64_t last_ms = 0;
    unsigned step = 0;
  };
  static std::optional<EventRecord> told(Kind& kind, std::int64_t now_ms);

  std::map<std::string, Kind> kinds_;
};

}  // namespace mooring::controller
