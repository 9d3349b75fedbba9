// plan: what would become of pods if something were done.
// Threading: one thread.
#pragma once

#include "ipam-controller/cli/commands.hpp"

namespace mooring::ctl {

// Its exit code 2 is "does not fit"; whatever fails has 1, wrong usage too.
inline constexpr int plan_does_not_fit = 2;
inline constexpr int plan_failed = 1;

void add_plan(CLI::App& app, Invocation& invocation);

}  // namespace mooring::ctl
