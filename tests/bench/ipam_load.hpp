// Many clients that allocate at once, each on a connection of its own, one call at a time.
#pragma once

#include <cstddef>
#include <string>

#include <nlohmann/json.hpp>

namespace mooring::bench {

struct LoadOptions {
  std::string socket;
  std::size_t clients = 64;
  std::size_t count = 10'000;      // allocations that are timed, of all clients together
  std::size_t repeat_every = 100;  // one in so many is asked again, and must be answered with the same text; 0: none
  std::size_t nodes = 1;           // n0, n1, …: must be registered
  std::string prefix = "bench";    // of hostnames and containers
  std::string pool;                // wished; "": the default
  bool pairs = false;              // release each address before the next is asked for; otherwise all at the end
  bool keep = false;               // do not release at the end
};

// {"calls", "seconds", "per_second", "p50_us", "p99_us", "max_us", "repeated", "releases_per_second", "wrong": […]}:
// `wrong` has every answer that must not be: an error, an address that somebody holds, a repeated call answered
// differently.
nlohmann::json run_load(const LoadOptions& options);

// {"p50_us": …, …} of durations in microseconds; sorts them.
nlohmann::json percentiles(std::vector<double>& microseconds);

}  // namespace mooring::bench
