// mooring-cni: puts the CNI plugin and its configuration where container runtimes look for them, and takes them away.
#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cni-plugin/installer/installation.hpp"

namespace {

using namespace mooring;

constexpr const char* example =
    "Examples:\n"
    "  mooring-cni install --wait 600\n"
    "  mooring-cni install --plugin-folder /host/opt/cni/bin --conf-folder /host/etc/cni/net.d    (in a DaemonSet)\n"
    "  mooring-cni status\n"
    "\n"
    "Exit status: 0 done, 1 failed or (status) something is not in place, 2 wrong options.";

void print(const std::vector<installer::Part>& parts) {
  std::size_t widest = 0;
  for (const auto& part : parts) {
    widest = std::max(widest, part.path.size());
  }
  fmt::print("{:<9} {:<{}} {}\n", "PART", "WHERE", widest, "STATE");
  for (const auto& part : parts) {
    fmt::print("{:<9} {:<{}} {}\n", part.name, part.path, widest, part.state);
  }
}

}  // namespace

int main(int argc, char** argv) {
  installer::Places places;
  unsigned wait_seconds = 60;
  bool force = false;

  CLI::App app("Installs Mooring's CNI plugin on a node, for container runtimes to find", "mooring-cni");
  app.footer(example);
  app.set_version_flag("--version", std::string("mooring-cni " MOORING_VERSION));
  app.require_subcommand(1);
  auto* install = app.add_subcommand("install", "plugins first, then, when the agent is ready, the conflist");
  auto* uninstall = app.add_subcommand("uninstall", "removes the conflist, then the plugins");
  auto* status = app.add_subcommand("status", "is everything in place, and the agent ready?");
  for (CLI::App* command : {install, uninstall, status}) {
    command->add_option("--source", places.source, "folder of the plugins as packaged")->capture_default_str();
    command->add_option("--conflist", places.conflist, "the configuration to install, under its own name")
        ->capture_default_str();
    command->add_option("--plugin-folder", places.plugin_folder, "where the runtime looks for plugins")
        ->capture_default_str();
    command->add_option("--conf-folder", places.conf_folder, "where the runtime looks for configurations")
        ->capture_default_str();
  }
  install->add_option("--wait", wait_seconds, "seconds to wait for the agent, 0 to 86400")
      ->check(CLI::Range(0U, 86400U))
      ->capture_default_str();
  uninstall->add_flag("--force", force, "even while containers have ports here");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  const auto interruption = cni::Interruption::by_termination_signals();
  if (status->parsed()) {
    const auto parts = installer::inspect(places, interruption);
    print(parts);
    return std::all_of(parts.begin(), parts.end(), [](const auto& part) { return part.fine; }) ? 0 : 1;
  }
  const auto tell = [](const std::string& line) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
  };
  const auto done = install->parsed()
                        ? installer::install(places, std::chrono::seconds(wait_seconds), interruption, tell)
                        : installer::uninstall(places, force, interruption, tell);
  if (!done) {
    fmt::print(stderr, "mooring-cni: {}\n", done.error().text());
    return 1;
  }
  return 0;
}
