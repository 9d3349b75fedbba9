#include "ipam-controller/store/sqlite.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

namespace mooring::controller {

bool SqliteFailure::disk_full() const {
  return code_ == SQLITE_FULL;
}

std::string SqliteFailure::hint() const {
  switch (code_) {
    case SQLITE_FULL:
      return "make space on the disk; the controller goes on by itself";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "another program holds the database in a transaction: end it (a sqlite3 shell?)";
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return "look at the permissions of the file and its folder, and at how the file system is mounted";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "the file is damaged: restore a backup";
    case SQLITE_CONSTRAINT:
      return "this is a bug in mooring-controller: report it";
    default:
      return "look at the disk: dmesg";
  }
}

SqliteConnection::SqliteConnection(const std::string& path) {
  const int result = sqlite3_open_v2(path.c_str(), &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  if (result != SQLITE_OK) {
    const SqliteFailure failure(result, handle_ == nullptr ? sqlite3_errstr(result) : sqlite3_errmsg(handle_));
    sqlite3_close(handle_);
    throw failure;
  }
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
  throw SqliteFailure(code & 0xff, fmt::format("{}: {}", doing, sqlite3_errmsg(handle_)));
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
  if (sqlite3_wal_checkpoint_v2(handle_, nullptr, mode, &pages, &done) != SQLITE_OK || pages != done) {
    return false;
  }
  wal_pages_ = 0;
  return true;
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
