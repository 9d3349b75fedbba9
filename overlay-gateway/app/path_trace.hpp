// The gateway's answer to the controller's question "trace" (mooring/ipam_api/trace.hpp): what its switch would do with
// a packet from a tunnel or from the physical network. Blocks for at most `deadline`. Threading: any one thread.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "mooring/ipam_api/trace.hpp"
#include "mooring/net/address.hpp"
#include "mooring/trace/walk.hpp"

namespace mooring::gateway {

// The name of the access rule that a flow with that cookie is of, with what it says: "rule no-mail (deny, order 10)";
// "" for other flows.
using RuleNamer = std::function<std::string(std::uint64_t cookie)>;

// Errors: invalid_argument; what cannot be asked of the switch is a hop that says so.
Result<ipam_api::Json> answer_trace(const ipam_api::Json& arguments, const std::string& ovs_rundir,
                                    net::Ipv4Address vtep, std::chrono::milliseconds deadline, const RuleNamer& rule);

// What the walk means on a gateway.
ipam_api::TraceAnswer read_walk(const trace::Walk& walk, const RuleNamer& rule);

}  // namespace mooring::gateway
