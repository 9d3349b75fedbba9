#include "mooring/directory/watch_session.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace mooring::directory {
namespace {

constexpr int silent_heartbeats = 3;

Actions one(Action action) {
  Actions actions;
  actions.push_back(std::move(action));
  return actions;
}

}  // namespace

WatchSession::WatchSession(Directory& directory, SessionSettings settings, TimePoint now)
    : directory_(directory), settings_(std::move(settings)), dial_at_(now), silent_at_(now) {}

std::string WatchSession::target() const {
  ipam_api::WatchRequest request;
  request.protocol = ipam_api::protocol_version;
  request.role = settings_.role;
  request.name = settings_.name;
  // Half a snapshot is no place to resume from.
  if (directory_.complete() && !start_over_) {
    request.incarnation = directory_.incarnation();
    request.revision = directory_.revision();
  }
  return ipam_api::watch_target(request);
}

Actions WatchSession::tick(TimePoint now) {
  switch (state_) {
    case State::waiting:
      if (now >= dial_at_) {
        state_ = State::dialling;
        return one(action::Dial{target()});
      }
      break;
    case State::dialling:
      break;
    case State::opened:
    case State::live:
      if (now >= silent_at_) {
        ++counters_.silences;
        return close(state_ == State::opened ? "no HELLO came" : "three heartbeats of silence", false, now);
      }
      break;
  }
  return {};
}

std::optional<TimePoint> WatchSession::next_tick() const {
  switch (state_) {
    case State::waiting:
      return dial_at_;
    case State::dialling:
      return std::nullopt;
    case State::opened:
    case State::live:
      return silent_at_;
  }
  return std::nullopt;
}

void WatchSession::opened(TimePoint now) {
  state_ = State::opened;
  silent_at_ = now + settings_.hello_within;
}

void WatchSession::heard(TimePoint when) {
  if (state_ == State::live) {
    silent_at_ = std::max(silent_at_, when + silent_heartbeats * heartbeat_);
  }
}

Actions WatchSession::failed(std::string_view why, TimePoint now) {
  if (state_ == State::waiting) {
    return {};
  }
  return close(std::string(why), false, now);
}

Actions WatchSession::close(std::string reason, bool alarming, TimePoint now) {
  state_ = State::waiting;
  in_snapshot_ = false;
  backoff_ = backoff_.count() == 0 ? settings_.backoff_first : std::min(backoff_ * 2, settings_.backoff_most);
  const double share = settings_.jitter ? std::clamp(settings_.jitter(), 0.0, 1.0) : 1.0;
  const auto half = std::chrono::duration_cast<std::chrono::microseconds>(backoff_) / 2;
  dial_at_ = now + half + std::chrono::duration_cast<std::chrono::microseconds>(half * share);
  return one(action::Close{std::move(reason), alarming});
}

Actions WatchSession::drifted(std::string what, TimePoint now) {
  ++counters_.drifts;
  start_over_ = true;
  return close("the replica has drifted: " + what, true, now);
}

Actions WatchSession::breach(const std::string& what, TimePoint now) {
  ++counters_.malformed_frames;
  start_over_ = true;
  return close("the stream breaks its contract: " + what, true, now);
}

Actions WatchSession::line(std::string_view text, TimePoint now) {
  if (state_ != State::opened && state_ != State::live) {
    return {};
  }
  const auto parsed = ipam_api::parse_frame(text);
  return parsed ? frame(*parsed, now) : breach(parsed.error().text(), now);
}

Actions WatchSession::frame(const ipam_api::Frame& frame, TimePoint now) {
  if (state_ != State::opened && state_ != State::live) {
    return {};
  }
  ++counters_.frames;
  const bool hello = std::holds_alternative<ipam_api::Hello>(frame);
  const bool goodbye = std::holds_alternative<ipam_api::Goodbye>(frame);
  const bool unknown = std::holds_alternative<ipam_api::Unknown>(frame);
  if (hello == (state_ == State::live) && !goodbye && !unknown) {
    return breach(hello ? "a second HELLO" : "the first frame is not HELLO", now);
  }
  silent_at_ = now + silent_heartbeats * heartbeat_;
  if (!std::holds_alternative<ipam_api::Heartbeat>(frame)) {
    beats_in_snapshot_ = 0;
  }
  return std::visit([this, now](const auto& typed) { return on(typed, now); }, frame);
}

