#include "ipam-controller/store/sqlite_restore.hpp"

#include <chrono>
#include <filesystem>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "ipam-controller/store/file_lock.hpp"
#include "ipam-controller/store/incarnation.hpp"
#include "ipam-controller/store/sqlite_copy.hpp"
#include "ipam-controller/store/sqlite_schema.hpp"

namespace mooring::controller {
namespace {

namespace fs = std::filesystem;

// Why the request cannot be done as it stands.
class RestoreRefusal : public std::runtime_error {
 public:
  explicit RestoreRefusal(const Error& error_) : std::runtime_error(error_.text()), error(error_) {}
  Error error;
};

void check_backup(SqliteConnection& backup, const std::string& path) {
  if (format_of(backup, path, current_schema()) == 0) {
    throw RestoreRefusal(Error(Errc::invalid_argument, fmt::format("{} is empty", path), "name a backup"));
  }
  check_integrity(backup);
}

// What tells the controller that opens it, and the nodes, that this is not the store they knew.
RestoredStore make_another(const std::string& path) {
  SqliteConnection db(path, "", SqliteConnection::Mode::read_write);
  migrate(db, current_schema());
  RestoredStore made;
  made.incarnation = new_incarnation();
  made.revision = static_cast<Revision>(db.query_number("SELECT revision FROM meta"));
  db.execute("BEGIN IMMEDIATE");
  db.execute("DELETE FROM change_log");
  db.execute(fmt::format("UPDATE meta SET incarnation = '{}', restoring = 1, log_changes = 0, log_trimmed = revision",
                         made.incarnation));
  db.execute("COMMIT");
  return made;
}

std::string time_text() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(now));
}

// A database and its WAL belong together: a WAL must never meet another database. What can be moved out of it is; a
// store that is damaged is kept as it is.
std::string keep_aside(const std::string& path) {
  const std::string wal = path + "-wal";
  std::string kept;
  for (int attempt = 1; kept.empty() || fs::exists(kept); ++attempt) {
    kept = fmt::format("{}.before-restore-{}{}", path, time_text(), attempt == 1 ? "" : fmt::format("-{}", attempt));
  }
  try {
    SqliteConnection old(path, "", SqliteConnection::Mode::read_write);
    old.checkpoint(true);
  } catch (const SqliteFailure&) {
    // It is damaged, which may be why it is replaced.
  }
  fs::create_hard_link(path, kept);
  if (fs::exists(wal) && fs::file_size(wal) != 0) {
    fs::create_hard_link(wal, kept + "-wal");
  }
  sync_folder_of(path);
  fs::remove(wal);
  fs::remove(path + "-shm");
  sync_folder_of(path);
  return kept;
}

RestoredStore restore(const RestoreRequest& request, const Progress& progress) {
  if (!fs::exists(request.from)) {
    throw RestoreRefusal(Error(Errc::not_found, fmt::format("there is no file {}", request.from)));
  }
  const bool replaces = fs::exists(request.to) && fs::file_size(request.to) != 0;
  if (replaces && fs::equivalent(request.from, request.to)) {
    throw RestoreRefusal(Error(Errc::invalid_argument, "the backup and the store are the same file", "name a backup"));
  }
  if (replaces && !request.force) {
    throw RestoreRefusal(Error(Errc::already_exists, fmt::format("there is a store at {}", request.to),
                               "--force replaces it and keeps it beside the new one"));
  }
  const std::string made_path = request.to + ".restored";
  {
    SqliteConnection backup(request.from, "", SqliteConnection::Mode::read_only);
    check_backup(backup, request.from);
    const std::int64_t page_bytes = backup.query_number("PRAGMA page_size");
    copy_database(backup, made_path, [&](std::int64_t done, std::int64_t total) {
      progress(static_cast<std::uint64_t>(done * page_bytes), static_cast<std::uint64_t>(total * page_bytes));
      return true;
    });
  }
  RestoredStore made = make_another(made_path);
  if (replaces) {
    made.replaced = keep_aside(request.to);
  }
  fs::rename(made_path, request.to);
  sync_folder_of(request.to);
  return made;
}

}  // namespace

Result<RestoredStore> restore_store(const RestoreRequest& request, const Progress& progress) {
  const std::string doing = fmt::format("restoring {} from {}", request.to, request.from);
  const auto lock = FileLock::acquire(request.to + ".lock");
  if (!lock) {
    return lock.error().within(doing);
  }
  try {
    return restore(request, progress);
  } catch (const RestoreRefusal& refusal) {
    return refusal.error.within(doing);
  } catch (const UnsupportedFile& file) {
    return Error(Errc::unsupported, fmt::format("{}: {}", doing, file.what()), "name a backup that this version knows");
  } catch (const SqliteFailure& failure) {
    return Error(Errc::storage, fmt::format("{}: {}", doing, failure.what()), failure.hint());
  } catch (const std::exception& failure) {
    return Error(Errc::storage, fmt::format("{}: {}", doing, failure.what()),
                 "look at the folder's permissions and at the disk");
  }
}

}  // namespace mooring::controller
