// What each flow of a node's pipeline means to the packet that met it, for counters (docs/ovs-pipeline.md has the
// tables). Pure. Threading: functions.
#pragma once

#include <string_view>

#include "mooring/metrics/flow_meaning.hpp"
#include "mooring/ovs/flow.hpp"

namespace mooring::agent {

// Drops by reason, and of br-tun the packets sent: "direct" to the node that has the address, "relay" by a gateway,
// "hairpin" after an address that moved away. A drop that no line here knows is "other".
metrics::FlowMeaning flow_meaning(std::string_view bridge, const ovs::Flow& flow);

}  // namespace mooring::agent
