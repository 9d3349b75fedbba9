// A verb that is said of one named object: "mooringctl node unfence NAME". Threading: one thread.
#pragma once

#include <memory>

#include "ipam-controller/cli/commands.hpp"

namespace mooring::ctl {

// Below `parent`; `words` has a `name`, which becomes NAME, and lives as long as the command line. `what`: "the node".
template <class Words>
CLI::App* add_named_verb(CLI::App& parent, Invocation& invocation, const std::shared_ptr<Words>& words,
                         const char* verb, const char* what, const char* description,
                         Result<void> (*run)(ControllerSession&, Invocation&, const Words&)) {
  CLI::App* command = parent.add_subcommand(verb, description);
  command->add_option("NAME", words->name, what)->required()->type_name("");
  command->fallthrough();
  command->callback([&invocation, words, run] {
    invocation.action = [&invocation, words, run](ControllerSession& session) {
      return run(session, invocation, *words);
    };
  });
  return command;
}

}  // namespace mooring::ctl
