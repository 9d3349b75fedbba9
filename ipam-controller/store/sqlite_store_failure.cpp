// What SqliteStore does when the disk fails (docs/storage.md, "A disk that fails"): it does not go on with a file that
// it is in doubt about.
#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "ipam-controller/store/sqlite_store.hpp"
#include "ipam-controller/store/sqlite_wal.hpp"

namespace mooring::controller {
namespace {

// So that what is checked afterwards is read from the disk. (Nobody in this process may have the file open: closing a
// descriptor of it would drop SQLite's locks.)
void forget_cached(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    ::close(file);
  }
}

const SqliteFailure* of_sqlite(const std::exception& failure) {
  return dynamic_cast<const SqliteFailure*>(&failure);
}

}  // namespace

Error SqliteStore::error_of(const std::exception& failure, const std::string& doing) {
  const SqliteFailure* sqlite = of_sqlite(failure);
  return Error(Errc::storage, fmt::format("{}: {}", doing, failure.what()),
               sqlite != nullptr ? sqlite->hint() : "the file is damaged, or not local: restore a backup, or move it");
}

Result<void> SqliteStore::on_session(const std::string& doing, const std::function<void(SqliteSession&)>& job) {
  if (session_ == nullptr) {
    if (auto open = reopen(no_batch); !open) {
      return open.error().within(doing);
    }
  }
  try {
    job(*session_);
    return ok();
  } catch (const std::exception& failure) {
    const SqliteFailure* sqlite = of_sqlite(failure);
    if (sqlite != nullptr && sqlite->leaves_doubt()) {
      close_in_doubt();
    } else if (sqlite != nullptr && sqlite->disk_full()) {
      tend_wal([](SqliteSession& session) { session.shrink_wal(); });
    }
    return error_of(failure, doing);
  }
}

void SqliteStore::close_in_doubt() {
  backup_.cancel();
  session_->abandon();
  session_.reset();
}

Result<void> SqliteStore::reopen(Revision under_way) {
  try {
    forget_cached(options_.path);
    std::unique_ptr<SqliteSession> session = checked_session();
    Revision found = session->info().revision;
    if (found != stored_ && found != under_way) {
      // A batch that was answered as failed: the disk has kept it after all.
      session->abandon();
      session.reset();
      drop_last_transaction(options_.path, options_.vfs);
      session = checked_session();
      found = session->info().revision;
    }
    if (found != stored_ && found != under_way) {
      return Error(
          Errc::storage,
          fmt::format("after a failure of the disk, it holds revision {} where {} was the last", found, stored_),
          "restart mooring-controller: it goes on from what the disk holds");
    }
    stored_ = found;
    session_ = std::move(session);
    ledger_committed();
    spdlog::warn("the store {} was closed because of a failure of the disk; it is open again, checked, at revision {}",
                 options_.path, found);
    return ok();
  } catch (const std::exception& failure) {
    return error_of(failure, "after a failure of the disk, opening it again");
  }
}

std::unique_ptr<SqliteSession> SqliteStore::checked_session() const {
  auto session = std::make_unique<SqliteSession>(options_);
  try {
    session->check();
  } catch (...) {
    session->abandon();
    throw;
  }
  return session;
}

void SqliteStore::tend_wal(const std::function<void(SqliteSession&)>& job) {
  if (session_ == nullptr) {
    return;
  }
  try {
    job(*session_);
  } catch (const SqliteFailure& failure) {
    spdlog::error("the store {}: {} ({})", options_.path, failure.what(), failure.hint());
    if (failure.leaves_doubt()) {
      close_in_doubt();
    }
  }
}

}  // namespace mooring::controller
