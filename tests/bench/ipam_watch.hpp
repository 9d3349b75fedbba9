// Thousands of watch streams in one process, while changes are made at a steady rate.
#pragma once

#include <cstddef>
#include <string>

#include <nlohmann/json.hpp>

namespace mooring::bench {

struct WatchOptions {
  std::string socket;
  std::size_t watchers = 2000;
  double changes_per_second = 100;
  double seconds = 10;   // of changes; with `restart` once more after it
  bool restart = false;  // print {"ready_for": "restart"} after `seconds`, and go on when the controller is back
};

// {"watchers", "changes", "deliveries", "p50_ms", "p99_ms", "max_ms", "resumed", "snapshots_after_restart",
//  "resume_seconds", "wrong": […]}. A latency is from the moment that a change was due to be asked for until a watcher
// has its frame, whole. `wrong`: what a watcher missed, got twice or out of order, and streams that ended unasked.
nlohmann::json run_watch(const WatchOptions& options);

}  // namespace mooring::bench
