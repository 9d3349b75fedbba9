// The format of the store's file: made in an empty one, brought up to date in an old one, refused in a newer one.
//
// A new format is a changed schema.sql and one step that leads an old file there. Steps are never changed once a
// version of Mooring that knows them is out: tests/component/controller_store_migration.cpp opens a file of every old
// format.
//
// Errors: SqliteFailure, UnsupportedFile. Threading: the thread of the connection.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>

#include "ipam-controller/store/sqlite.hpp"

namespace mooring::controller {

struct SchemaStep {
  std::int64_t version;  // that it leads to, from the one before
  void (*run)(SqliteConnection& connection);
};

struct Schema {
  std::int64_t version;
  const char* tables;                 // schema.sql
  std::span<const SchemaStep> steps;  // in order; the last leads to `version`
};
const Schema& current_schema();

// It is not ours to open: the database of another program, or of a newer version.
class UnsupportedFile : public std::runtime_error {
 public:
  UnsupportedFile(const std::string& what, std::string hint_) : std::runtime_error(what), hint(std::move(hint_)) {}
  std::string hint;
};

// The file's format; 0: it is empty. Throws UnsupportedFile if it is another program's, or newer than `schema`.
std::int64_t format_of(SqliteConnection& connection, const std::string& path, const Schema& schema);

// What became of the file.
struct SchemaChange {
  std::int64_t from = 0;  // 0: it was empty
  std::int64_t to = 0;
  std::string backup;  // "": nothing was there to be lost
};

// Brings the file at `path` to `schema`, in one transaction. An old one is copied to PATH.before-vN first. Foreign keys
// must not be enforced yet: they are checked at the end.
SchemaChange prepare_schema(SqliteConnection& connection, const std::string& path, const Schema& schema);
// The steps alone, of a file that is a copy itself.
void migrate(SqliteConnection& connection, const Schema& schema);

}  // namespace mooring::controller
