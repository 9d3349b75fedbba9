// `mooring-agent replay`: programs what an agent would from what is on the disk, and ends. For a node whose vswitchd
// was started again while its agent is dead: systemd runs it after every start of vswitchd
// (packaging/mooring-replay.service). It deletes no flow, gives no address and tells nobody anything. Threading: one
// thread; blocks for at most 10 s.
#pragma once

#include <iosfwd>

#include "ovs-agent/config.hpp"

namespace mooring::agent {

// The exit code: 0 the flows are there, or an agent is and programs them itself; 1 they are not, and why is logged.
int replay(const Config& config, std::ostream& out);

}  // namespace mooring::agent
