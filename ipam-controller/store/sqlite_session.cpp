#include "ipam-controller/store/sqlite_session.hpp"

#include <stdexcept>

#include <fmt/format.h>

#include "ipam-controller/store/incarnation.hpp"
#include "ipam-controller/store/sqlite_copy.hpp"
#include "ipam-controller/store/sqlite_wal.hpp"

namespace mooring::controller {
namespace {

const std::string& with_durable_wal(const SqliteOptions& options) {
  make_wal_durable(options.path, options.vfs);
  return options.path;
}

SchemaChange prepare(SqliteConnection& db, const SqliteOptions& options) {
  db.execute("PRAGMA busy_timeout = 5000");
  if (const std::string mode = db.query_text("PRAGMA journal_mode = WAL"); mode != "wal") {
    throw std::runtime_error(fmt::format("the file system has no shared memory for WAL (journal mode {})", mode));
  }
  db.execute("PRAGMA synchronous = FULL");
  // No "PRAGMA wal_autocheckpoint": even = 0 takes away the hook by which the connection counts the WAL's pages, and
  // the hook alone keeps SQLite from moving the WAL by itself.
  db.execute("PRAGMA journal_size_limit = 67108864");
  db.execute("PRAGMA cache_size = -65536");
  db.execute("PRAGMA temp_store = MEMORY");
  db.execute("PRAGMA secure_delete = FAST");  // Debian's default writes pages of erased rows once more
  SchemaChange change = prepare_schema(db, options.path, current_schema());
  db.execute("PRAGMA foreign_keys = ON");
  if (options.max_pages != 0) {
    db.execute(fmt::format("PRAGMA max_page_count = {}", options.max_pages));
  }
  return change;
}

}  // namespace

SqliteSession::SqliteSession(const SqliteOptions& options)
    : wal_pages_when_idle_(options.wal_pages_when_idle),
      wal_pages_at_most_(options.wal_pages_at_most),
      connection_(with_durable_wal(options), options.vfs),
      change_(prepare(connection_, options)),
      rows_(connection_),
      log_(connection_, options.change_log_limit),
      ledger_(connection_),
      events_(connection_) {}

StoreInfo SqliteSession::info() {
  StoreInfo info;
  info.incarnation = connection_.query_text("SELECT incarnation FROM meta");
  info.revision = static_cast<Revision>(connection_.query_number("SELECT revision FROM meta"));
  info.now_ms = connection_.query_number("SELECT now_ms FROM meta");
  info.restoring = connection_.query_number("SELECT restoring FROM meta") != 0;
  return info;
}

void SqliteSession::in_transaction(const std::function<void()>& work) {
  try {
    connection_.execute("BEGIN IMMEDIATE");
    work();
    connection_.execute("COMMIT");
  } catch (...) {
    // SQLite rolls back by itself after some errors, and not after others.
    if (connection_.in_transaction()) {
      connection_.execute("ROLLBACK");
    }
    throw;
  }
}

void SqliteSession::write(const Batch& batch) {
  SqliteChangeLog::Extent extent;
  LedgerHead head;
  in_transaction([&] {
    for (const Write& row : batch.writes) {
      rows_.write(row);
    }
    extent = log_.append(batch.revision, batch.now_ms, batch.changes);
    head = ledger_.append(batch.audit);
    events_.append(batch.events);
    if (batch.cursors) {
      events_.keep(*batch.cursors);
    }
    if (batch.restored) {
      extent = log_.forget(batch.revision);
      connection_.execute("UPDATE meta SET restoring = 0");
    }
  });
  log_.committed(extent);
  ledger_.committed(std::move(head));
}

SqliteLedger::Slice SqliteSession::prune(const AuditPrune& cut, AuditSeq began, std::uint64_t most) {
  SqliteLedger::Slice slice;
  in_transaction([&] { slice = ledger_.prune(cut, began, most); });
  ledger_.committed(slice.head);
  return slice;
}

void SqliteSession::renew_incarnation() {
  connection_.execute(fmt::format("UPDATE meta SET incarnation = '{}'", new_incarnation()));
}

void SqliteSession::check() {
  check_integrity(connection_);
}

void SqliteSession::move_wal(bool idle) {
  if (connection_.wal_pages() >= (idle ? wal_pages_when_idle_ : wal_pages_at_most_)) {
    connection_.checkpoint(false);
  }
}

}  // namespace mooring::controller
