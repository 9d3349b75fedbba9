// Waiting in a loop that does the work meanwhile. Threading: one thread.
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

namespace mooring::bench {

// Throws std::runtime_error when `longest` is over before `condition` holds.
template <class Condition, class Step>
void step_until(std::chrono::seconds longest, const std::string& what, Condition condition, Step step) {
  const auto deadline = std::chrono::steady_clock::now() + longest;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error(fmt::format("waited {} s until {}", longest.count(), what));
    }
    step();
  }
}

}  // namespace mooring::bench
