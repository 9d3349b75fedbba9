// What has to be taken back if an ADD does not end well, last step first.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "mooring/base/error.hpp"

namespace mooring::cni {

class Undo {
 public:
  Undo() = default;
  Undo(Undo&& other) noexcept : steps_(std::exchange(other.steps_, {})) {}
  Undo& operator=(Undo&&) = delete;
  // Runs what was not dismissed.
  ~Undo() { run(); }

  // `what` names the step in the log when undoing it fails: "deleting link mo…". A step whose object is away already
  // answers success or Errc::not_found.
  void add(std::string what, std::function<Result<void>()> step);
  // All steps, also after one that failed: CNI DEL or the agent's reconciliation finds what is left.
  void run();
  // The last step turned out to have made nothing.
  void forget_last() { steps_.pop_back(); }
  // The ADD is good: keep everything.
  void dismiss() { steps_.clear(); }

 private:
  struct Step {
    std::string what;
    std::function<Result<void>()> take_back;
  };
  std::vector<Step> steps_;
};

}  // namespace mooring::cni
