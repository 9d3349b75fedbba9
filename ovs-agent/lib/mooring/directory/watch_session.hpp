// The watch stream as a state machine with no I/O: lines, events and `now` in, actions out (docs/api/watch.md).
//
//   session.tick(now) -> Dial            register, GET the target; then opened() or failed()
//   session.line(text, now) -> actions   for each line; frames go into the Directory
//   session.heard(when)                  bytes came, though no whole line yet: that is no silence
//   session.tick(now) -> Close           when next_tick() has come: silence; later Dial again
//
// Silence is that nothing *came*: who was busy reads what has come before the next tick().
//
// It applies frames to the Directory itself (that is memory, not I/O) and tells the caller what remains to be done.
// Time is a steady clock's; randomness (the jitter of the back-off) comes from a function given at the start.
// Threading: that of the Directory.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
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
  ipam_api::Role role = ipam_api::Role::observer;
  std::string name;  // "" for an observer
  std::chrono::milliseconds backoff_first{200};
  std::chrono::milliseconds backoff_most{5000};
  // How long an opened stream may wait for its HELLO, which tells the heartbeat.
  std::chrono::milliseconds hello_within{5000};
  // 0..1, uniformly; a back-off of d waits d/2 + d/2 * jitter(). Null: 1.
  std::function<double()> jitter;
};

struct SessionCounters {
  std::uint64_t streams = 0;    // HELLOs
  std::uint64_t resumed = 0;    // … that resumed
  std::uint64_t snapshots = 0;  // … that began a snapshot
  std::uint64_t frames = 0;
  std::uint64_t malformed_frames = 0;  // or out of order
  std::uint64_t drifts = 0;            // a digest or a count differed
  std::uint64_t silences = 0;
  std::uint64_t goodbyes = 0;
};

class WatchSession {
 public:
  // The first Dial is due at `now`.
  WatchSession(Directory& directory, SessionSettings settings, TimePoint now);

  // The time may have passed something: a Dial that is due, a stream that fell silent.
  Actions tick(TimePoint now);
  // When tick() has something to do next, if no line comes before; nothing while a Dial is under way.
  std::optional<TimePoint> next_tick() const;

  // The answer to the Dial is 200; lines follow.
  void opened(TimePoint now);
  // One line, without its newline. Nothing happens to lines of a stream that was closed.
  Actions line(std::string_view text, TimePoint now);
  // The same, of a line that was parsed already.
  Actions frame(const ipam_api::Frame& frame, TimePoint now);
  void heard(TimePoint when);
  // Registering, dialling or reading failed, or the stream ended. Nothing if the session closed it itself.
  Actions failed(std::string_view why, TimePoint now);

  // HELLO received, and not closed since.
  bool live() const { return state_ == State::live; }
  const SessionCounters& counters() const { return counters_; }

 private:
  enum class State { waiting, dialling, opened, live };

  std::string target() const;
  Actions close(std::string reason, bool alarming, TimePoint now);
  Actions drifted(std::string what, TimePoint now);
  Actions breach(const std::string& what, TimePoint now);
  Actions on(const ipam_api::Hello& frame, TimePoint now);
  Actions on(const ipam_api::Entries& frame, TimePoint now);
  Actions on(const ipam_api::EndOfSnapshot& frame, TimePoint now);
  Actions on(const ipam_api::EndOfSnapshots& frame, TimePoint now);
  Actions on(const ipam_api::Changes& frame, TimePoint now);
  Actions on(const ipam_api::Heartbeat& frame, TimePoint now);
  Actions on(const ipam_api::Query& frame, TimePoint now);
  Actions on(const ipam_api::Goodbye& frame, TimePoint now);
  Actions on(const ipam_api::Unknown& frame, TimePoint now);

  Directory& directory_;
  SessionSettings settings_;
  State state_ = State::waiting;
  TimePoint dial_at_;
  TimePoint silent_at_;
  std::chrono::milliseconds heartbeat_{5000};
  std::chrono::milliseconds backoff_{0};  // of the next failure; 0: the first one
  bool start_over_ = false;               // the replica is not to be trusted: no revision in the next Dial
  bool in_snapshot_ = false;
  int beats_in_snapshot_ = 0;  // heartbeats since its last part
  std::set<ipam_api::Shard> ended_shards_;
  std::map<ipam_api::Shard, Revision> changed_shards_;  // by CHANGES while the snapshot was under way
  SessionCounters counters_;
};

}  // namespace mooring::directory
