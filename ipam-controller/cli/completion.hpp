// Shell completion: the scripts, and what they ask for at each tab.
// Threading: one thread.
#pragma once

#include <string>
#include <vector>

#include "ipam-controller/cli/commands.hpp"

namespace mooring::ctl {

// `mooringctl __complete -- WORDS…`: what may stand in place of the last word, one a line on `invocation.out`. Commands
// and options come from `app`, names of objects from the controller (none when it does not answer within a second).
// `words` without the program's name, the last one perhaps empty. Always 0: a shell has no use for errors here.
int complete(CLI::App& app, Invocation& invocation, std::vector<std::string> words);

void add_completion(CLI::App& app, Invocation& invocation);

}  // namespace mooring::ctl
