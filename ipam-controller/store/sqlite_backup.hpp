// Online backups of the store: on a thread of their own, with a connection of their own, of one moment, while commits
// go on. The WAL keeps what comes meanwhile, so it grows for as long as a backup runs.
//
// Threading: one thread at a time calls; the callbacks come by Post, `progress` never after `done`.
// Errors: in_use, storage; unavailable when it was ended before it was whole.
#pragma once

#include <atomic>
#include <string>
#include <thread>

#include "ipam-controller/app/ports.hpp"
#include "ipam-controller/store/sqlite_session.hpp"

namespace mooring::controller {

class SqliteBackup {
 public:
  SqliteBackup(const SqliteOptions& options, Post post) : options_(options), post_(std::move(post)) {}
  ~SqliteBackup() { cancel(); }
  SqliteBackup(const SqliteBackup&) = delete;
  SqliteBackup& operator=(const SqliteBackup&) = delete;

  void start(const std::string& path, Progress progress, Callback<BackupCopy> done);
  // Ends the one under way, and waits for that (milliseconds).
  void cancel();

 private:
  Result<BackupCopy> copy(const std::string& path, const Progress& progress);

  SqliteOptions options_;
  Post post_;
  std::atomic<bool> running_{false};
  std::atomic<bool> wanted_{true};
  std::thread thread_;
};

}  // namespace mooring::controller
