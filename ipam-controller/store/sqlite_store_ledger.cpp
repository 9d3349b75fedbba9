// The audit ledger of a SqliteStore: read, verified and pruned on the store's thread, between commits.
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "ipam-controller/store/sqlite_ledger.hpp"
#include "ipam-controller/store/sqlite_store.hpp"

namespace mooring::controller {
namespace {

// A commit waits for one slice at most (a few milliseconds).
constexpr std::uint64_t pruned_in_one_go = 500;

}  // namespace

AuditHead SqliteStore::head() const {
  const std::lock_guard guard(head_mutex_);
  return head_;
}

void SqliteStore::ledger_committed() {
  const AuditHead newest = session_->ledger().head().shown();
  const std::lock_guard guard(head_mutex_);
  head_ = newest;
}

template <class T>
void SqliteStore::ask_ledger(std::string doing, std::function<Result<T>(SqliteLedger&)> ask, Callback<T> done) {
  enqueue([this, doing = std::move(doing), ask = std::move(ask), done = std::move(done)] {
    Result<T> result = T{};
    const Result<void> looked = on_session(fmt::format("{} the audit ledger of {}", doing, options_.path),
                                           [&](SqliteSession& session) { result = ask(session.ledger()); });
    if (!looked) {
      result = looked.error();
      spdlog::error("{}", result.error().text());
    }
    post_([done, result = std::move(result)] { done(result); });
  });
}

void SqliteStore::read(AuditQuery query, Callback<AuditPage> done) {
  ask_ledger<AuditPage>(
      "reading", [query = std::move(query)](SqliteLedger& ledger) { return read_ledger(ledger, ledger.head(), query); },
      std::move(done));
}

void SqliteStore::verify(AuditSeq after, std::size_t limit, Callback<AuditVerdict> done) {
  ask_ledger<AuditVerdict>(
      "verifying", [after, limit](SqliteLedger& ledger) -> Result<AuditVerdict> { return ledger.verify(after, limit); },
      std::move(done));
}

void SqliteStore::prune(AuditPrune cut, Callback<AuditPruned> done) {
  enqueue([this, cut = std::move(cut), done = std::move(done)] {
    Result<void> may = ok();
    AuditSeq began = 0;
    const Result<void> looked =
        on_session(fmt::format("reading the audit ledger of {}", options_.path), [&](SqliteSession& session) {
          began = session.ledger().cut().seq + 1;
          may = check_prune(session.ledger(), session.ledger().head(), cut);
        });
    if (!looked || !may) {
      post_([done, error = looked ? may.error() : looked.error()] { done(error); });
      return;
    }
    prune_slice(cut, began, AuditPruned{}, done);
  });
}

void SqliteStore::prune_slice(const AuditPrune& cut, AuditSeq began, AuditPruned so_far, Callback<AuditPruned> done) {
  SqliteLedger::Slice slice;
  const Result<void> pruned =
      on_session(fmt::format("pruning the audit ledger of {}", options_.path),
                 [&](SqliteSession& session) { slice = session.prune(cut, began, pruned_in_one_go); });
  if (!pruned) {
    spdlog::error("{}", pruned.error().text());
    post_([done, error = pruned.error()] { done(error); });
    return;
  }
  ledger_committed();
  so_far.records += slice.records;
  so_far.first_seq = began + so_far.records;
  tend_wal([](SqliteSession& session) { session.move_wal(false); });
  if (slice.done) {
    post_([done, so_far] { done(so_far); });
    return;
  }
  bool stopping = false;
  {
    const std::lock_guard guard(mutex_);
    stopping = stopping_;
  }
  if (stopping) {
    const Error error(
        Errc::unavailable,
        fmt::format("pruning the audit ledger: the controller stops; {} records are gone", so_far.records),
        "repeat it when the controller runs again");
    post_([done, error] { done(error); });
    return;
  }
  enqueue([this, cut, began, so_far, done = std::move(done)] { prune_slice(cut, began, so_far, done); });
}

}  // namespace mooring::controller
