#include "ipam-controller/store/sqlite_store.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "ipam-controller/store/incarnation.hpp"
#include "ipam-controller/store/sqlite.hpp"
#include "ipam-controller/store/sqlite_change_log.hpp"
#include "ipam-controller/store/sqlite_event_log.hpp"
#include "ipam-controller/store/sqlite_ledger.hpp"
#include "ipam-controller/store/sqlite_rows.hpp"

namespace mooring::controller {
namespace {

constexpr std::int64_t application_id = 0x6d6f6f72;  // "moor"
constexpr std::int64_t schema_version = 2;

constexpr const char* schema =
#include "ipam-controller/store/schema.sql"
    ;

// The WAL is moved into the database when nobody waits and it has grown to 4 MiB, and in any case at 64 MiB.
constexpr int wal_pages_when_idle = 1000;
constexpr int wal_pages_at_most = 16000;

// SQLite syncs its files; that a new file has a name is up to us. It is made with mode 0600: it says who runs where.
Result<void> make_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) {
    return Error(Errc::storage, std::strerror(errno), "make the folder, and let the controller write to it");
  }
  ::close(file);
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const int parent = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (parent >= 0) {
    ::fsync(parent);
    ::close(parent);
  }
  return ok();
}

class UnsupportedFile : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

void make_tables(SqliteConnection& db) {
  db.execute("BEGIN IMMEDIATE");
  db.execute(schema);
  db.execute(fmt::format("INSERT INTO meta VALUES (1, '{}', 0, 0, 0, 0)", new_incarnation()));
  db.execute(fmt::format("PRAGMA application_id = {}", application_id));
  db.execute(fmt::format("PRAGMA user_version = {}", schema_version));
  db.execute("COMMIT");
}

void check_or_make_tables(SqliteConnection& db) {
  const auto version = db.query_number("PRAGMA user_version");
  const auto application = db.query_number("PRAGMA application_id");
  const bool empty = db.query_number("SELECT count(*) FROM sqlite_master") == 0;
  if (empty && application == 0 && version == 0) {
    make_tables(db);
    return;
  }
  if (application != application_id) {
    throw UnsupportedFile("it is the database of another program");
  }
  if (version != schema_version) {
    throw UnsupportedFile(fmt::format("it has the format {}, and this mooring-controller ({}) knows the format {}",
                                      version, MOORING_VERSION, schema_version));
  }
}

}  // namespace

SqliteStore::SqliteStore(SqliteOptions options, Post post, FileLock lock)
    : options_(std::move(options)), post_(std::move(post)), lock_(std::move(lock)) {}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const SqliteOptions& options, Post post) {
  const std::string doing = fmt::format("opening the store {}", options.path);
  auto lock = FileLock::acquire(options.path + ".lock");
  if (!lock) {
    return lock.error().within(doing);
  }
  if (auto made = make_file(options.path); !made) {
    return made.error().within(doing);
  }
  std::unique_ptr<SqliteStore> store(new SqliteStore(options, std::move(post), std::move(*lock)));
  try {
    store->open_database();
  } catch (const UnsupportedFile& file) {
    return Error(Errc::unsupported, fmt::format("{}: {}", doing, file.what()),
                 "run the version that made it, or give another --store");
  } catch (const std::exception& failure) {
    return store->error_of(failure, doing);
  }
  store->thread_ = std::thread(&SqliteStore::work, store.get());
  return store;
}

void SqliteStore::open_database() {
  connection_ = std::make_unique<SqliteConnection>(options_.path);
  SqliteConnection& db = *connection_;
  db.execute("PRAGMA busy_timeout = 5000");
  if (const std::string mode = db.query_text("PRAGMA journal_mode = WAL"); mode != "wal") {
    throw std::runtime_error(fmt::format("the file system has no shared memory for WAL (journal mode {})", mode));
  }
  db.execute("PRAGMA synchronous = FULL");
  db.execute("PRAGMA foreign_keys = ON");
  db.execute("PRAGMA wal_autocheckpoint = 0");
  db.execute("PRAGMA journal_size_limit = 67108864");
  db.execute("PRAGMA cache_size = -65536");
  db.execute("PRAGMA temp_store = MEMORY");
  check_or_make_tables(db);
  if (options_.max_pages != 0) {
    db.execute(fmt::format("PRAGMA max_page_count = {}", options_.max_pages));
  }
  rows_ = std::make_unique<SqliteRows>(db);
  log_ = std::make_unique<SqliteChangeLog>(db, options_.change_log_limit);
  ledger_ = std::make_unique<SqliteLedger>(db);
  ledger_committed(ledger_->head());
  events_ = std::make_unique<SqliteEventLog>(db);
}

