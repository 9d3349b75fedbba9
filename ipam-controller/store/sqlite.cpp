#include "ipam-controller/store/sqlite.hpp"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sqlite3.h>

namespace mooring::controller {

namespace {

constexpr int primary = 0xff;  // of an extended result code

int open_flags(SqliteConnection::Mode mode) {
  switch (mode) {
    case SqliteConnection::Mode::read_only:
      return SQLITE_OPEN_READONLY;
    case SqliteConnection::Mode::read_write:
      return SQLITE_OPEN_READWRITE;
    case SqliteConnection::Mode::create:
      break;
  }
  return SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
}

std::string with_cause(std::string text, int system_error) {
  return system_error == 0 ? text : fmt::format("{} ({})", text, std::strerror(system_error));
}

}  // namespace

SqliteFailure::SqliteFailure(int result_code, int system_error, const std::string& what)
    : std::runtime_error(with_cause(what, system_error)), code_(result_code & primary), system_error_(system_error) {}

bool SqliteFailure::disk_full() const {
  return code_ == SQLITE_FULL || (code_ == SQLITE_IOERR && (system_error_ == ENOSPC || system_error_ == EDQUOT));
}

bool SqliteFailure::leaves_doubt() const {
  return code_ == SQLITE_IOERR || code_ == SQLITE_CORRUPT || code_ == SQLITE_NOTADB;
}

std::string SqliteFailure::hint() const {
  if (disk_full()) {
    return "make space on the disk; the controller goes on by itself";
  }
  switch (code_) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "another program holds the database in a transaction: end it (a sqlite3 shell?)";
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return "look at the permissions of the file and its folder, and at how the file system is mounted";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "the file is damaged: restore a backup (mooring-controller restore --help)";
    case SQLITE_CONSTRAINT:
      return "this is a bug in mooring-controller: report it";
    default:
      return "look at the disk: dmesg";
  }
}

SqliteConnection::SqliteConnection(const std::string& path, const std::string& vfs, Mode mode) {
  const int result = sqlite3_open_v2(path.c_str(), &handle_, open_flags(mode) | SQLITE_OPEN_NOMUTEX,
                                     vfs.empty() ? nullptr : vfs.c_str());
  if (result != SQLITE_OK) {
    const SqliteFailure failure(result, system_error(result),
                                handle_ == nullptr ? sqlite3_errstr(result) : sqlite3_errmsg(handle_));
    sqlite3_close(handle_);
    throw failure;
  }
  sqlite3_extended_result_codes(handle_, 1);
  sqlite3_wal_hook(
      handle_,
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<SqliteConnection*>(self)->wal_pages_ = pages;
        return SQLITE_OK;
      },
      this);
}

SqliteConnection::~SqliteConnection() {
  sqlite3_close(handle_);
}

void SqliteConnection::fail(int code, std::string_view doing) const {
  throw SqliteFailure(code, system_error(code), fmt::format("{}: {}", doing, sqlite3_errmsg(handle_)));
}

// SQLite keeps errno for most failures, not for those of a COMMIT: then it is still the thread's own.
int SqliteConnection::system_error(int code) const {
  const bool of_system = (code & primary) == SQLITE_IOERR || (code & primary) == SQLITE_CANTOPEN;
  if (!of_system || handle_ == nullptr) {
    return 0;
  }
  if (const int kept = sqlite3_system_errno(handle_); kept != 0) {
    return kept;
  }
  sqlite3_vfs* vfs = nullptr;
  sqlite3_file_control(handle_, "main", SQLITE_FCNTL_VFS_POINTER, &vfs);
  const int last = vfs == nullptr ? 0 : vfs->xGetLastError(vfs, 0, nullptr);
  const bool of_disk = last == EIO || last == ENOSPC || last == EDQUOT || last == EROFS;
  return of_disk ? last : 0;
}

void SqliteConnection::execute(const std::string& sql) {
  const int result = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) {
    fail(result, sql.substr(0, 60));
  }
}

std::string SqliteConnection::query_text(const std::string& sql) {
  SqliteStatement statement(*this, sql);
  return statement.step() ? statement.text() : std::string();
}

std::int64_t SqliteConnection::query_number(const std::string& sql) {
  SqliteStatement statement(*this, sql);
  return statement.step() ? static_cast<std::int64_t>(statement.number()) : 0;
}

