#include "ipam-controller/api/watch_hub.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "ipam-controller/api/watch_reader.hpp"
#include "ipam-controller/api/when_done.hpp"

namespace mooring::controller {

using ipam_api::Json;
using ipam_api::Role;
using namespace std::chrono_literals;

namespace {

// Twice what a block costs for each stream, about: such a wait keeps the streams to a third of this thread.
constexpr auto pause_for_a_stream = 10us;
constexpr std::chrono::microseconds longest_wait = 20ms;
constexpr std::size_t readers_a_group = 64;

}  // namespace

WatchHub::WatchHub(asio::any_io_executor executor, Ipam& ipam, WatchOptions options)
    : executor_(std::move(executor)),
      ipam_(ipam),
      options_(options),
      queries_(executor_),
      live_(options.live_bytes),
      heartbeat_(executor_),
      flush_timer_(executor_),
      self_(std::make_shared<WatchHub*>(this)) {}

WatchHub::~WatchHub() = default;

void WatchHub::start() {
  ipam_.subscribe([this](const ChangeSet& changes) { on_changes(changes); });
  ipam_.read([this](const State& state, Revision revision) {
    digests_.load(state, revision);
    live_.start(revision);
  });
  beat();
}

void WatchHub::on_changes(const ChangeSet& changes) {
  digests_.apply(changes);
  live_.add(changes.revision, frame_of(changes));
  for (const Change& change : changes.changes) {
    // Who was deleted is no longer known: its reader registers again, or is told why not.
    const bool of_node = change.kind == ipam_api::entry_kind::node;
    if (!change.deleted || (!of_node && change.kind != ipam_api::entry_kind::gateway)) {
      continue;
    }
    const auto known = known_.find(Name(of_node ? Role::node : Role::gateway, change.key));
    if (known != known_.end() && known->second.stream) {
      end(*known->second.stream, "unregistered", fmt::format("{} {} was deleted", change.kind, change.key));
    }
  }
  flush_soon();
}

// The transactions of one group commit arrive one after the other: they leave as one block.
void WatchHub::flush_soon() {
  if (std::exchange(flush_due_, true)) {
    return;
  }
  const auto pause = std::min<std::chrono::microseconds>(longest_wait, pause_for_a_stream * readers_.size());
  flush_timer_.expires_at(flushed_ + pause);
  flush_timer_.async_wait([weak = std::weak_ptr(self_)](const boost::system::error_code& failure) {
    if (const auto self = weak.lock(); self && !failure) {
      (*self)->flush_due_ = false;
      (*self)->flush();
    }
  });
}

void WatchHub::flush() {
  if (!live_.gathering()) {
    return;
  }
  flushed_ = std::chrono::steady_clock::now();
  if (live_.flush()) {
    for (const auto& [number, reader] : readers_) {
      if (reader->position && live_.lost(*reader->position)) {
        spdlog::warn("watch: {} is too slow: {} bytes of changes wait for it; its stream ends", reader->who(),
                     live_.bytes());
        end(*reader, "too-slow", fmt::format("{} bytes waited to be taken", live_.bytes()));
        reader->position.reset();
      }
    }
  }
  round_.begin();
  wake_followers();
}

void WatchHub::wake_followers() {
  if (waking_) {
    return;  // goes on by itself
  }
  for (std::size_t i = 0; i < readers_a_group; ++i) {
    const auto reader = round_.next(readers_);
    if (reader == readers_.end()) {
      return;
    }
    if (reader->second->position) {
      reader->second->wake();
    }
  }
  waking_ = true;
  asio::post(executor_, [weak = std::weak_ptr(self_)] {
    if (const auto self = weak.lock()) {
      (*self)->waking_ = false;
      (*self)->wake_followers();
    }
  });
}

void WatchHub::end(Reader& reader, std::string title, std::string detail) {
  reader.outbox.end(ipam_api::write_frame(ipam_api::Goodbye{std::move(title), std::move(detail)}));
  reader.wake();
}

void WatchHub::beat() {
  heartbeat_.expires_after(options_.heartbeat);
  heartbeat_.async_wait([weak = std::weak_ptr(self_)](const boost::system::error_code& failure) {
    const auto alive = weak.lock();
    if (failure || !alive) {
      return;
    }
    WatchHub& self = **alive;
    const Revision revision = self.ipam_.committed_revision();
    const ipam_api::Heartbeat heartbeat{revision, self.digests_.sums().total().digest};
    self.live_.add(revision, ipam_api::write_frame(heartbeat));
    self.flush();
    if (!self.stopping_) {
      self.beat();
    }
  });
}

asio::awaitable<Result<http::Stream>> WatchHub::open(ipam_api::WatchRequest request) {
  if (stopping_) {
    co_return Error(Errc::unavailable, "opening a watch stream: the controller is shutting down");
  }
  auto reader = std::make_shared<Reader>(executor_, std::move(request));
  const WatchHub::Name name(reader->request.role, reader->request.name);
  if (name.first != Role::observer) {
    const Start<std::string> look = [this, name](Callback<std::string> done) {
      ipam_.read([name, done = std::move(done)](const State& state, Revision) {
        if (name.first == Role::node) {
          const Node* node = state.node(name.second);
          done(node == nullptr || node->fenced ? Result<std::string>(Error(Errc::not_found, "")) : node->machine_id);
        } else {
          const Gateway* gateway = state.gateway(name.second);
          done(gateway == nullptr ? Result<std::string>(Error(Errc::not_found, "")) : gateway->machine_id);
        }
      });
    };
    const Result<std::string> machine = co_await when_done(look);
    if (!machine) {
      co_return Error(Errc::not_found, fmt::format("opening a watch stream: {} is not registered", reader->who()),
                      fmt::format("register it first: PUT /v1/{}s/{}", to_string(name.first), name.second));
    }
    reader->machine_id = *machine;
  }
  http::Stream::Run run = [this, reader](http::LineSink& sink) { return serve(reader, sink); };
  co_return http::Stream(std::move(run));
}

void WatchHub::heard(Role role, const std::string& name) {
  known_[Name(role, name)].last_heard = WallClock::now();
}

void WatchHub::told_state(const std::string& gateway, std::string state) {
  known_[Name(Role::gateway, gateway)].state = std::move(state);
  heard(Role::gateway, gateway);
}

WatchHub::Presence WatchHub::presence(Role role, const std::string& name) const {
  const auto known = known_.find(Name(role, name));
  if (known == known_.end()) {
    return {};
  }
  const bool live = known->second.stream != nullptr;
  return {live, known->second.last_heard, live ? known->second.state : std::string()};
}

std::optional<std::string> WatchHub::sign_of_life(Role role, const std::string& name) const {
  const Presence seen = presence(role, name);
  if (seen.live) {
    return "its watch stream is open";
  }
  const WallClock::time_point now = WallClock::now();
  const auto ago = [&](WallClock::time_point then) {
    return std::chrono::duration_cast<std::chrono::seconds>(now - then).count();
  };
  if (seen.last_heard && now - *seen.last_heard < options_.node_silence) {
    return fmt::format("it was heard {} s ago", ago(*seen.last_heard));
  }
  if (!seen.last_heard && now - started_ < options_.node_silence) {
    return fmt::format("this controller started {} s ago and has not heard everybody yet", ago(started_));
  }
  return std::nullopt;
}

std::optional<std::string> WatchHub::live_machine(Role role, const std::string& name) const {
  const auto known = known_.find(Name(role, name));
  if (known == known_.end() || !known->second.stream) {
    return std::nullopt;
  }
  return known->second.stream->machine_id;
}

asio::awaitable<Result<Json>> WatchHub::ask(Role role, std::string name, std::string question, Json arguments,
                                            NodeQueries::Deadline deadline) {
  const auto known = known_.find(Name(role, name));
  if (known == known_.end() || !known->second.stream || known->second.stream->outbox.ended()) {
    co_return Error(Errc::unavailable, fmt::format("asking {} {}: it has no open stream", to_string(role), name),
                    "is its daemon running, and can it reach this controller?");
  }
  const std::shared_ptr<Reader> reader = known->second.stream;
  auto waiting = queries_.open(reader->who());
  if (!waiting) {
    co_return waiting.error();
  }
  ipam_api::Query query;
  query.id = (*waiting)->id();
  query.question = std::move(question);
  query.arguments = std::move(arguments);
  if (!reader->outbox.push(ipam_api::write_frame(query))) {
    co_return Error(Errc::unavailable, fmt::format("asking {}: it takes no questions", reader->who()),
                    "it does not read its stream; look at its log");
  }
  reader->wake();
  co_return co_await (*waiting)->answer(deadline);
}

void WatchHub::shutdown() {
  stopping_ = true;
  heartbeat_.cancel();
  flush();
  for (const auto& [number, reader] : readers_) {
    end(*reader, "shutdown", "the controller stops");
  }
}

}  // namespace mooring::controller
