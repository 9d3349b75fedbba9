// Ports that a node gave addresses by itself while this controller was away become ports like any other, or are refused
// because somebody else has the address or the hostname by now. Threading: functions of the transaction.
#pragma once

#include "ipam-controller/app/transaction.hpp"
#include "mooring/ipam_api/given.hpp"

namespace mooring::controller {

// The port, active, with a new generation. Idempotent by attachment. Errors: superseded (a newer port has the addresses
// that were passed on), conflict, address_taken (what is in the way is named), not_found (no such node or subnet).
Result<ipam_api::Allocation> accept_given(Transaction& tx, const ipam_api::GivenReport& report);

// For people: a node's pod has an address that it may not have.
EventRecord given_refused_event(const ipam_api::GivenReport& report, const Error& refusal);

}  // namespace mooring::controller
