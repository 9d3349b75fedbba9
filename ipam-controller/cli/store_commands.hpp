// The verbs about the controller's store as a whole.
// Threading: as commands.hpp.
#pragma once

#include "ipam-controller/cli/commands.hpp"

namespace mooring::ctl {

void add_backup(CLI::App& app, Invocation& invocation);
void add_restore(CLI::App& app, Invocation& invocation);

}  // namespace mooring::ctl
