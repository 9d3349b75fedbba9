// `mooring-agent doctor`: looks a node over (docs/howto/doctor.md). Changes nothing; sends echo requests to the other
// nodes' and gateways' VTEPs. Threading: one thread; ends within about twenty seconds whatever is away.
#pragma once

#include <iosfwd>

#include "ovs-agent/config.hpp"

namespace mooring::agent::doctor {

// The exit code: 0 all right, 1 something to look at, 2 something broken.
int run(const Config& config, std::ostream& out);

}  // namespace mooring::agent::doctor
