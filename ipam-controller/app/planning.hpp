// What the plans have in common: nodes that make a difference, what a pod seems to wish for, trying one pod. Known to
// plan*.cpp only. Threading: one thread.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ipam-controller/app/plan.hpp"
#include "ipam-controller/domain/allocation.hpp"

namespace mooring::controller {

// One node of each kind that rules and pools tell apart, in the order of names: what fits one fits all that are like
// it. not_found: there is no such node.
Result<std::vector<std::string>> different_nodes(const State& state, const std::vector<std::string>& names);
// Every node that may run pods.
std::vector<std::string> nodes_in_service(const State& state);

// What a new pod of the workload of `port` would ask for, under that hostname.
ipam_api::AllocateRequest request_like(const State& state, const Port& port, const std::string& hostname);
// A hostname as the next pod in the place of that one has: the same where it ends in an ordinal, else another one.
std::string successor_of(const std::string& hostname, std::size_t index);
bool has_ordinal(const std::string& hostname);

// Counts what is free in pools before and after.
class PoolCounts {
 public:
  explicit PoolCounts(const State& state);
  void touched(const std::string& pool) { touched_.insert(pool); }
  // With what is free now; of pools that are gone: nothing.
  std::vector<PlanPool> after(const State& state) const;

 private:
  std::vector<PlanPool> before_;
  std::set<std::string> touched_;
};

// Tries pods one after the other, each on what the ones before it left.
class Trial {
 public:
  Trial(Transaction& tx, std::vector<std::string> nodes) : tx_(tx), nodes_(std::move(nodes)) {}

  // On the first of the nodes (on the request's own, if it names one) that has an address for it, as if it came there
  // now; it takes the address. (A pod that is live is not taken over: its item says so.)
  PlanItem add(ipam_api::AllocateRequest request);
  // Would a pod that is new come to another pool, or to none, on another of the nodes?
  bool depends_on_node() const { return depends_on_node_; }

 private:
  bool same_elsewhere(ipam_api::AllocateRequest request, const std::vector<std::string>& nodes,
                      const PlanItem& item) const;

  Transaction& tx_;
  std::vector<std::string> nodes_;
  std::size_t count_ = 0;  // asked for
  std::size_t taken_ = 0;
  bool depends_on_node_ = false;
};

// Why it is given what it is given: "stateful binding, Never", "rule a, rule b", "default pool".
std::string because_of(const State& state, const Grant& grant, const ipam_api::AllocateRequest& request);

}  // namespace mooring::controller
