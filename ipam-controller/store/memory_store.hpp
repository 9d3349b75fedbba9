// A store that forgets with the process: for tests, and for trying things out. It keeps the same rows as the others and
// can be opened again, and told to fail.
//
// Threading: as Store; no thread of its own, callbacks come by Post.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "ipam-controller/app/ports.hpp"
#include "ipam-controller/store/memory_ledger.hpp"

namespace mooring::controller {

// What outlives a MemoryStore, as a file outlives a process.
class MemoryDisk {
 public:
  explicit MemoryDisk(std::size_t change_log_limit = 1'000'000);
  ~MemoryDisk();
  MemoryDisk(const MemoryDisk&) = delete;
  MemoryDisk& operator=(const MemoryDisk&) = delete;

  // As if it had been made from a backup.
  void restored_from_backup() { restoring_ = true; }
  // While set, commits fail with it.
  void fail_with(std::optional<Error> error) { failure_ = std::move(error); }
  MemoryLedgerRows& ledger() { return ledger_; }

 private:
  friend class MemoryStore;
  struct Tables;

  std::string incarnation_;
  Revision revision_ = 0;
  TimeMs now_ms_ = 0;
  bool restoring_ = false;
  std::unique_ptr<Tables> tables_;
  std::deque<EventRecord> events_;
  WebhookCursors cursors_;
  std::deque<LoggedChanges> log_;
  std::size_t logged_changes_ = 0;
  std::size_t change_log_limit_;
  Revision trimmed_up_to_ = 0;  // revisions up to here may be missing in the log
  std::optional<Error> failure_;
  MemoryLedgerRows ledger_;
};

class MemoryStore : public Store {
 public:
  // `disk` must outlive this.
  MemoryStore(MemoryDisk& disk, Post post);

  Result<StoreInfo> load(const std::function<void(const Write&)>& each) override;
  void commit(Batch batch, Callback<void> done) override;
  void changes_since(Revision after, Revision up_to, std::size_t limit, Callback<ChangeLogPage> done) override;
  void backup(std::string path, Progress progress, Callback<BackupCopy> done) override;
  AuditLedger& ledger() override { return ledger_; }

 private:
  MemoryDisk& disk_;
  Post post_;
  MemoryLedger ledger_;
};

}  // namespace mooring::controller
