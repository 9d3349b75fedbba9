// The watch stream as a state machine with no I/O: lines, events and `now` in, actions out (docs/api/watch.md).
//
//   const auto actions = session.connected(now);             // ask GET session.target(...)
//   for (line) session.line(text, now) -> actions            // frames go into the Directory
//   session.tick(now) -> actions                             // silence, time to dial again
//
// It applies frames to the Directory itself (that is memory, not I/O) and tells the caller what remains to be done.
// Time is a steady clock's; randomness (the jitter of the back-off) comes from a function given at the start.
// Threading: that of the Directory.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mooring/directory/directory.hpp"

namespace mooring::directory {

using TimePoint = std::chrono::steady_clock::time_point;

namespace action {
// Register, then open the stream with GET `target`.
struct Dial {
  std::string target;
};
// Close the stream; a Dial follows when its time has come. `reason` is for the log.
struct Close {
  std::string reason;
  bool alarming = false;  // drift, malformed frames: not just a lost connection
};
// The directory changed: hand over take_changes().
struct Notify {};
// Answer POST /v1/answers/`id`.
struct Answer {
  std::string id, question;
  ipam_api::Json arguments;
};
}  // namespace action
using Action = std::variant<action::Dial, action::Close, action::Notify, action::Answer>;
using Actions = std::vector<Action>;

struct SessionSettings {
  std::string role;  // "node", "gateway", "observer"
  std::string name;  // "" for an observer
  std::chrono::milliseconds backoff_first{200};
  std::chrono::milliseconds backoff_most{5000};
  // 0..1, uniformly; a back-off of d waits d/2 + d/2 * jitter().
  std::function<double()> jitter;
};

struct SessionCounters {
  std::uint64_t streams = 0;    // HELLOs
  std::uint64_t resumed = 0;    // … that resumed
  std::uint64_t snapshots = 0;  // … that began a snapshot
  std::uint64_t frames = 0;
  std::uint64_t malformed_frames = 0;
  std::uint64_t drifts = 0;  // digest or count differed
  std::uint64_t silences = 0;
  std::uint64_t goodbyes = 0;
};

class WatchSession {
 public:
  WatchSession(Directory& directory, SessionSettings settings, TimePoint now);

  // The time may have passed something: a Dial that is due, a stream that fell silent.
  Actions tick(TimePoint now);
  // When tick() has something to do next.
  TimePoint next_tick() const;

  // The answer's head was 200; lines follow.
  Actions opened(TimePoint now);
  // One line, without its newline.
  Actions line(std::string_view text, TimePoint now);
  // Dialling, registering or reading failed, or the stream ended.
  Actions failed(std::string_view why, TimePoint now);

  bool live() const;  // HELLO received and not closed
  const SessionCounters& counters() const { return counters_; }
};

}  // namespace mooring::directory
