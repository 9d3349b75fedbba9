// What each flow of a gateway's pipeline means to the packet that met it, for counters (docs/ovs-pipeline.md has the
// tables). Pure. Threading: functions.
#pragma once

#include "mooring/metrics/flow_meaning.hpp"
#include "mooring/ovs/flow.hpp"

namespace mooring::gateway {

// Drops by reason; of what goes on, "to-overlay" (relayed, or from the physical side) and "to-physical".
metrics::FlowMeaning flow_meaning(const ovs::Flow& flow);

}  // namespace mooring::gateway
