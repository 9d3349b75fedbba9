// What the use cases need of the outside: a store, and a way back onto their thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ipam-controller/app/audit.hpp"
#include "ipam-controller/app/caller.hpp"
#include "ipam-controller/domain/change.hpp"
#include "ipam-controller/domain/event.hpp"
#include "ipam-controller/domain/objects.hpp"
#include "mooring/base/error.hpp"

namespace mooring::controller {

// Runs a function on the controller's thread, later (never inside the call): [&](auto f) { asio::post(io, move(f)); }.
// May be called from any thread.
using Post = std::function<void(std::function<void()>)>;

template <class T>
using Callback = std::function<void(Result<T>)>;

// How far each webhook has come: all events up to that number were taken, or are not for it.
using WebhookCursors = std::map<std::string, EventSequence>;

// What becomes durable together, whole or not at all.
struct Batch {
  Revision revision = 0;                  // the highest in it: the store's counter from now on
  std::vector<Write> writes;              // in order
  std::vector<ChangeSet> changes;         // in order of revision; for the change log
  std::vector<AuditEntry> audit;          // in order
  std::vector<EventRecord> events;        // in order, numbered; a store keeps the newest EventLog::limit
  std::optional<WebhookCursors> cursors;  // takes the place of what there was
  TimeMs now_ms = 0;                      // the newest time that the store has seen
  bool restored = false;                  // the store is not `restoring` any more
};

// What a store knows about itself when it is opened.
struct StoreInfo {
  std::string incarnation;          // made with the store; 32 hexadecimal digits
  Revision revision = 0;            // of the last batch
  TimeMs now_ms = 0;                // of the last batch
  bool restoring = false;           // it was made from a backup, and what nodes hold has not been taken over yet
  std::vector<EventRecord> events;  // the newest, in order
  WebhookCursors cursors;
};

// A copy of the whole store, at one moment.
struct BackupCopy {
  std::string path;
  std::uint64_t bytes = 0;
  std::string incarnation;
  Revision revision = 0;
};
// Called now and then: how much of how much is done.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

// A part of the change log.
struct ChangeLogPage {
  bool too_old = false;                // the log no longer reaches back that far: take a snapshot
  std::vector<LoggedChanges> changes;  // in order of revision
  bool more = false;                   // ask again, after the last one's revision
};

// The durable copy of the state. One contract test suite for every implementation (tests/contract).
//
// Threading: called on the controller's thread only; does its work elsewhere and calls back by Post, in the order of
// the calls. Callbacks that are still due when it is destroyed are posted before the destructor returns.
class Store {
 public:
  virtual ~Store() = default;

  // Hands every row to `each`, an object after those it refers to. Once, before the first commit. Blocks.
  virtual Result<StoreInfo> load(const std::function<void(const Write&)>& each) = 0;

  // Makes the batch durable, then calls back. Errc::storage: nothing of it is stored; later batches may succeed.
  virtual void commit(Batch batch, Callback<void> done) = 0;

  // Committed changes with `after` < revision <= `up_to`: whole revisions, at least one if there is any, about `limit`
  // changes. The log keeps the last 1,000,000 changes, or what the store was told.
  virtual void changes_since(Revision after, Revision up_to, std::size_t limit, Callback<ChangeLogPage> done) = 0;

  // What `Batch::audit` becomes, in the batch's own transaction; every entry given is recorded. Lives as long as this.
  virtual AuditLedger& ledger() = 0;

  // Copies everything to a file `path`, as it is at one moment, while commits go on; a file that is there is replaced.
  // in_use: another backup is under way. storage: the disk; unsupported: this store has no files.
  virtual void backup(std::string path, Progress progress, Callback<BackupCopy> done) = 0;
};

}  // namespace mooring::controller
