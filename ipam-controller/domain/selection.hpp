// Which network, subnet and pools a request is about: the pod's own wishes, else the hostname's binding, else what the
// rules say, else the CNI configuration, else the default pool of the network (of network `default` where none is
// named). Pure functions.
#pragma once

#include <optional>
#include <vector>

#include "ipam-controller/domain/explanation.hpp"
#include "ipam-controller/domain/objects.hpp"
#include "ipam-controller/domain/patterns.hpp"
#include "ipam-controller/domain/state.hpp"

namespace mooring::controller {

Asker asker_of(const State& state, const ipam_api::AllocateRequest& request);

// What all sources together ask for, field by field the first that says something: the pod, namespace rules, workload
// rules, the CNI configuration. Labels are put together.
struct Intent {
  ipam_api::Wishes wishes;
  bool takeover = false;           // of a hostname that is live with another workload
  std::vector<std::string> rules;  // that said something that counts
};
Intent intent_of(const State& state, const ipam_api::AllocateRequest& request, const Asker& asker, Explanation& why);

// The wishes for network, subnet and pools, looked up and found to agree.
struct Scope {
  std::string network;
  const Subnet* subnet = nullptr;  // wished, or that of the wished pools if they are all in one
  std::vector<const Pool*> pools;  // wished, in order
};

// not_found: a wished object (the hint says how to make it); conflict: the wishes contradict one another, or the
// hostname is bound in several networks and no network is wished for.
Result<Scope> scope_of(const State& state, const ipam_api::AllocateRequest& request, const ipam_api::Wishes& wishes);

// Where an address may come from for somebody who has none, in order of preference, each followed by its fallbacks;
// never empty. not_found: there is no pool at all.
Result<std::vector<const Pool*>> candidate_pools(const State& state, const Scope& scope, const Asker& asker,
                                                 Explanation& why);

// May the pod take addresses of the pool? permission_denied (deny and allow lists, selector) or quota_exceeded.
// `already`: it holds one of the pool, which counts in the quota already.
Result<void> check_may_use(const State& state, const Pool& pool, const Asker& asker, bool already);

}  // namespace mooring::controller
