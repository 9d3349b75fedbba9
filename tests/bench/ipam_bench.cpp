// The load that scripts/bench ipam puts on a mooring-controller, over its unix socket. Prints one JSON object a line.
#include <iostream>

#include <CLI/CLI.hpp>

#include "bench/ipam_load.hpp"
#include "bench/ipam_watch.hpp"

int main(int argc, char** argv) {
  using namespace mooring::bench;
  CLI::App app("Loads a mooring-controller and prints what its answers took, as JSON");
  app.require_subcommand(1);
  LoadOptions load;
  CLI::App* load_command = app.add_subcommand("load", "clients that allocate");
  load_command->add_option("--socket", load.socket, "of the controller")->required();
  load_command->add_option("--clients", load.clients, "calls at once")->check(CLI::Range(1, 10'000));
  load_command->add_option("--count", load.count, "allocations, all clients together");
  load_command->add_option("--repeat-every", load.repeat_every, "one in N is asked twice; 0: none");
  load_command->add_option("--nodes", load.nodes, "spread over n0, n1, … of these")->check(CLI::PositiveNumber);
  load_command->add_option("--prefix", load.prefix, "of the hostnames");
  load_command->add_option("--pool", load.pool, "allocate from this one");
  load_command->add_flag("--pairs", load.pairs, "release each address before the next is asked for");
  load_command->add_flag("--keep", load.keep, "do not release");
  WatchOptions watch;
  CLI::App* watch_command = app.add_subcommand("watch", "watch streams, while changes are made");
  watch_command->add_option("--socket", watch.socket, "of the controller")->required();
  watch_command->add_option("--watchers", watch.watchers, "streams")->check(CLI::Range(1, 50'000));
  watch_command->add_option("--rate", watch.changes_per_second, "changes a second")->check(CLI::PositiveNumber);
  watch_command->add_option("--seconds", watch.seconds, "of changes")->check(CLI::PositiveNumber);
  watch_command->add_flag("--restart", watch.restart,
                          "then print {\"ready_for\":\"restart\"}, wait for a controller that is gone and comes back, "
                          "and go on for as long again");
  CLI11_PARSE(app, argc, argv);
  try {
    std::cout << (load_command->parsed() ? run_load(load) : run_watch(watch)).dump() << "\n";
  } catch (const std::exception& error) {
    std::cerr << "ipam_bench: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
