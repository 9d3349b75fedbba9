#include "ipam-controller/app/ipam.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "ipam-controller/app/refusals.hpp"
#include "ipam-controller/app/transaction.hpp"
#include "ipam-controller/app/use_cases.hpp"

namespace mooring::controller {
namespace {

// A batch begins so many rounds of the loop after the one before: its answers go out first, and what their readers and
// others ask next comes in. A batch of all that wait is worth more than an early one: they share its fsync.
constexpr int rounds_between_batches = 2;

// Bounds the time until the first of a batch is answered (a few milliseconds of SQLite).
constexpr std::size_t max_requests_a_batch = 512;

}  // namespace

// A batch between being applied and being durable.
struct Ipam::Flight {
  std::vector<std::unique_ptr<Request>> requests;
  std::vector<Write> undo;
  std::vector<ChangeSet> changes;
  std::vector<EventRecord> events;
  std::map<std::string, std::uint64_t> released;  // ports, by the caller's reason
  Revision revision = 0;
  bool expired = false;   // something ended by itself; there may be more
  bool restored = false;  // the store is whole with it
};

Ipam::Ipam(Store& store, Post post, Clock clock)
    : store_(store),
      post_(std::move(post)),
      clock_(std::move(clock)),
      refusals_(std::make_unique<Refusals>()),
      self_(std::make_shared<Ipam*>(this)) {}

Ipam::~Ipam() = default;

Result<void> Ipam::start() {
  auto loaded = store_.load([this](const Write& row) { state_.apply(row); });
  if (!loaded) {
    return loaded.error();
  }
  incarnation_ = loaded->incarnation;
  last_ = committed_ = loaded->revision;
  behind_ = std::max<TimeMs>(0, loaded->now_ms - clock_());
  newest_ = loaded->now_ms;
  last_event_ = loaded->events.empty() ? 0 : loaded->events.back().sequence;
  if (loaded->restoring) {
    explain_restoring(Error(Errc::unavailable,
                            "the store was made from a backup, and no node has said yet what it holds",
                            "mooringctl restore status"));
  }
  if (observer_ != nullptr) {
    observer_->loaded(std::move(loaded->events), std::move(loaded->cursors));
  }
  return ok();
}

void Ipam::explain_restoring(Error refusal) {
  refusal_ = std::move(refusal);
}

TimeMs Ipam::now() const {
  return std::max(clock_() + behind_, newest_);
}

void Ipam::tick() {
  if (const auto due = state_.next_deadline(); due && *due <= now() && !refusal_) {
    schedule();
  }
}

void Ipam::schedule() {
  if (scheduled_ || flight_) {
    return;
  }
  scheduled_ = true;
  drain_in(rounds_between_batches);
}

void Ipam::drain_in(int rounds) {
  post_([weak = std::weak_ptr<Ipam*>(self_), rounds] {
    const auto self = weak.lock();
    if (!self) {
      return;
    }
    if (rounds > 0) {
      (*self)->drain_in(rounds - 1);
      return;
    }
    (*self)->scheduled_ = false;
    (*self)->drain();
  });
}

// One request into the batch: its rows, its changes, and what the ledger says of it.
void Ipam::apply(Request& request, Batch& batch) {
  if (refusal_ && !request.door.while_restoring) {
    request.refuse(*refusal_);
    return;
  }
  Transaction tx(state_, std::max(last_, request.door.above) + 1, batch.now_ms, request.caller);
  // What is only tried takes nobody's turn.
  const auto turns = request.caller.dry_run ? state_.turns() : std::vector<State::PoolTurns>();
  request.apply(tx);
  state_.set_turns(turns);
  const bool restored = request.door.ends_restoring && !request.refused() && !request.caller.dry_run;
  if (tx.empty() && !restored) {
    return;
  }
  batch.restored = flight_->restored = batch.restored || restored;
  // Events alone change no object: they carry the revision that they found.
  last_ = tx.writes().empty() && !restored ? last_ : tx.revision();
  for (std::size_t i = 0; i < tx.writes().size(); ++i) {
    if (is_recorded(tx.undo_rows()[i], tx.writes()[i])) {
      batch.audit.push_back(
          {tx.revision(), tx.now(), request.caller.actor, request.caller.reason, tx.undo_rows()[i], tx.writes()[i]});
    }
    if (observer_ != nullptr && std::holds_alternative<Erase<Port>>(tx.writes()[i])) {
      ++flight_->released[request.caller.reason];
    }
  }
  std::move(tx.writes().begin(), tx.writes().end(), std::back_inserter(batch.writes));
  std::move(tx.undo_rows().begin(), tx.undo_rows().end(), std::back_inserter(flight_->undo));
  for (EventRecord& event : tx.events()) {
    event.sequence = ++last_event_;
    event.revision = last_;
    event.at_ms = tx.now();
    event.since_ms = event.since_ms == 0 ? event.at_ms : event.since_ms;
    batch.events.push_back(event);
    flight_->events.push_back(std::move(event));
  }
  if (tx.cursors()) {
    batch.cursors = std::move(tx.cursors());
  }
  if (!tx.changes().changes.empty()) {
    if (!restored) {
      batch.changes.push_back(tx.changes());
    }
    flight_->changes.push_back(std::move(tx.changes()));
  }
}

void Ipam::expire_due(Batch& batch) {
  const auto due = state_.next_deadline();
  if (!due || *due > batch.now_ms || refusal_) {
    return;
  }
  TypedRequest<void> request(
      Caller{{Actor::Kind::system, "expiry", ""}, "its time is over", false, std::nullopt}, Door(),
      [](Transaction& tx) {
        expire(tx);
        return ok();
      },
      [](Result<void>) {});
  apply(request, batch);
  flight_->expired = !batch.writes.empty();
}

void Ipam::drain() {
  if (flight_) {
    return;
  }
  run_reads();
  flight_ = std::make_unique<Flight>();
  Batch batch;
  batch.now_ms = newest_ = now();
  expire_due(batch);
  while (!queue_.empty() && flight_->requests.size() < max_requests_a_batch) {
    std::unique_ptr<Request> request = std::move(queue_.front());
    queue_.pop_front();
    apply(*request, batch);
    flight_->requests.push_back(std::move(request));
  }
  if (batch.writes.empty() && batch.events.empty() && !batch.cursors && !batch.restored) {
    flight_->revision = committed_;
    landed(ok());
    return;
  }
  batch.revision = flight_->revision = last_;
  store_.commit(std::move(batch), [weak = std::weak_ptr<Ipam*>(self_)](Result<void> outcome) {
    if (const auto self = weak.lock()) {
      (*self)->count_batch(outcome.has_value());
      (*self)->landed(std::move(outcome));
    }
  });
}

void Ipam::count_batch(bool durable) {
  ++(durable ? counters_.batches : counters_.failed_batches);
  if (observer_ != nullptr) {
    observer_->committed(flight_->requests.size(), durable);
  }
  counters_.largest_batch = std::max<std::uint64_t>(counters_.largest_batch, flight_->requests.size());
}

void Ipam::landed(Result<void> outcome) {
  const std::unique_ptr<Flight> flight = std::move(flight_);
  if (outcome) {
    committed_ = flight->revision;
    if (flight->restored) {
      refusal_.reset();
    }
  } else {
    // Revision numbers are not used again: a store may find out later that it has kept the batch after all.
    Transaction::undo_all(state_, flight->undo);
  }
  // What waits goes on behind the callbacks below, which may call back in.
  if (!queue_.empty() || !readers_.empty()) {
    schedule();
  } else if (outcome && flight->expired) {
    tick();
  }
  if (outcome && subscriber_) {
    for (const ChangeSet& changes : flight->changes) {
      subscriber_(changes);
    }
  }
  if (outcome && observer_ != nullptr) {
    tell_observer(*flight);
  }
  for (const auto& request : flight->requests) {
    counters_.refused += outcome && request->refused() ? 1U : 0U;
    request->answer(outcome);
  }
  if (outcome && !flight->undo.empty()) {
    for (const RowFollower& follower : row_followers_) {
      follower(flight->undo, state_);
    }
  }
}

void Ipam::tell_observer(const Flight& flight) {
  for (const auto& [reason, ports] : flight.released) {
    observer_->released(reason, ports);
  }
  if (!flight.events.empty()) {
    observer_->happened(flight.events);
  }
}

void Ipam::read(std::function<void(const State&, Revision)> reader) {
  readers_.push_back(std::move(reader));
  schedule();
}

void Ipam::run_reads() {
  const auto readers = std::exchange(readers_, {});
  for (const auto& reader : readers) {
    reader(state_, committed_);
  }
}

void Ipam::subscribe(std::function<void(const ChangeSet&)> subscriber) {
  subscriber_ = std::move(subscriber);
}

void Ipam::backup(std::string path, Progress progress, Callback<BackupCopy> done) {
  store_.backup(std::move(path), std::move(progress),
                [weak = std::weak_ptr<Ipam*>(self_), done = std::move(done)](Result<BackupCopy> copy) {
                  if (weak.lock()) {
                    done(std::move(copy));
                  }
                });
}

void Ipam::changes_since(Revision after, std::size_t limit, Callback<ChangeLogPage> done) {
  store_.changes_since(after, committed_, limit,
                       [weak = std::weak_ptr<Ipam*>(self_), done = std::move(done)](Result<ChangeLogPage> page) {
                         if (weak.lock()) {
                           done(std::move(page));
                         }
                       });
}

}  // namespace mooring::controller
