// Thousands of simulated agents (scale_agent.hpp) on one real controller: ADDs, moves, a restart.
#pragma once

#include <cstddef>
#include <string>

#include <nlohmann/json.hpp>

namespace mooring::bench {

// The store has bindings team-N/checkout-service-N of 0 … moves - 1 (ipam_store --bindings) and nodes n0 ….
struct ScaleOptions {
  std::string socket;
  std::size_t agents = 2000;
  std::size_t whole = 16;    // of them, with everything real
  std::size_t thin = 200;    // with the agent's logic on a thin replica; all others listen
  std::size_t in_use = 100;  // destinations of an agent
  std::size_t adds = 500;    // in slow_seconds, and once more in fast_seconds
  double slow_seconds = 30;
  double fast_seconds = 5;
  std::size_t moves = 1000;
  double move_seconds = 20;
};

// Prints {"begin": PHASE} and {"end": PHASE, …figures} a line, so that a watcher can look at the controller meanwhile;
// in phase "restart" the controller has to be killed and started again. The last line is {"wrong": […]}.
void run_scale(const ScaleOptions& options);

}  // namespace mooring::bench
