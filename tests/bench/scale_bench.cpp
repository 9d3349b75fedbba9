// The simulator of scripts/bench scale: an overlay's agents in one process, on one real mooring-controller.
#include <iostream>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <spdlog/spdlog.h>

#include "bench/scale_run.hpp"
#include "mooring/ovs/library.hpp"

int main(int argc, char** argv) {
  using namespace mooring::bench;
  ScaleOptions options;
  CLI::App app("Simulates the agents of an overlay on one controller, and prints what they saw, as JSON lines");
  app.add_option("--socket", options.socket, "of the controller")->required();
  app.add_option("--agents", options.agents, "all together")->check(CLI::Range(2, 20'000));
  app.add_option("--whole", options.whole, "of them, with a whole replica each")->check(CLI::PositiveNumber);
  app.add_option("--thin", options.thin, "of them, with the agent's logic on a thin replica; the others listen");
  app.add_option("--in-use", options.in_use, "destinations of each agent");
  app.add_option("--adds", options.adds, "in --slow-seconds, and once more in --fast-seconds");
  app.add_option("--slow-seconds", options.slow_seconds);
  app.add_option("--fast-seconds", options.fast_seconds);
  app.add_option("--moves", options.moves, "pods that move, as many as the store has bindings");
  app.add_option("--move-seconds", options.move_seconds);
  CLI11_PARSE(app, argc, argv);
  spdlog::set_level(spdlog::level::err);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  mooring::ovs::initialise("mooring-scale");
  try {
    run_scale(options);
  } catch (const std::exception& error) {
    std::cerr << "scale_bench: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
