#include "cni-plugin/undo.hpp"

#include <exception>

#include "cni-plugin/log.hpp"

namespace mooring::cni {

void Undo::add(std::string what, std::function<Result<void>()> step) {
  steps_.push_back({std::move(what), std::move(step)});
}

void Undo::run() {
  while (!steps_.empty()) {
    const Step step = std::move(steps_.back());
    steps_.pop_back();
    try {
      const auto done = step.take_back();
      if (!done && done.error().code() != Errc::not_found) {
        log_line(step.what + " (undoing the ADD): " + done.error().text());
      }
    } catch (const std::exception& error) {
      log_line(step.what + " (undoing the ADD): unexpected: " + error.what());
    }
  }
}

}  // namespace mooring::cni
