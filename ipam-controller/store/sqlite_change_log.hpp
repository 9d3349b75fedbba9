// The change log table: what watch streams resume from. Bounded: whole revisions are dropped from its old end, in the
// transaction that writes new ones.
//
// Errors: SqliteFailure. Threading: one thread at a time.
#pragma once

#include <cstddef>
#include <vector>

#include "ipam-controller/app/ports.hpp"
#include "ipam-controller/store/sqlite.hpp"

namespace mooring::controller {

class SqliteChangeLog {
 public:
  SqliteChangeLog(SqliteConnection& connection, std::size_t limit);

  // What the row of `meta` holds about the log. It changes with the transaction, so the caller keeps the old one until
  // the commit succeeded.
  struct Extent {
    std::uint64_t changes = 0;
    Revision trimmed = 0;
  };
  // Inside a transaction: writes, trims, and writes `meta`. Returns the extent after it.
  Extent append(Revision revision, TimeMs now, const std::vector<ChangeSet>& changes);
  // The same for all that is in it: whoever comes from before needs a snapshot.
  Extent forget(Revision revision);
  void committed(Extent extent) { extent_ = extent; }

  ChangeLogPage read(Revision after, Revision up_to, std::size_t limit);

 private:
  void trim(Extent& extent);

  SqliteConnection& connection_;
  std::size_t limit_;
  Extent extent_;
  SqliteStatement insert_;
  SqliteStatement update_meta_;
  SqliteStatement select_;
  SqliteStatement nth_revision_;
  SqliteStatement trim_;
};

}  // namespace mooring::controller
