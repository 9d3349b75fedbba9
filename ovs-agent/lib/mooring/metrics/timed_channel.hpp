// A FlowChannel that tells how long each bundle took, from handing it over to the switch's barrier.
//
//   options.dial = timed(dial_openflow(…), [&](std::chrono::nanoseconds took) { histogram.observe(took); });
//
// Threading: that of the channel's owner.
#pragma once

#include <chrono>
#include <functional>

#include "mooring/ovs/flow_sync.hpp"

namespace mooring::metrics {

// `took` is called for bundles that the switch has taken.
ovs::FlowSync::Dial timed(ovs::FlowSync::Dial dial, std::function<void(std::chrono::nanoseconds took)> took);

}  // namespace mooring::metrics
