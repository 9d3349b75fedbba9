// FlowSync's half that is about meters: which must be sent before the flows, which may go after them. Internal to
// mooring::ovs. Pure: no switch, no clock. Threading: one thread.
#pragma once

#include <set>
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
  void found(const std::vector<Meter>& actual);

  // Missing or different in the switch: flows that name them can be added only after these.
  std::vector<MeterChange> additions() const;
  // In the switch, not desired, and named by none of its flows: the switch deletes the flows of a meter with it, and a
  // `controller` action keeps what its meter was in the datapath, also when another comes by the same number.
  std::vector<MeterChange> removals(const DesiredFlows& in_switch) const;
  // `changes` were sent; each was carried out unless the outcome says that it was refused.
  void sent(const std::vector<MeterChange>& changes, const ApplyOutcome& outcome);

  const Meters& desired() const { return desired_; }
  const Meters& actual() const { return actual_; }
  // Of the desired ones, those that found() did not find as they should be.
  const std::set<std::uint32_t>& amiss() const { return amiss_; }
  std::size_t refused() const { return refused_.size(); }

 private:
  Meters desired_, actual_;
  std::set<std::uint32_t> refused_;
  std::set<std::uint32_t> amiss_;
};

}  // namespace mooring::ovs
