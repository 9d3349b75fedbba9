// Who gets which address: the rules of a CNI ADD (docs/life-of-an-add.md), decided on the state in memory without
// changing it.
//
// - The same attachment again gets the same answer.
// - A hostname that is bound, or live elsewhere, keeps its address and MAC: the new attachment takes over with a new
//   generation, and the pod that lost it is fenced (its UID may not come back: its kubelet may be cut off).
// - Everybody else gets the wished address, or the next one of the pool.
//
// Pure functions. Errors: those of docs/reference/errors.md; messages without the "allocating …" in front.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ipam-controller/domain/objects.hpp"
#include "ipam-controller/domain/state.hpp"

namespace mooring::controller {

struct Grant {
  // The attachment has a port already: nothing changes, answer with it.
  bool unchanged = false;
  // To be written, at the revision of the request, which is also the port's generation (id, generation and revision are
  // left open here).
  Port port;
  std::optional<Binding> new_binding;     // a stateful hostname seen for the first time
  std::optional<std::string> lost_uid;    // to be fenced
  std::vector<std::string> unfence_uids;  // the oldest ones, over fenced_uids_per_binding
};

Result<Grant> decide(const State& state, const ipam_api::AllocateRequest& request);

// What the pod is told. Throws std::logic_error if the port's subnet is gone (it cannot be deleted before).
ipam_api::Allocation allocation_of(const State& state, const Port& port);

}  // namespace mooring::controller