SqliteStore::~SqliteStore() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) {
    thread_.join();
  }
}

Error SqliteStore::error_of(const std::exception& failure, const std::string& doing) const {
  const auto* sqlite = dynamic_cast<const SqliteFailure*>(&failure);
  return Error(Errc::storage, fmt::format("{}: {}", doing, failure.what()),
               sqlite != nullptr ? sqlite->hint() : "the file is damaged, or not local: restore a backup, or move it");
}

Result<StoreInfo> SqliteStore::load(const std::function<void(const Write&)>& each) {
  try {
    rows_->load(each);
    return StoreInfo{connection_->query_text("SELECT incarnation FROM meta"),
                     static_cast<Revision>(connection_->query_number("SELECT revision FROM meta")),
                     connection_->query_number("SELECT now_ms FROM meta"), events_->load(), events_->load_cursors()};
  } catch (const std::exception& failure) {
    return error_of(failure, fmt::format("loading the store {}", options_.path));
  }
}

void SqliteStore::commit(Batch batch, Callback<void> done) {
  enqueue([this, batch = std::move(batch), done = std::move(done)] {
    Result<void> outcome = ok();
    try {
      write(batch);
    } catch (const std::exception& failure) {
      outcome = error_of(failure, fmt::format("writing to the store {}", options_.path));
      spdlog::error("revision {} is not stored: {}", batch.revision, outcome.error().text());
      const auto* sqlite = dynamic_cast<const SqliteFailure*>(&failure);
      if (sqlite != nullptr && sqlite->disk_full()) {
        connection_->checkpoint(true);  // gives the WAL's space back, if the database has room for its content
      }
    }
    post_([done, outcome] { done(outcome); });
    move_wal(false);
  });
}

void SqliteStore::write(const Batch& batch) {
  SqliteConnection& db = *connection_;
  try {
    db.execute("BEGIN IMMEDIATE");
    for (const Write& row : batch.writes) {
      rows_->write(row);
    }
    const auto extent = log_->append(batch.revision, batch.now_ms, batch.changes);
    const LedgerHead head = ledger_->append(batch.audit);
    events_->append(batch.events);
    if (batch.cursors) {
      events_->keep(*batch.cursors);
    }
    db.execute("COMMIT");
    log_->committed(extent);
    ledger_committed(head);
  } catch (...) {
    // SQLite rolls back by itself after some errors, and not after others.
    if (db.in_transaction()) {
      db.execute("ROLLBACK");
    }
    throw;
  }
}

void SqliteStore::changes_since(Revision after, Revision up_to, std::size_t limit, Callback<ChangeLogPage> done) {
  enqueue([this, after, up_to, limit, done = std::move(done)] {
    Result<ChangeLogPage> page = ChangeLogPage{};
    try {
      page = log_->read(after, up_to, limit);
    } catch (const std::exception& failure) {
      page = error_of(failure, fmt::format("reading the change log of {}", options_.path));
      spdlog::error("{}", page.error().text());
    }
    post_([done, page = std::move(page)] { done(page); });
  });
}

void SqliteStore::enqueue(std::function<void()> job) {
  {
    const std::lock_guard guard(mutex_);
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void SqliteStore::work() {
  std::unique_lock guard(mutex_);
  while (true) {
    if (jobs_.empty() && !stopping_) {
      guard.unlock();
      move_wal(true);
      guard.lock();
      wake_.wait(guard, [this] { return stopping_ || !jobs_.empty(); });
    }
    if (jobs_.empty()) {
      return;
    }
    const std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    guard.unlock();
    job();
    guard.lock();
  }
}

void SqliteStore::move_wal(bool idle) {
  if (connection_->wal_pages() >= (idle ? wal_pages_when_idle : wal_pages_at_most)) {
    connection_->checkpoint(false);
  }
}

}  // namespace mooring::controller
