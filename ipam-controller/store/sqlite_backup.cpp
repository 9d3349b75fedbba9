#include "ipam-controller/store/sqlite_backup.hpp"

#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "ipam-controller/store/sqlite_copy.hpp"

namespace mooring::controller {

void SqliteBackup::start(const std::string& path, Progress progress, Callback<BackupCopy> done) {
  if (running_.exchange(true)) {
    const Error busy(Errc::in_use, fmt::format("backing up {}: another backup is under way", options_.path),
                     "wait for that one");
    post_([done = std::move(done), busy] { done(busy); });
    return;
  }
  if (thread_.joinable()) {
    thread_.join();
  }
  wanted_ = true;
  thread_ = std::thread([this, path, progress = std::move(progress), done = std::move(done)] {
    Result<BackupCopy> result = copy(path, progress);
    running_ = false;
    post_([done, result = std::move(result)] { done(result); });
  });
}

void SqliteBackup::cancel() {
  wanted_ = false;
  if (thread_.joinable()) {
    thread_.join();
  }
}

Result<BackupCopy> SqliteBackup::copy(const std::string& path, const Progress& progress) {
  const std::string doing = fmt::format("backing up {} to {}", options_.path, path);
  std::int64_t page_bytes = 0;
  const auto step = [&](std::int64_t done, std::int64_t total) {
    if (progress) {
      const auto bytes = [&](std::int64_t pages) { return static_cast<std::uint64_t>(pages * page_bytes); };
      post_([progress, at = bytes(done), end = bytes(total)] { progress(at, end); });
    }
    return wanted_.load();
  };
  try {
    SqliteConnection source(options_.path, options_.vfs, SqliteConnection::Mode::read_write);
    source.execute("PRAGMA busy_timeout = 5000");
    source.leave_wal_on_close();  // moving it is up to the store's own connection
    page_bytes = source.query_number("PRAGMA page_size");
    if (!copy_database(source, path, step)) {
      return Error(Errc::unavailable, doing + ": ended before it was whole", "ask again");
    }
    SqliteConnection made(path, "", SqliteConnection::Mode::read_only);
    BackupCopy result;
    result.path = path;
    result.bytes = std::filesystem::file_size(path);
    result.incarnation = made.query_text("SELECT incarnation FROM meta");
    result.revision = static_cast<Revision>(made.query_number("SELECT revision FROM meta"));
    return result;
  } catch (const SqliteFailure& failure) {
    return Error(Errc::storage, fmt::format("{}: {}", doing, failure.what()), failure.hint());
  } catch (const std::exception& failure) {
    return Error(Errc::storage, fmt::format("{}: {}", doing, failure.what()),
                 "let the controller write to the folder, or look at the disk: dmesg");
  }
}

}  // namespace mooring::controller
