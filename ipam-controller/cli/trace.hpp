// mooringctl trace (docs/howto/trace.md).
// Threading: one thread.
#pragma once

#include "ipam-controller/cli/commands.hpp"

namespace mooring::ctl {

void add_trace(CLI::App& app, Invocation& invocation);

}  // namespace mooring::ctl
