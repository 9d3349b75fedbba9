// Between the shim's database rows and C++ values. Internal to mooring::ovs.
#pragma once

#include <memory>

#include "mooring/ovs/ovsdb.hpp"
#include "mooring/ovs/shim/ovsdb.h"

namespace mooring::ovs {

// The replica as a value. Interfaces that did not change are shared with `before`, which is what the call before it
// gave. `connected` and `seqno` are the caller's to fill in.
OvsdbState read_state(mo_db* db, const OvsdbState& before);

// Puts `operations` into the transaction; the first one that cannot be.
Result<void> write_operations(mo_txn* txn, const std::vector<OvsdbOperation>& operations);

}  // namespace mooring::ovs
