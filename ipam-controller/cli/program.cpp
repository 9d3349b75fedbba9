#include "ipam-controller/cli/program.hpp"

#include <algorithm>
#include <cstdlib>
#include <ostream>

#include <fmt/format.h>

#include "ipam-controller/cli/commands.hpp"
#include "ipam-controller/cli/completion.hpp"
#include "ipam-controller/cli/plan.hpp"
#include "ipam-controller/cli/store_commands.hpp"
#include "ipam-controller/cli/trace.hpp"

namespace mooring::ctl {
namespace {

constexpr int usage_error = 2;

int report(const CLI::App& app, std::ostream& err, const Error& error) {
  err << "error: " << error.message() << '\n';
  if (!error.hint().empty()) {
    err << "hint: " << error.hint() << '\n';
  }
  return app.got_subcommand("plan") ? plan_failed : error.info().exit_code;
}

void add_global_options(CLI::App& app, Invocation& invocation, std::uint64_t& timeout_seconds) {
  app.add_option("--server", invocation.session.server, "the controller: unix:/PATH or http://HOST:PORT")
      ->envname("MOORING_SERVER")
      ->type_name("ENDPOINT")
      ->capture_default_str();
  app.add_option("--token-file", invocation.session.token_file, "file with the token, for a controller over TCP")
      ->envname("MOORING_TOKEN_FILE")
      ->type_name("FILE");
  app.add_option("-o,--output", invocation.format_text, "table, wide, json or yaml")
      ->type_name("FORMAT")
      ->capture_default_str();
  app.add_option("--timeout", timeout_seconds, "for each request, in seconds")
      ->check(CLI::Range(1, 3600))
      ->type_name("SECONDS")
      ->capture_default_str();
  app.add_flag("--dry-run", invocation.session.dry_run, "every change is checked and shown, and not made");
  app.add_option("--reason", invocation.session.reason, "why, for the audit ledger")->type_name("TEXT");
}

// The name of the command whose --help is worth reading.
std::string path_of_command(const CLI::App& app) {
  std::string path = "mooringctl";
  for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    path += " " + at->get_name();
  }
  return path;
}

}  // namespace

int run(std::vector<std::string> arguments, std::ostream& out, std::ostream& err) {
  Invocation invocation(out, err);
  std::uint64_t timeout_seconds = 10;
  CLI::App app("mooringctl: networks, pools, bindings, ports and everything else of Mooring's IP controller",
               "mooringctl");
  app.footer(R"(Examples:
  mooringctl get ports
  mooringctl create binding prod/db-0 --address 10.100.16.10
  mooringctl COMMAND --help

Exit codes: 0 fine; 1 a problem (refused, away, different); 2 wrong usage or a malformed value; 3 of
"fsck": no difference, but not all nodes answered. Of "plan": 0 it fits; 2 it does not; 1 anything else.)");
  app.set_version_flag("--version", "mooringctl " MOORING_VERSION);
  app.require_subcommand(1);
  add_global_options(app, invocation, timeout_seconds);
  add_get(app, invocation);
  add_describe(app, invocation);
  add_create(app, invocation);
  add_delete(app, invocation);
  add_node(app, invocation);
  add_gateway(app, invocation);
  add_fsck(app, invocation);
  add_workload(app, invocation);
  add_extra_address(app, invocation);
  add_block(app, invocation);
  add_label(app, invocation);
  add_backup(app, invocation);
  add_restore(app, invocation);
  add_watch(app, invocation);
  add_import(app, invocation);
  add_export(app, invocation);
  add_apply(app, invocation);
  add_diff(app, invocation);
  add_edit(app, invocation);
  add_feed(app, invocation);
  add_events(app, invocation);
  add_audit(app, invocation);
  add_history(app, invocation);
  add_explain(app, invocation);
  add_trace(app, invocation);
  add_plan(app, invocation);
  add_version(app, invocation);
  add_completion(app, invocation);
  for (CLI::App* command : app.get_subcommands({})) {
    command->fallthrough();  // -o and --server may stand behind the verb
  }
  if (!arguments.empty() && arguments.front() == "__complete") {
    if (const char* server = std::getenv("MOORING_SERVER")) {
      invocation.session.server = server;
    }
    if (const char* token_file = std::getenv("MOORING_TOKEN_FILE")) {
      invocation.session.token_file = token_file;
    }
    const bool dashes = arguments.size() > 1 && arguments[1] == "--";
    return complete(app, invocation, {arguments.begin() + (dashes ? 2 : 1), arguments.end()});
  }
  try {
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& problem) {
    if (problem.get_exit_code() == 0) {
      return app.exit(problem, out, err);  // --help
    }
    err << "error: " << problem.what() << "\nhint: " << path_of_command(app) << " --help\n";
    return app.got_subcommand("plan") ? plan_failed : usage_error;
  }
  if (!invocation.csv_too || invocation.format_text != "csv") {
    const auto format = parse_format(invocation.format_text);
    if (!format) {
      return report(app, err, format.error());
    }
    invocation.format = *format;
  }
  invocation.session.timeout = std::chrono::seconds(timeout_seconds);
  auto session = ControllerSession::open(invocation.session);
  if (!session) {
    return report(app, err, session.error());
  }
  const auto done = invocation.action(*session);
  return done ? invocation.exit_code : report(app, err, done.error());
}

}  // namespace mooring::ctl
