// The verbs of mooringctl. Each adds its subcommand to the command line; parsing leaves in Invocation what to do.
// Threading: one thread.
#pragma once

#include <functional>
#include <iosfwd>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "ipam-controller/cli/controller_session.hpp"
#include "ipam-controller/cli/output.hpp"

namespace mooring::ctl {

struct Invocation {
  Invocation(std::ostream& out_, std::ostream& err_) : out(out_), err(err_) {}
  std::ostream& out;
  std::ostream& err;
  SessionOptions session;
  std::string format_text = "table";
  Format format = Format::table;
  bool csv_too = false;  // the command has -o csv beside the formats of all: it reads format_text itself
  // Of an action that succeeded: what it found may be worth a code of its own.
  int exit_code = 0;
  // Set by the subcommand that was named; runs after the whole command line is known to be right.
  std::function<Result<void>(ControllerSession&)> action;
};

void add_get(CLI::App& app, Invocation& invocation);
void add_describe(CLI::App& app, Invocation& invocation);
void add_create(CLI::App& app, Invocation& invocation);
void add_delete(CLI::App& app, Invocation& invocation);
void add_version(CLI::App& app, Invocation& invocation);
void add_fsck(CLI::App& app, Invocation& invocation);
void add_node(CLI::App& app, Invocation& invocation);
void add_gateway(CLI::App& app, Invocation& invocation);
void add_watch(CLI::App& app, Invocation& invocation);
void add_import(CLI::App& app, Invocation& invocation);
void add_export(CLI::App& app, Invocation& invocation);
void add_apply(CLI::App& app, Invocation& invocation);
void add_diff(CLI::App& app, Invocation& invocation);
void add_edit(CLI::App& app, Invocation& invocation);
void add_workload(CLI::App& app, Invocation& invocation);
void add_extra_address(CLI::App& app, Invocation& invocation);
void add_block(CLI::App& app, Invocation& invocation);
void add_label(CLI::App& app, Invocation& invocation);
void add_feed(CLI::App& app, Invocation& invocation);
void add_events(CLI::App& app, Invocation& invocation);
void add_audit(CLI::App& app, Invocation& invocation);
void add_history(CLI::App& app, Invocation& invocation);
void add_explain(CLI::App& app, Invocation& invocation);

}  // namespace mooring::ctl
