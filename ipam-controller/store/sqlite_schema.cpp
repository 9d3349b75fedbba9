#include "ipam-controller/store/sqlite_schema.hpp"

#include <array>
#include <filesystem>
#include <utility>

#include <fmt/format.h>
#include <sqlite3.h>

#include "ipam-controller/store/incarnation.hpp"
#include "ipam-controller/store/sqlite_copy.hpp"
#include "ipam-controller/store/sqlite_format_2.hpp"

namespace mooring::controller {
namespace {

constexpr std::int64_t application_id = 0x6d6f6f72;  // "moor"

std::string backup_name(const std::string& path, std::int64_t version) {
  return fmt::format("{}.before-v{}", path, version);
}

void make_tables(SqliteConnection& db, const Schema& schema) {
  db.execute(schema.tables);
  db.execute(
      fmt::format("INSERT INTO meta (id, incarnation, revision, now_ms, log_changes, log_trimmed, restoring) "
                  "VALUES (1, '{}', 0, 0, 0, 0, 0)",
                  new_incarnation()));
  db.execute(fmt::format("PRAGMA application_id = {}", application_id));
}

void check_foreign_keys(SqliteConnection& db) {
  SqliteStatement check(db, "PRAGMA foreign_key_check");
  if (check.step()) {
    const std::string table = check.text();
    throw SqliteFailure(
        SQLITE_CORRUPT, 0,
        fmt::format("bringing the tables to a new format: a row of table {} refers to one that is not there", table));
  }
}

void run_steps(SqliteConnection& db, std::int64_t from, const Schema& schema) {
  for (const SchemaStep& step : schema.steps) {
    if (step.version > from) {
      step.run(db);
    }
  }
  check_foreign_keys(db);
}

// The oldest of the copies that newer versions made before they changed the format is one that we know.
std::string way_back(const std::string& path, std::int64_t ours, std::int64_t theirs) {
  std::string hint = "run the version that made it, or give another --store";
  for (std::int64_t version = ours + 1; version <= theirs; ++version) {
    const std::string copy = backup_name(path, version);
    if (std::filesystem::exists(copy)) {
      return fmt::format(
          "{}; or go back to the copy made before format {}, and lose what changed since: "
          "mooring-controller restore --force --store {} --from {}",
          hint, version, path, copy);
    }
  }
  return hint;
}

}  // namespace

const Schema& current_schema() {
  static constexpr std::array steps{SchemaStep{2, &to_format_2}};
  static const Schema schema{steps.back().version, schema_text, steps};
  return schema;
}

std::int64_t format_of(SqliteConnection& db, const std::string& path, const Schema& schema) {
  const auto version = db.query_number("PRAGMA user_version");
  const auto application = db.query_number("PRAGMA application_id");
  if (application == 0 && version == 0 && db.query_number("SELECT count(*) FROM sqlite_master") == 0) {
    return 0;
  }
  if (application != application_id || version < 1) {
    throw UnsupportedFile("it is the database of another program", "give another --store");
  }
  if (version > schema.version) {
    throw UnsupportedFile(fmt::format("it has the format {}, and this mooring-controller ({}) knows formats up to {}",
                                      version, MOORING_VERSION, schema.version),
                          way_back(path, schema.version, version));
  }
  return version;
}

namespace {

// From format `from` (0: none yet), whole or not at all.
void change_format(SqliteConnection& db, std::int64_t from, const Schema& schema) {
  db.execute("BEGIN IMMEDIATE");
  try {
    if (from == 0) {
      make_tables(db, schema);
    } else {
      run_steps(db, from, schema);
    }
    db.execute(fmt::format("PRAGMA user_version = {}", schema.version));
    db.execute("COMMIT");
  } catch (...) {
    if (db.in_transaction()) {
      db.execute("ROLLBACK");
    }
    throw;
  }
}

}  // namespace

SchemaChange prepare_schema(SqliteConnection& db, const std::string& path, const Schema& schema) {
  SchemaChange change;
  change.from = format_of(db, path, schema);
  change.to = schema.version;
  if (change.from == change.to) {
    return change;
  }
  if (change.from != 0) {
    change.backup = backup_name(path, change.to);
    copy_database(db, change.backup, [](std::int64_t, std::int64_t) { return true; });
  }
  change_format(db, change.from, schema);
  return change;
}

void migrate(SqliteConnection& db, const Schema& schema) {
  const auto from = db.query_number("PRAGMA user_version");
  if (from != schema.version) {
    change_format(db, from, schema);
  }
}

}  // namespace mooring::controller
