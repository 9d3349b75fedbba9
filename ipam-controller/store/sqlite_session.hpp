// One opening of the store's file: connection, tables, prepared statements. SqliteStore has one at a time, and takes a
// new one when the disk has left it in doubt about what is there.
//
// Errors: SqliteFailure, UnsupportedFile, std::runtime_error. Threading: one thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ipam-controller/app/ports.hpp"
#include "ipam-controller/store/sqlite.hpp"
#include "ipam-controller/store/sqlite_change_log.hpp"
#include "ipam-controller/store/sqlite_event_log.hpp"
#include "ipam-controller/store/sqlite_ledger.hpp"
#include "ipam-controller/store/sqlite_rows.hpp"
#include "ipam-controller/store/sqlite_schema.hpp"

namespace mooring::controller {

struct SqliteOptions {
  std::string path = "/var/lib/mooring/controller.db";  // PATH-wal, PATH-shm and PATH.lock appear beside it
  std::size_t change_log_limit = 1'000'000;             // changes kept
  std::size_t max_pages = 0;                            // of 4096 bytes; 0: no bound. For tests of a full disk
  // The WAL is moved into the database when nobody waits and it has grown to this (4 MiB), and in any case at that
  // (64 MiB). In pages.
  int wal_pages_when_idle = 1000;
  int wal_pages_at_most = 16000;
  std::string vfs;  // of SQLite; "": the operating system's files
};

class SqliteSession {
 public:
  // Makes the WAL durable, opens the file, brings its tables to today's format.
  explicit SqliteSession(const SqliteOptions& options);

  const SchemaChange& schema_change() const { return change_; }
  StoreInfo info();  // without events and cursors
  std::vector<EventRecord> events() { return events_.load(); }
  WebhookCursors cursors() { return events_.load_cursors(); }
  void load(const std::function<void(const Write&)>& each) { rows_.load(each); }
  // One transaction; nothing of it is there after a failure that does not leave doubt.
  void write(const Batch& batch);
  ChangeLogPage changes(Revision after, Revision up_to, std::size_t limit) { return log_.read(after, up_to, limit); }
  SqliteLedger& ledger() { return ledger_; }
  // One transaction; see SqliteLedger::prune.
  SqliteLedger::Slice prune(const AuditPrune& cut, AuditSeq began, std::uint64_t most);
  // From the WAL into the database, if it is time: earlier when nobody waits.
  void move_wal(bool idle);
  // The disk is full: gives the WAL's space back, if the database has room for its content.
  void shrink_wal() { connection_.checkpoint(true); }
  void renew_incarnation();
  // Throws a SqliteFailure if the file is not sound. Reads all of it.
  void check();
  // The file is as it was left: after a failure there is nothing to be written.
  void abandon() { connection_.leave_wal_on_close(); }

 private:
  // Whole, or rolled back.
  void in_transaction(const std::function<void()>& work);

  int wal_pages_when_idle_;
  int wal_pages_at_most_;
  SqliteConnection connection_;
  SchemaChange change_;
  SqliteRows rows_;
  SqliteChangeLog log_;
  SqliteLedger ledger_;
  SqliteEventLog events_;
};

}  // namespace mooring::controller
