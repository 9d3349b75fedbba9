// FlowSync's half that is about meters: which are to be sent with the next flows. Internal to mooring::ovs.
// Pure: no switch, no clock. Costs follow what changed, not what there is. Threading: one thread.
#pragma once

#include <set>
#include <unordered_map>
#include <vector>

#include "mooring/ovs/flow_table.hpp"
#include "mooring/ovs/meter.hpp"
#include "mooring/ovs/openflow.hpp"

namespace mooring::ovs {

class MeterSync {
 public:
  void want(const Meter& meter);
  void drop(std::uint32_t id);
  // What the switch was found to hold. What was refused is tried again.
  void found(const std::vector<Meter>& actual, const DesiredFlows& in_switch);
  // A flow came into the switch, or went out of it.
  void flow_came(const Flow& flow);
  void flow_went(const Flow& flow);

  // Those that are missing or different in the switch: they go before the flows that name them. And those that are in
  // it, not desired, and named by none of its flows: the switch deletes the flows of a meter with it, and a
  // `controller` action keeps what its meter was in the datapath, also when another comes by the same number. At most
  // FlowChannel::max_bundle, additions first.
  std::vector<MeterChange> changes();
  // They were sent; each was carried out unless the outcome says that it was refused.
  void sent(const std::vector<MeterChange>& changes, const ApplyOutcome& outcome);

  const Meters& desired() const { return desired_; }
  const Meters& actual() const { return actual_; }
  // Of the desired ones, those that found() did not find as they should be.
  const std::set<std::uint32_t>& amiss() const { return amiss_; }
  std::size_t refused() const { return refused_.size(); }

 private:
  bool is_done(std::uint32_t id) const;

  Meters desired_, actual_;
  std::set<std::uint32_t> to_do_;                         // may differ
  std::unordered_map<std::uint32_t, std::size_t> named_;  // flows in the switch, by the meter that they name
  std::set<std::uint32_t> refused_;
  std::set<std::uint32_t> amiss_;
};

}  // namespace mooring::ovs
