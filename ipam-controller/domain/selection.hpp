// Which network, subnet and pool a request is about: its own wishes, else the hostname's binding, else the default pool
// of the network (of network `default` where none is named). Pure functions.
#pragma once

#include <vector>

#include "ipam-controller/domain/objects.hpp"
#include "ipam-controller/domain/state.hpp"

namespace mooring::controller {

// The wishes for network, subnet and pool, looked up and found to agree.
struct Scope {
  std::string network;
  const Subnet* subnet = nullptr;  // wished, or that of the wished pool
  const Pool* pool = nullptr;      // wished
};

// not_found: a wished object (the hint says how to make it); conflict: the wishes contradict one another, or the
// hostname is bound in several networks and no network is wished for.
Result<Scope> scope_of(const State& state, const ipam_api::AllocateRequest& request);

// Where an address may come from for somebody who has none, in order of preference; never empty. not_found: there is no
// pool at all.
Result<std::vector<const Pool*>> candidate_pools(const State& state, const Scope& scope);

}  // namespace mooring::controller
