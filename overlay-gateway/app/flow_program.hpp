// Keeps a FlowSync in line with the FlowPlan: groups of flows in, changes out. Flows whose text did not change are not
// parsed again.
// Threading: one thread, that of the FlowSync.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "mooring/ovs/flow_sync.hpp"
#include "overlay-gateway/domain/flow_plan.hpp"

namespace mooring::gateway {

class FlowProgram {
 public:
  FlowProgram(const FlowPlan& plan, ovs::FlowSync& sync);

  // Desires the flows of these groups as they are now. A line that cannot be parsed is a bug of the plan: it throws.
  void update(FlowGroups groups);

 private:
  struct Programmed {
    std::string lines;  // joined; only to see whether they changed
    std::vector<ovs::FlowKey> keys;
    std::vector<std::uint32_t> groups;  // of the switch
  };

  const FlowPlan& plan_;
  ovs::FlowSync& sync_;
  std::map<FlowGroup, Programmed> programmed_;
};

}  // namespace mooring::gateway