Actions WatchSession::on(const ipam_api::Hello& frame, TimePoint now) {
  if (frame.protocol < 1 || frame.protocol > ipam_api::protocol_version) {
    return breach(
        fmt::format("HELLO speaks protocol {}, asked for {} at most", frame.protocol, ipam_api::protocol_version), now);
  }
  if (frame.resume && (start_over_ || !directory_.complete() || frame.incarnation != directory_.incarnation() ||
                       frame.revision < directory_.revision())) {
    return breach(fmt::format("HELLO resumes incarnation {} at revision {}, the replica has {} at {}",
                              frame.incarnation, frame.revision, directory_.incarnation(), directory_.revision()),
                  now);
  }
  state_ = State::live;
  heartbeat_ = std::chrono::seconds(frame.heartbeat_seconds);
  silent_at_ = now + silent_heartbeats * heartbeat_;
  ++counters_.streams;
  if (frame.resume) {
    ++counters_.resumed;
    return {};
  }
  ++counters_.snapshots;
  in_snapshot_ = true;
  ended_shards_.clear();
  changed_shards_.clear();
  directory_.begin_snapshot(frame.incarnation, start_over_);
  return {};
}

Actions WatchSession::on(const ipam_api::Entries& frame, TimePoint now) {
  if (!in_snapshot_ || ended_shards_.contains(frame.shard)) {
    return breach(fmt::format("ENTRIES of shard {} outside of its snapshot", frame.shard), now);
  }
  for (const ipam_api::Entry& entry : frame.entries) {
    directory_.apply(entry);
  }
  return {};
}

Actions WatchSession::on(const ipam_api::EndOfSnapshot& frame, TimePoint now) {
  if (!in_snapshot_ || !ended_shards_.insert(frame.shard).second) {
    return breach(fmt::format("END_OF_SNAPSHOT of shard {} outside of its snapshot", frame.shard), now);
  }
  // Changes newer than the snapshot that came before its end are in our sums and not in its: the next HEARTBEAT
  // judges then.
  const auto changed = changed_shards_.find(frame.shard);
  const bool comparable = changed == changed_shards_.end() || changed->second <= frame.revision;
  directory_.end_of_snapshot(frame.shard, frame.revision);
  const ipam_api::DigestSums::Sum held = directory_.sums().shard(frame.shard);
  if (comparable && (held.count != frame.count || held.digest != frame.digest)) {
    return drifted(fmt::format("shard {} at revision {} has {} entries with digest {}, expected {} with {}",
                               frame.shard, frame.revision, held.count, ipam_api::digest_text(held.digest), frame.count,
                               ipam_api::digest_text(frame.digest)),
                   now);
  }
  return one(action::Notify{});
}

Actions WatchSession::on(const ipam_api::EndOfSnapshots& frame, TimePoint now) {
  if (!in_snapshot_) {
    return breach("END_OF_SNAPSHOTS outside of a snapshot", now);
  }
  for (const ipam_api::Shard shard : frame.shards) {
    if (!ended_shards_.contains(shard)) {
      return breach(fmt::format("END_OF_SNAPSHOTS names shard {}, which has not ended", shard), now);
    }
  }
  in_snapshot_ = false;
  start_over_ = false;
  directory_.end_of_snapshots(frame.revision, frame.shards);
  return one(action::Notify{});
}

Actions WatchSession::on(const ipam_api::Changes& frame, TimePoint) {
  for (const ipam_api::Entry& entry : frame.changes) {
    directory_.apply(entry);
    if (in_snapshot_) {
      Revision& changed = changed_shards_[entry.shard];
      changed = std::max(changed, frame.revision);
    }
  }
  directory_.advance(frame.revision);
  return one(action::Notify{});
}

Actions WatchSession::on(const ipam_api::Heartbeat& frame, TimePoint now) {
  if (in_snapshot_) {
    // They keep a long snapshot alive, but its parts must come in between.
    return ++beats_in_snapshot_ > silent_heartbeats ? breach("the snapshot does not go on", now) : Actions{};
  }
  const Revision before = directory_.revision();
  if (frame.revision < before) {
    return breach(fmt::format("HEARTBEAT at revision {} after {} was sent", frame.revision, before), now);
  }
  directory_.advance(frame.revision);
  const ipam_api::Digest held = directory_.sums().total().digest;
  if (held != frame.digest) {
    return drifted(fmt::format("digest {} at revision {}, expected {}", ipam_api::digest_text(held), frame.revision,
                               ipam_api::digest_text(frame.digest)),
                   now);
  }
  backoff_ = std::chrono::milliseconds(0);  // whole and right: the next failure is a first one
  return frame.revision == before ? Actions{} : one(action::Notify{});
}

Actions WatchSession::on(const ipam_api::Query& frame, TimePoint) {
  return one(action::Answer{frame.id, frame.question, frame.arguments});
}

Actions WatchSession::on(const ipam_api::Goodbye& frame, TimePoint now) {
  ++counters_.goodbyes;
  // Another program of our name took the stream: two that take it from each other do so slowly.
  if (frame.title == "superseded") {
    backoff_ = settings_.backoff_most;
  }
  return close(fmt::format("the controller says goodbye: {} {}", frame.title, frame.detail),
               frame.title == "superseded", now);
}

Actions WatchSession::on(const ipam_api::Unknown&, TimePoint) {
  return {};
}

}  // namespace mooring::directory
