// How each object is a row of schema.sql: one set of prepared statements for each table.
//
// Errors: SqliteFailure; std::runtime_error for a row that does not parse (it names table and key).
// Threading: one thread at a time.
#pragma once

#include <functional>
#include <memory>

#include "ipam-controller/app/ports.hpp"
#include "ipam-controller/store/sqlite.hpp"

namespace mooring::controller {

class SqliteRows {
 public:
  explicit SqliteRows(SqliteConnection& connection);
  ~SqliteRows();

  void write(const Write& row);
  // Every row, an object after those it refers to.
  void load(const std::function<void(const Write&)>& each);

 private:
  struct Tables;
  std::unique_ptr<Tables> tables_;
};

}  // namespace mooring::controller
