#include "cni-plugin/timing.hpp"

#include <cstdlib>

#include <fmt/format.h>

#include "cni-plugin/log.hpp"

namespace mooring::cni {

Timing::Timing() : wanted_(std::getenv("MOORING_TIMING") != nullptr), last_(Clock::now()) {}

void Timing::step(std::string_view name) {
  if (wanted_) {
    const Deadline now = Clock::now();
    steps_.emplace_back(name, std::chrono::duration<double, std::milli>(now - last_).count());
    last_ = now;
  }
}

void Timing::tell() const {
  if (wanted_) {
    std::string line = "timing:";
    for (const auto& [name, milliseconds] : steps_) {
      line += fmt::format(" {} {:.3f}", name, milliseconds);
    }
    log_line(line);
  }
}

}  // namespace mooring::cni
