// The connections of simulated agents, and agents that only listen.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "bench/scale_agent.hpp"

namespace mooring::bench {
namespace {

// As WatchSession has them.
constexpr std::chrono::milliseconds first_backoff{200};
constexpr std::chrono::milliseconds longest_backoff{5000};
constexpr std::chrono::seconds silence{15};

}  // namespace

StreamAgent::StreamAgent(std::string socket, const SimulatedNode& node)
    : socket_(std::move(socket)), node_(node), random_(static_cast<std::uint32_t>(node.vtep.bits())) {}

int StreamAgent::watch_fd() const {
  return stream_ ? stream_->fd() : registering_ ? registering_->fd() : -1;
}

void StreamAgent::dial(std::string target) {
  target_ = std::move(target);
  try {
    registering_ = std::make_unique<Client>(socket_);
    registering_->ask("PUT", "/v1/nodes/" + node_.name, ipam_api::to_json(node_.registration).dump());
    fresh_ = true;
  } catch (const Lost& lost) {
    carry_out(on_failed(lost.what(), Clock::now()));
  }
}

void StreamAgent::carry_out(directory::Actions actions) {
  for (directory::Action& one : actions) {
    if (auto* dial_now = std::get_if<directory::action::Dial>(&one)) {
      dial(std::move(dial_now->target));
    } else if (std::holds_alternative<directory::action::Close>(one)) {
      closed_ = true;
    } else if (std::holds_alternative<directory::action::Notify>(one)) {
      on_change();
    }
  }
}

bool StreamAgent::ended() {
  if (std::exchange(closed_, false)) {
    fresh_ = false;
    stream_.reset();
    registering_.reset();
  }
  return std::exchange(fresh_, false);
}

bool StreamAgent::tick(Clock::time_point now) {
  if (const auto when = due(); !when || *when > now) {
    return false;
  }
  if (stream_) {  // what has come is read before it is called silence
    readable(now);
  }
  carry_out(on_tick(now));
  return ended();
}

bool StreamAgent::readable(Clock::time_point now) {
  try {
    if (stream_) {
      stream_->read([this, now](std::string_view line) {
        bytes_ += line.size() + 1;
        carry_out(on_line(line, now));
      });
    } else if (const auto answer = registering_ ? registering_->read() : std::nullopt) {
      if (answer->status != 200) {
        throw Lost(fmt::format("registering was answered {}: {}", answer->status, answer->body));
      }
      registering_.reset();
      stream_ = std::make_unique<LineStream>(socket_, target_);
      fresh_ = true;
      on_opened(now);
    }
  } catch (const std::exception& problem) {  // lost, or refused
    carry_out(on_failed(problem.what(), now));
    closed_ = true;
  }
  return ended();
}

// ---- listeners ----

Listener::Listener(std::string socket, const SimulatedNode& simulated, std::string incarnation, Revision revision)
    : StreamAgent(std::move(socket), simulated),
      incarnation_(std::move(incarnation)),
      revision_(revision),
      due_(Clock::now()) {}

std::optional<Clock::time_point> Listener::due() const {
  return state_ == State::dialling ? std::nullopt : std::optional(due_);
}

directory::Actions Listener::on_tick(Clock::time_point now) {
  if (state_ != State::waiting) {
    ++counters_.silences;
    return on_failed("silence", now);
  }
  state_ = State::dialling;
  ipam_api::WatchRequest request;
  request.protocol = ipam_api::protocol_version;
  request.role = ipam_api::Role::node;
  request.name = node().name;
  request.incarnation = incarnation_;
  request.revision = revision_;
  directory::Actions actions;
  actions.emplace_back(directory::action::Dial{ipam_api::watch_target(request)});
  return actions;
}

void Listener::on_opened(Clock::time_point now) {
  state_ = State::opened;
  due_ = now + silence;
}

directory::Actions Listener::on_failed(const char* why, Clock::time_point now) {
  if (state_ == State::waiting) {
    return {};
  }
  state_ = State::waiting;
  backoff_ = backoff_.count() == 0 ? first_backoff : std::min(backoff_ * 2, longest_backoff);
  due_ = now + backoff_ / 2 +
         std::chrono::duration_cast<Clock::duration>(
             std::chrono::duration<double, std::milli>(static_cast<double>(backoff_.count()) / 2 * jitter()));
  directory::Actions actions;
  actions.emplace_back(directory::action::Close{why});
  return actions;
}

directory::Actions Listener::on_line(std::string_view line, Clock::time_point now) {
  due_ = now + silence;
  if (line.ends_with(R"("type":"CHANGES"})")) {
    const Revision changed = number_in(line.substr(line.size() > 64 ? line.size() - 64 : 0), "revision");
    counters_.malformed_frames += changed > revision_ ? 0U : 1U;
    revision_ = changed;
    arrivals_.push_back({changed, Clock::now()});
  } else if (line.ends_with(R"("type":"HEARTBEAT"})")) {
    revision_ = std::max(revision_, number_in(line, "revision"));
    backoff_ = std::chrono::milliseconds(0);
  } else if (line.ends_with(R"("type":"HELLO"})")) {
    state_ = State::live;
    ++counters_.streams;
    const bool resumed = line.find(R"("resume":true)") != line.npos;
    ++(resumed ? counters_.resumed : counters_.snapshots);
  } else if (line.ends_with(R"("type":"END_OF_SNAPSHOTS"})")) {
    revision_ = std::max(revision_, number_in(line, "revision"));
  } else if (line.ends_with(R"("type":"GOODBYE"})")) {
    ++counters_.goodbyes;
    return on_failed("goodbye", now);
  }
  return {};
}

}  // namespace mooring::bench
