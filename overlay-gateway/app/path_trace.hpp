// The gateway's answer to the controller's question "trace" (mooring/ipam_api/trace.hpp): what its switch would do with
// a packet from a tunnel. Blocks for at most `deadline`. Threading: any one thread.
#pragma once

#include <chrono>

#include "mooring/ipam_api/trace.hpp"
#include "mooring/net/address.hpp"
#include "mooring/trace/walk.hpp"

namespace mooring::gateway {

// Errors: invalid_argument; what cannot be asked of the switch is a hop that says so.
Result<ipam_api::Json> answer_trace(const ipam_api::Json& arguments, const std::string& ovs_rundir,
                                    net::Ipv4Address vtep, std::chrono::milliseconds deadline);

// What the walk means on a gateway.
ipam_api::TraceAnswer read_walk(const trace::Walk& walk);

}  // namespace mooring::gateway
