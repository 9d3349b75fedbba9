#include "ipam-controller/api/watch_hub.hpp"

#include <vector>

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "ipam-controller/api/watch_reader.hpp"
#include "ipam-controller/api/when_done.hpp"

namespace mooring::controller {

using ipam_api::Json;
using ipam_api::Role;

WatchHub::WatchHub(asio::any_io_executor executor, Ipam& ipam, WatchOptions options)
    : executor_(std::move(executor)),
      ipam_(ipam),
      options_(options),
      queries_(executor_),
      heartbeat_(executor_),
      self_(std::make_shared<WatchHub*>(this)) {}

WatchHub::~WatchHub() = default;

void WatchHub::start() {
  ipam_.subscribe([this](const ChangeSet& changes) { on_changes(changes); });
  ipam_.read([this](const State& state, Revision revision) {
    std::vector<Change> entries;
    for (const std::uint32_t shard : state.shards()) {
      for (Change& entry : state.snapshot(shard)) {
        entries.push_back(std::move(entry));
      }
    }
    image_.load(revision, entries);
  });
  beat();
}

void WatchHub::on_changes(const ChangeSet& changes) {
  const bool first = pending_.empty();
  pending_ += image_.apply(changes);
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
  if (first) {
    // The transactions of one group commit arrive one after the other: they leave as one block.
    asio::post(executor_, [weak = std::weak_ptr(self_)] {
      if (const auto self = weak.lock()) {
        (*self)->flush();
      }
    });
  }
}

void WatchHub::flush() {
  if (pending_.empty()) {
    return;
  }
  const Lines block = std::make_shared<const std::string>(std::exchange(pending_, {}));
  for (Reader* reader : readers_) {
    if (reader->follows) {
      push(*reader, block);
    }
  }
}

void WatchHub::push(Reader& reader, const Lines& block) {
  if (!reader.outbox.push(block)) {
    spdlog::warn("watch: {} is too slow: {} bytes wait for it; its stream ends", reader.who(), reader.outbox.bytes());
    end(reader, "too-slow", fmt::format("{} bytes waited to be taken", reader.outbox.bytes()));
  }
  reader.wake();
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
    self.flush();
    const Lines block = std::make_shared<const std::string>(ipam_api::write_frame(
        ipam_api::Heartbeat{self.ipam_.committed_revision(), self.image_.digests().total().digest}));
    for (Reader* reader : self.readers_) {
      if (reader->follows) {
        self.push(*reader, block);
      }
    }
    if (!self.stopping_) {
      self.beat();
    }
  });
}

asio::awaitable<Result<http::Stream>> WatchHub::open(ipam_api::WatchRequest request) {
  if (stopping_) {
    co_return Error(Errc::unavailable, "opening a watch stream: the controller is shutting down");
  }
  auto reader = std::make_shared<Reader>(executor_, std::move(request), options_.outbox_bytes);
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

WatchHub::Presence WatchHub::presence(Role role, const std::string& name) const {
  const auto known = known_.find(Name(role, name));
  if (known == known_.end()) {
    return {};
  }
  return {known->second.stream != nullptr, known->second.last_heard};
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
  push(*reader, std::make_shared<const std::string>(ipam_api::write_frame(query)));
  co_return co_await (*waiting)->answer(deadline);
}

void WatchHub::shutdown() {
  stopping_ = true;
  heartbeat_.cancel();
  flush();
  for (Reader* reader : readers_) {
    end(*reader, "shutdown", "the controller stops");
  }
}

}  // namespace mooring::controller
