// The store on one machine: SQLite in WAL mode with synchronous=FULL, so that what was answered survives kill -9 and
// power loss. One thread of its own does all of the work; one transaction a batch. docs/storage.md has the reasons.
//
// Threading: as Store. Errors: Errc::storage, with SQLite's words and the way out; start errors name the file.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "ipam-controller/app/ports.hpp"
#include "ipam-controller/store/file_lock.hpp"
#include "ipam-controller/store/sqlite_backup.hpp"
#include "ipam-controller/store/sqlite_session.hpp"

namespace mooring::controller {

class SqliteStore : public Store, private AuditLedger {
 public:
  // Opens the file and makes it if it is not there; one of an older format is brought up to date. conflict: another
  // process uses it; unsupported: it was made by a newer version, or by another program; storage: anything else.
  static Result<std::unique_ptr<SqliteStore>> open(const SqliteOptions& options, Post post);
  ~SqliteStore() override;
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;

  Result<StoreInfo> load(const std::function<void(const Write&)>& each) override;
  void commit(Batch batch, Callback<void> done) override;
  void changes_since(Revision after, Revision up_to, std::size_t limit, Callback<ChangeLogPage> done) override;
  void backup(std::string path, Progress progress, Callback<BackupCopy> done) override;
  AuditLedger& ledger() override { return *this; }

 private:
  SqliteStore(SqliteOptions options, Post post, FileLock lock);
  void enqueue(std::function<void()> job);
  void work();

  Result<void> write(const Batch& batch);

  // --- sqlite_store_failure.cpp ---
  static Error error_of(const std::exception& failure, const std::string& doing);
  // Runs `job` on an open session; opens one first if a failure has closed the last, and closes it if `job` leaves
  // doubt.
  Result<void> on_session(const std::string& doing, const std::function<void(SqliteSession&)>& job);
  // The same for work that nobody waits for: failures go to the log.
  void tend_wal(const std::function<void(SqliteSession&)>& job);
  void close_in_doubt();
  // Opens the file anew and checks that it is what memory was built on: it ends with the last batch that was answered
  // as durable, or with the one `under_way`, which has not been answered yet.
  Result<void> reopen(Revision under_way);
  static constexpr Revision no_batch = 0;
  std::unique_ptr<SqliteSession> checked_session() const;

  // sqlite_store_ledger.cpp
  AuditHead head() const override;
  void read(AuditQuery query, Callback<AuditPage> done) override;
  void verify(AuditSeq after, std::size_t limit, Callback<AuditVerdict> done) override;
  void prune(AuditPrune cut, Callback<AuditPruned> done) override;
  void prune_slice(const AuditPrune& cut, AuditSeq began, AuditPruned so_far, Callback<AuditPruned> done);
  // What the open session's ledger ends with.
  void ledger_committed();
  // On the store's thread; failures become errors.
  template <class T>
  void ask_ledger(std::string doing, std::function<Result<T>(SqliteLedger&)> ask, Callback<T> done);

  SqliteOptions options_;
  Post post_;
  FileLock lock_;
  std::unique_ptr<SqliteSession> session_;  // none: the disk has failed, and did not come back yet
  Revision stored_ = 0;                     // of the last batch that was answered as durable
  SqliteBackup backup_;

  mutable std::mutex head_mutex_;  // of head_
  AuditHead head_;
  std::mutex mutex_;  // of the two below
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::condition_variable wake_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace mooring::controller
