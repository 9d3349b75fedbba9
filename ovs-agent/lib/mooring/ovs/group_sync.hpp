// FlowSync's half that is about groups: which are to be sent before the flows, and which after them. Internal to
// mooring::ovs. Pure: no switch, no clock. Threading: one thread.
#pragma once

#include <set>
#include <unordered_map>
#include <vector>

#include "mooring/ovs/flow_table.hpp"
#include "mooring/ovs/group.hpp"

namespace mooring::ovs {

class GroupSync {
 public:
  void want(const Group& group);
  void drop(std::uint32_t id);
  // What the switch was found to hold. What was refused is tried again.
  void found(const std::vector<Group>& actual, const DesiredFlows& in_switch);
  // A flow came into the switch, or went out of it.
  void flow_came(const Flow& flow);
  void flow_went(const Flow& flow);

  // Missing or different in the switch; they go before the flows that lead to them.
  std::vector<GroupChange> additions() const;
  // In it, not desired, and no flow or group in it leads there: the switch deletes flows with their group. Those that
  // only these led to come the next time.
  std::vector<GroupChange> removals() const;
  // They were sent; each was carried out but those of these indexes.
  void sent(const std::vector<GroupChange>& changes, const std::vector<std::size_t>& refused);

  const Groups& desired() const { return desired_; }
  const Groups& actual() const { return actual_; }
  // Of the desired ones, those that found() did not find as they should be.
  const std::set<std::uint32_t>& amiss() const { return amiss_; }
  std::size_t refused() const { return refused_.size(); }

 private:
  bool is_right(std::uint32_t id) const;

  Groups desired_, actual_;                               // few: a node has three for each subnet's VNI
  std::unordered_map<std::uint32_t, std::size_t> named_;  // flows in the switch, by the group that they lead to
  std::set<std::uint32_t> refused_;
  std::set<std::uint32_t> amiss_;
};

}  // namespace mooring::ovs
