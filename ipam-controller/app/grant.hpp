// What was decided about a CNI ADD is written. Threading: pure function, on the state of the transaction.
#pragma once

#include "ipam-controller/app/transaction.hpp"
#include "ipam-controller/domain/allocation.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::controller {

// `generation`: that of the port, if it is a new one.
ipam_api::Allocation take(Transaction& tx, Grant grant, Generation generation);

}  // namespace mooring::controller
