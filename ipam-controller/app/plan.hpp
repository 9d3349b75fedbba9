// What would become of pods if something were done: new replicas, a pool deleted or made smaller, a node drained. It is
// tried for real on the state of the transaction, by what decides about a CNI ADD, and undone: so a plan says what
// allocation would do, from the state as it is now.
//
// What pods wish for themselves (annotations, CNI configuration) is not stored. Of a pod that is live it is concluded:
// if rules and defaults alone do not lead to the pool and kind that it has, it is taken to wish for them.
//
// Threading: pure functions, on the state of the transaction, which they leave as it was (but for `reserve`).
// Errors: not_found, invalid_argument: the question makes no sense. What does not fit is in the plan.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ipam-controller/app/transaction.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::controller {

enum class PlanOutcome {
  bound,       // has its addresses by a binding, without a pod
  live,        // a pod has them now
  fresh,       // "new": would get them
  keeps,       // would be elsewhere, with the same addresses
  moves,       // would get other addresses
  given_back,  // "given-back": a block that its node would be asked for
  refused,     // does not fit: `error`
};
std::string to_string(PlanOutcome outcome);

// One pod, or something else that is in the way.
struct PlanItem {
  std::string subject;  // "db/redis-0", "block b41 of node h1", "extra address 10.0.0.9"
  PlanOutcome outcome = PlanOutcome::refused;
  std::optional<BindingKey> owner;  // of pods
  std::string node;                 // where it was tried, or is
  net::AddressPair from;            // what it has now, where that may change
  net::AddressPair addresses;       // what it would have
  std::optional<net::MacAddress> mac;
  std::string subnet, pool;
  std::optional<Kind> kind;
  std::string because;             // "rule shop-web", "default pool", "stateful binding, Never"
  std::vector<std::string> tried;  // of what is new or refused: as `explain` has it
  std::optional<Error> error;
};

struct PlanPool {
  std::string name;
  net::Family family = net::Family::v4;
  std::uint64_t size = 0, free = 0, size_after = 0, free_after = 0;
};

struct Plan {
  std::vector<PlanItem> items;
  std::vector<PlanPool> pools;     // that items are or would be in, by name
  std::vector<std::string> notes;  // what was assumed
  std::optional<Error> now;        // of a pool: what the change itself would be answered with at this moment
  std::uint64_t reserved = 0;      // bindings made
  bool fits() const;
};

// New replicas of a workload.
struct ReplicasRequest {
  static constexpr std::uint64_t most = 4096;
  std::string namespace_;
  std::string workload;        // "redis"
  std::uint64_t replicas = 0;  // 1..most
  std::uint64_t first = 0;     // ordinal of the first
  std::uint32_t interface_ordinal = 0;
  ipam_api::Wishes wishes;         // of the pods; no addresses, no MAC
  ipam_api::Wishes configured;     // of the CNI configuration
  std::vector<std::string> nodes;  // where they may run; empty: on any
};
// workload-0, workload-1, …: as many hostnames as replicas. `reserve`: if all fit, each without a binding gets one
// (kind stateful, origin plan), in this transaction.
Result<Plan> plan_statefulset(Transaction& tx, const ReplicasRequest& request, bool reserve);
// A workload whose pods have no ordinals: those beyond the ones that are live now. Where they have ordinals:
// plan_statefulset.
Result<Plan> plan_scale(Transaction& tx, const ReplicasRequest& request);

// Would all pods of the node get addresses on another of `targets` (which are registered)?
Result<Plan> plan_drain(Transaction& tx, const std::string& node, const std::vector<std::string>& targets);

// The pool would have these ranges, and these exclusions beside its own; without a change: it would not be there. Fixed
// addresses do not fit: they do not move by themselves.
struct PoolChange {
  std::vector<net::IpRange> ranges;  // empty: its own
  std::vector<net::IpRange> exclusions;
};
Result<Plan> plan_pool(Transaction& tx, const std::string& pool, const std::optional<PoolChange>& change);

}  // namespace mooring::controller
