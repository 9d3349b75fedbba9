// Who gets which addresses: the rules of a CNI ADD (docs/life-of-an-add.md), decided on the state in memory without
// changing it.
//
// - The same attachment again gets the same answer.
// - A hostname that is bound, or live elsewhere, keeps its addresses and MAC: the new attachment takes over with a new
//   generation, and the pod that lost it is fenced (its UID may not come back: its kubelet may be cut off). A pod of
//   another workload is refused, unless a rule allows it.
// - Everybody else gets the wished addresses, or those that it had last and that still rest, or the next ones of the
//   first pool that can give one of each of its families.
//
// Pure functions. Errors: those of docs/reference/errors.md; messages without the "allocating …" in front.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ipam-controller/domain/explanation.hpp"
#include "ipam-controller/domain/objects.hpp"
#include "ipam-controller/domain/state.hpp"

namespace mooring::controller {

struct Grant {
  // The attachment has a port already: nothing changes, answer with it.
  bool unchanged = false;
  // To be written, at the revision of the request, which is also the port's generation (id, generation, revision and
  // created_ms are left open here).
  Port port;
  std::optional<Binding> new_binding;     // a stateful hostname seen for the first time
  std::optional<std::string> lost_uid;    // to be fenced
  std::vector<std::string> unfence_uids;  // the oldest ones, over fenced_uids_per_binding
  std::optional<Port> taken_over;         // the live port that loses the addresses
  std::vector<std::string> rules;         // that had a say
};

Result<Grant> decide(const State& state, const ipam_api::AllocateRequest& request, TimeMs now, Explanation& why);

// What the pod is told. Throws std::logic_error if the port's subnet is gone (it cannot be deleted before).
ipam_api::Allocation allocation_of(const State& state, const Port& port);

// `given`, and one address of each other family that the pool has, by its strategy; exhausted, with counts.
Result<net::AddressPair> next_addresses(const State& state, const Pool& pool, TimeMs now, net::AddressPair given = {});

}  // namespace mooring::controller
