// The little of SQLite's C interface that the store uses, with owners instead of pointers. The only files that include
// sqlite3.h are store/sqlite*.
//
// Errors: SqliteFailure, an exception that does not leave store/. Threading: one thread at a time.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace mooring::controller {

class SqliteFailure : public std::runtime_error {
 public:
  SqliteFailure(int result_code, const std::string& what) : std::runtime_error(what), code_(result_code) {}
  int code() const { return code_; }  // SQLITE_FULL, …: the primary code
  bool disk_full() const;
  // What an operator can do about it.
  std::string hint() const;

 private:
  int code_;
};

class SqliteStatement;

class SqliteConnection {
 public:
  // Opens (and makes) the file.
  explicit SqliteConnection(const std::string& path);
  ~SqliteConnection();
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  void execute(const std::string& sql);
  std::string query_text(const std::string& sql);
  std::int64_t query_number(const std::string& sql);
  bool in_transaction() const;
  std::int64_t rows_changed() const;
  // Pages of the WAL after the last commit.
  int wal_pages() const { return wal_pages_; }
  // Moves what it can from the WAL into the database without waiting for anybody; false: not all of it.
  bool checkpoint(bool truncate);

 private:
  friend class SqliteStatement;
  [[noreturn]] void fail(int code, std::string_view doing) const;

  sqlite3* handle_ = nullptr;
  int wal_pages_ = 0;
};

// A prepared statement. bind() in the order of the question marks, then step() until false, or run().
class SqliteStatement {
 public:
  SqliteStatement(SqliteConnection& connection, const std::string& sql);
  ~SqliteStatement();
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  SqliteStatement& bind(std::string_view text);
  SqliteStatement& bind(std::uint64_t number);
  SqliteStatement& bind_blob(std::string_view bytes);
  // True: a row is there to be read.
  bool step();
  // Steps to the end and gets ready for the next bind(); also after a failure.
  void run();
  void reset();

  // Columns are read left to right.
  std::string text();
  std::uint64_t number();
  std::string blob();

 private:
  SqliteConnection& connection_;
  sqlite3_stmt* handle_ = nullptr;
  int bound_ = 0;
  int read_ = 0;
};

}  // namespace mooring::controller
