// The life of one stream: hello, snapshot or log, then whatever the hub pushes.
#include <algorithm>
#include <tuple>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "ipam-controller/api/watch_hub.hpp"
#include "ipam-controller/api/watch_reader.hpp"
#include "ipam-controller/api/when_done.hpp"

namespace mooring::controller {
namespace {

constexpr std::size_t changes_a_page = 500;

}  // namespace

// On the hub's books while the stream function runs, also when that is destroyed instead of ended.
class WatchHub::Enrolled {
 public:
  Enrolled(WatchHub& hub, std::shared_ptr<Reader> reader) : hub_(hub), reader_(std::move(reader)) {
    reader_->number = ++hub_.last_number_;
    hub_.readers_.emplace(reader_->number, reader_.get());
    if (reader_->request.role == ipam_api::Role::observer) {
      return;
    }
    Known& known = hub_.known_[name()];
    if (known.stream) {
      hub_.end(*known.stream, "superseded", fmt::format("a newer stream of {} was opened", reader_->who()));
    }
    known.stream = reader_;
    known.last_heard = WallClock::now();
    spdlog::info("watch: {} is live", reader_->who());
  }
  ~Enrolled() {
    hub_.readers_.erase(reader_->number);
    const auto known = hub_.known_.find(name());
    // A newer stream of the name may have taken its place.
    if (known != hub_.known_.end() && known->second.stream == reader_) {
      known->second.stream.reset();
      hub_.queries_.lost(reader_->who());
      spdlog::info("watch: the stream of {} ended", reader_->who());
    }
  }
  Enrolled(const Enrolled&) = delete;
  Enrolled& operator=(const Enrolled&) = delete;

 private:
  Name name() const { return Name(reader_->request.role, reader_->request.name); }

