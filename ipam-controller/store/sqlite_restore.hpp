// A store made from a backup, while no controller runs on it (docs/storage.md, "Backup and restore").
//
// Threading: none; blocks.
#pragma once

#include <string>

#include "ipam-controller/app/ports.hpp"

namespace mooring::controller {

struct RestoreRequest {
  std::string from;    // a backup, or a copy made before a migration
  std::string to;      // the store
  bool force = false;  // replace a store that is there; it is kept beside as PATH.before-restore-TIME
};

struct RestoredStore {
  std::string incarnation;  // new
  Revision revision = 0;    // that the backup ends with
  std::string replaced;     // where the store is kept that was there; "": none was
};

// Checks the backup, brings it to today's format and puts it in place, whole or not at all. The store has a new
// incarnation, an empty change log, and is `restoring`: a controller that opens it only reads until it knows what the
// nodes hold. Errors: not_found, invalid_argument (no backup of a store), unsupported (a newer format), already_exists,
// conflict (a controller runs on the store), storage (a damaged backup, the disk).
Result<RestoredStore> restore_store(const RestoreRequest& request, const Progress& progress);

}  // namespace mooring::controller
