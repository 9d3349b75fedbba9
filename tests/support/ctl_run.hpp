// One call of mooringctl, in this process, against a real controller. Threading: one thread.
#pragma once

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "ipam-controller/cli/program.hpp"
#include "support/controller_process.hpp"

namespace mooring::tests {

struct CtlOutcome {
  int status = -1;
  std::string out;
  std::string err;
};

inline CtlOutcome run_ctl(const ControllerProcess& controller, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"--server", "unix:" + controller.socket_path()});
  std::ostringstream out;
  std::ostringstream err;
  CtlOutcome outcome;
  outcome.status = ctl::run(std::move(arguments), out, err);
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

}  // namespace mooring::tests
