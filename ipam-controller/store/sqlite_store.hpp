// The store on one machine: SQLite in WAL mode with synchronous=FULL, so that what was answered survives kill -9 and
// power loss. One thread of its own does all of the work; one transaction a batch. docs/storage.md has the reasons.
//
// Threading: as Store. Errors: Errc::storage, with SQLite's words and the way out; start errors name the file.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "ipam-controller/app/ports.hpp"
#include "ipam-controller/store/file_lock.hpp"

namespace mooring::controller {

class SqliteConnection;
class SqliteRows;
class SqliteChangeLog;
class SqliteLedger;
struct LedgerHead;
class SqliteEventLog;

struct SqliteOptions {
  std::string path = "/var/lib/mooring/controller.db";  // PATH-wal, PATH-shm and PATH.lock appear beside it
  std::size_t change_log_limit = 1'000'000;             // changes kept
  std::size_t max_pages = 0;                            // of 4096 bytes; 0: no bound. For tests of a full disk
};

class SqliteStore : public Store, private AuditLedger {
 public:
  // Opens the file and makes it if it is not there. conflict: another process uses it; unsupported: it was made by a
  // newer version, or by another program; storage: anything else.
  static Result<std::unique_ptr<SqliteStore>> open(const SqliteOptions& options, Post post);
  ~SqliteStore() override;
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;

  Result<StoreInfo> load(const std::function<void(const Write&)>& each) override;
  void commit(Batch batch, Callback<void> done) override;
  void changes_since(Revision after, Revision up_to, std::size_t limit, Callback<ChangeLogPage> done) override;
  AuditLedger& ledger() override { return *this; }

 private:
  SqliteStore(SqliteOptions options, Post post, FileLock lock);
  void open_database();
  void enqueue(std::function<void()> job);
  void work();
  void write(const Batch& batch);
  Error error_of(const std::exception& failure, const std::string& doing) const;
  void move_wal(bool idle);

  // sqlite_store_ledger.cpp
  AuditHead head() const override;
  void read(AuditQuery query, Callback<AuditPage> done) override;
  void verify(AuditSeq after, std::size_t limit, Callback<AuditVerdict> done) override;
  void prune(AuditPrune cut, Callback<AuditPruned> done) override;
  void prune_slice(const AuditPrune& cut, AuditSeq began, AuditPruned so_far, Callback<AuditPruned> done);
  void ledger_committed(const LedgerHead& head);
  // On the store's thread; exceptions become errors.
  template <class T>
  void ask_ledger(std::string doing, std::function<Result<T>()> ask, Callback<T> done);

  SqliteOptions options_;
  Post post_;
  FileLock lock_;
  std::unique_ptr<SqliteConnection> connection_;
  std::unique_ptr<SqliteRows> rows_;
  std::unique_ptr<SqliteChangeLog> log_;
  std::unique_ptr<SqliteLedger> ledger_;
  std::unique_ptr<SqliteEventLog> events_;

  mutable std::mutex head_mutex_;  // of head_
  AuditHead head_;
  std::mutex mutex_;  // of the two below
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::condition_variable wake_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace mooring::controller
