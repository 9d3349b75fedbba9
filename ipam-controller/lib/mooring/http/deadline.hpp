// A point in time after which waiting ends. Every wait of this library takes one.
#pragma once

#include <chrono>

namespace mooring::http {

using Deadline = std::chrono::steady_clock::time_point;

// "in 200 ms": client.request(…, after(std::chrono::milliseconds(200)))
inline Deadline after(std::chrono::nanoseconds duration) {
  return std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(duration);
}

}  // namespace mooring::http