  WatchHub& hub_;
  std::shared_ptr<Reader> reader_;
};

asio::awaitable<void> WatchHub::serve(std::shared_ptr<Reader> reader, http::LineSink& sink) {
  const Enrolled enrolled(*this, reader);
  if (stopping_) {
    end(*reader, "shutdown", "the controller stops");
  }
  const std::function<void()> wake = [reader] { reader->wake(); };
  sink.on_closed(wake);
  const bool caught_up = co_await catch_up(*reader, sink);
  if (caught_up || reader->outbox.ended()) {
    co_await follow(*reader, sink);
  }
  reader->position.reset();
}

asio::awaitable<bool> WatchHub::catch_up(Reader& reader, http::LineSink& sink) {
  const ipam_api::WatchRequest& asked = reader.request;
  ipam_api::Hello hello;
  hello.protocol = std::min(asked.protocol, ipam_api::protocol_version);
  hello.incarnation = ipam_.incarnation();
  hello.heartbeat_seconds = static_cast<std::uint32_t>(options_.heartbeat.count());
  hello.resume =
      asked.revision && asked.incarnation == ipam_.incarnation() && *asked.revision <= ipam_.committed_revision();

  ChangeLogPage page;
  if (hello.resume) {
    reader.sent = *asked.revision;
    flush();
    if (!live_.after(reader.sent)) {
      Result<ChangeLogPage> first = co_await log_after(reader.sent);
      if (!first) {
        spdlog::error("watch: reading the change log for {}: {}", reader.who(), first.error().text());
        end(reader, std::string(first.error().info().id), first.error().text());
        co_return false;
      }
      page = std::move(*first);
      hello.resume = !page.too_old;
    }
  }
  hello.revision = ipam_.committed_revision();
  const Lines greeting = std::make_shared<const std::string>(ipam_api::write_frame(hello));
  bool going = co_await send(reader, sink, greeting);
  if (going && !hello.resume) {
    page = ChangeLogPage();
    going = co_await send_snapshot(reader, sink);
  }
  while (going) {
    if (!page.changes.empty()) {
      std::string text;
      for (const LoggedChanges& changes : page.changes) {
        text += frame_of(changes);
      }
      const Lines block = std::make_shared<const std::string>(std::move(text));
      going = co_await send(reader, sink, block);
      reader.sent = page.changes.back().revision;
      if (!going) {
        break;
      }
    }
    // No co_await between looking and following, so that no change is missed or sent twice.
    flush();
    reader.position = live_.after(reader.sent);
    if (reader.position) {
      co_return true;
    }
    // The page has all up to here. Revisions that did not touch the directory are not in the log.
    const Revision upto = ipam_.committed_revision();
    Result<ChangeLogPage> next = co_await log_after(reader.sent);
    if (!next || next->too_old) {
      const std::string why = !next ? next.error().text()
                                    : fmt::format("the change log no longer reaches back to revision {}", reader.sent);
      spdlog::error("watch: bringing {} up to date: {}", reader.who(), why);
      end(reader, "too-slow", why);
      co_return false;
    }
    if (next->changes.empty()) {
      reader.sent = std::max(reader.sent, upto);
    }
    page = std::move(*next);
  }
  co_return false;
}

asio::awaitable<bool> WatchHub::send_snapshot(Reader& reader, http::LineSink& sink) {
  const std::shared_ptr<DirectorySnapshot> snapshot = co_await fresh_snapshot();
  for (std::size_t i = 0; i < snapshot->parts(); ++i) {
    const Lines lines = snapshot->part(i);
    const bool sent = co_await send(reader, sink, lines);
    if (!sent) {
      co_return false;
    }
  }
  reader.sent = snapshot->revision();
  co_return true;
}

asio::awaitable<std::shared_ptr<DirectorySnapshot>> WatchHub::fresh_snapshot() {
  if (auto shared = snapshot_.lock(); shared && live_.after(shared->revision())) {
    co_return shared;
  }
  using Made = std::shared_ptr<DirectorySnapshot>;
  const Start<Made> make = [this](Callback<Made> done) {
    ipam_.read([this, done = std::move(done)](const State& state, Revision revision) {
      // (Several may have asked while the batch was under way.)
      Made shared = snapshot_.lock();
      if (!shared || shared->revision() < revision) {
        shared = std::make_shared<DirectorySnapshot>(state, revision, digests_.sums());
        snapshot_ = shared;
      }
      done(shared);
    });
  };
  const Result<Made> made = co_await when_done(make);
  co_return *made;
}

asio::awaitable<void> WatchHub::follow(Reader& reader, http::LineSink& sink) {
  while (!sink.closed()) {
    const bool last = reader.outbox.ended();
    Lines block;
    if (!reader.outbox.empty()) {
      block = reader.outbox.take();
    } else if (reader.position && !live_.at_end(*reader.position)) {
      block = live_.take(*reader.position);
    } else {
      reader.signal.expires_at(asio::steady_timer::time_point::max());
      auto waiting = reader.signal.async_wait(asio::as_tuple(asio::use_awaitable));
      co_await std::move(waiting);
      continue;
    }
    const Result<void> written = co_await sink.write(block);
    if (!written || last) {
      co_return;
    }
    if (reader.request.role != ipam_api::Role::observer) {
      heard(reader.request.role, reader.request.name);
    }
  }
}

// False: the reader has left, or was told to go.
asio::awaitable<bool> WatchHub::send(Reader& reader, http::LineSink& sink, Lines block) {
  if (reader.outbox.ended()) {
    co_return false;
  }
  const Result<void> written = co_await sink.write(std::move(block));
  co_return written.has_value() && !reader.outbox.ended();
}

asio::awaitable<Result<ChangeLogPage>> WatchHub::log_after(Revision after) {
  Start<ChangeLogPage> ask = [this, after](Callback<ChangeLogPage> done) {
    ipam_.changes_since(after, changes_a_page, std::move(done));
  };
  return when_done(std::move(ask));
}

}  // namespace mooring::controller
