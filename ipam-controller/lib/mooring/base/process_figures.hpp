// What the kernel knows of this process: for the metrics that every exporter has (process_…).
// Threading: reads /proc; a few microseconds.
#pragma once

#include <cstdint>

namespace mooring {

struct ProcessFigures {
  double cpu_seconds = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;
  double start_time_seconds = 0;  // Unix time
};

ProcessFigures process_figures();

}  // namespace mooring
