// An import: bindings and reservations of another system, as one transaction (docs/howto/import.md).
// Threading: pure function, on the state of the transaction.
#pragma once

#include <vector>

#include "ipam-controller/app/transaction.hpp"
#include "mooring/ipam_api/import.hpp"

namespace mooring::controller {

struct ImportOptions {
  bool skip_conflicts = false;  // make what is not in conflict; else nothing if anything is
  bool all_findings = false;    // findings of what is new, too
};

// Every item is tried in order on what the ones before it left. Never fails: what is in conflict is in the report. If
// nothing is to be made, the transaction is left empty.
ipam_api::ImportReport import_items(Transaction& tx, const std::vector<ipam_api::ImportItem>& items,
                                    const ImportOptions& options);

}  // namespace mooring::controller