bool SqliteConnection::in_transaction() const {
  return sqlite3_get_autocommit(handle_) == 0;
}

std::int64_t SqliteConnection::rows_changed() const {
  return sqlite3_changes64(handle_);
}

bool SqliteConnection::checkpoint(bool truncate) {
  int pages = 0;
  int done = 0;
  const int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  const int result = sqlite3_wal_checkpoint_v2(handle_, nullptr, mode, &pages, &done);
  if (result != SQLITE_OK && (result & primary) != SQLITE_BUSY) {
    fail(result, "moving the WAL into the database");
  }
  if (result != SQLITE_OK || pages != done) {
    return false;
  }
  wal_pages_ = 0;
  return true;
}

void SqliteConnection::leave_wal_on_close() {
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

bool SqliteConnection::copy_to(SqliteConnection& target, int pages, const CopyStep& step) {
  sqlite3_backup* copy = sqlite3_backup_init(target.handle_, "main", handle_, "main");
  if (copy == nullptr) {
    target.fail(sqlite3_extended_errcode(target.handle_), "copying the database");
  }
  int result = SQLITE_OK;
  bool wanted = true;
  while (wanted && result == SQLITE_OK) {
    result = sqlite3_backup_step(copy, pages);
    const std::int64_t total = sqlite3_backup_pagecount(copy);
    wanted = step(total - sqlite3_backup_remaining(copy), total);
  }
  sqlite3_backup_finish(copy);  // repeats the error of the last step
  if (result != SQLITE_OK && result != SQLITE_DONE) {
    const int cause = system_error(result) != 0 ? system_error(result) : target.system_error(result);
    throw SqliteFailure(result, cause, fmt::format("copying the database: {}", sqlite3_errstr(result)));
  }
  return result == SQLITE_DONE;
}

SqliteStatement::SqliteStatement(SqliteConnection& connection, const std::string& sql) : connection_(connection) {
  const int result = sqlite3_prepare_v3(connection.handle_, sql.c_str(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &handle_, nullptr);
  if (result != SQLITE_OK) {
    connection.fail(result, sql.substr(0, 60));
  }
}

SqliteStatement::~SqliteStatement() {
  sqlite3_finalize(handle_);
}

SqliteStatement& SqliteStatement::bind(std::string_view text) {
  // A null pointer would bind NULL.
  const char* data = text.data() == nullptr ? "" : text.data();
  const int result = sqlite3_bind_text64(handle_, ++bound_, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (result != SQLITE_OK) {
    connection_.fail(result, "binding a text");
  }
  return *this;
}

SqliteStatement& SqliteStatement::bind(std::uint64_t number) {
  const int result = sqlite3_bind_int64(handle_, ++bound_, static_cast<std::int64_t>(number));
  if (result != SQLITE_OK) {
    connection_.fail(result, "binding a number");
  }
  return *this;
}

SqliteStatement& SqliteStatement::bind_blob(std::string_view bytes) {
  const int result = sqlite3_bind_blob64(handle_, ++bound_, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
  if (result != SQLITE_OK) {
    connection_.fail(result, "binding bytes");
  }
  return *this;
}

bool SqliteStatement::step() {
  read_ = 0;
  const int result = sqlite3_step(handle_);
  if (result == SQLITE_ROW) {
    return true;
  }
  if (result != SQLITE_DONE) {
    connection_.fail(result, std::string_view(sqlite3_sql(handle_)).substr(0, 60));
  }
  return false;
}

void SqliteStatement::run() {
  struct Reset {
    SqliteStatement& statement;
    ~Reset() { statement.reset(); }
  } const at_end{*this};
  while (step()) {
  }
}

void SqliteStatement::reset() {
  sqlite3_reset(handle_);  // repeats the error of step(), which has been thrown
  bound_ = 0;
}

std::string SqliteStatement::text() {
  const int column = read_++;
  const auto* data = sqlite3_column_text(handle_, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(handle_, column));
  return data == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(data), size);
}

std::uint64_t SqliteStatement::number() {
  return static_cast<std::uint64_t>(sqlite3_column_int64(handle_, read_++));
}

std::string SqliteStatement::blob() {
  const int column = read_++;
  const void* data = sqlite3_column_blob(handle_, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(handle_, column));
  return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
}

}  // namespace mooring::controller
