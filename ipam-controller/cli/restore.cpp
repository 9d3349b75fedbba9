// restore: what a store made from a backup waits for, and the end of waiting
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "ipam-controller/cli/store_commands.hpp"

namespace mooring::ctl {
namespace {

struct FinishWords {
  std::vector<std::string> without;
  bool leave_out = false;
};

void print_adoption(std::ostream& out, const Json& json) {
  out << fmt::format("ports: {} are as the store has them, {} are taken over from nodes\n", cell_of(json, "known"),
                     cell_of(json, "adopted"));
  for (const Json& text : field_at(json, "replaced")) {
    out << "  replaces " << cell_text(text) << '\n';
  }
  for (const Json& left : field_at(json, "left_out")) {
    out << fmt::format("  {} {} of node {}: {}\n",
                       field_at(left, "harmless") == true ? "not taken over:" : "CANNOT BE TAKEN OVER:",
                       cell_of(left, "attachment"), cell_of(left, "node"), cell_of(left, "text"));
  }
}

Result<void> show_status(ControllerSession& session, Invocation& invocation) {
  const auto status = session.get("/v1/restore");
  if (!status) {
    return status.error();
  }
  if (invocation.format == Format::json || invocation.format == Format::yaml) {
    print_document(invocation.out, *status, invocation.format);
    return ok();
  }
  if (field_at(*status, "restoring") != true) {
    invocation.out << "the store is whole: nothing is being restored\n";
    return ok();
  }
  invocation.out << "the store was made from a backup; it only reads until every node has reported\n";
  for (const Json& node : field_at(*status, "nodes")) {
    invocation.out << fmt::format("  {:<12} {} ({} ports)\n", cell_of(node, "state"), cell_of(node, "name"),
                                  cell_of(node, "ports"));
  }
  print_adoption(invocation.out, *status);
  return ok();
}

Result<void> finish(ControllerSession& session, Invocation& invocation, const FinishWords& words) {
  const Json order = {{"without", words.without}, {"leave_out", words.leave_out}};
  const auto outcome = session.post("/v1/restore:finish", order);
  if (!outcome) {
    return outcome.error();
  }
  if (invocation.format == Format::json || invocation.format == Format::yaml) {
    print_document(invocation.out, *outcome, invocation.format);
    return ok();
  }
  invocation.out << fmt::format("{} at revision {}\n",
                                session.dry_run() ? "the restore would be finished" : "the restore is finished",
                                cell_of(*outcome, "revision"));
  print_adoption(invocation.out, *outcome);
  return ok();
}

}  // namespace

void add_restore(CLI::App& app, Invocation& invocation) {
  CLI::App* command =
      app.add_subcommand("restore", "a store made from a backup: what it waits for, and the end of waiting");
  command->require_subcommand(1);
  command->footer(
      R"(A controller whose store was made from a backup (mooring-controller restore) only reads, until every node that it
knows has said what it holds. Then what came after the backup is taken over, and it goes on by itself.

Examples:
  mooringctl restore status
  mooringctl restore finish --without node-7 --dry-run)");
  CLI::App* status = command->add_subcommand("status", "which nodes have reported, and what would be taken over");
  status->callback([&invocation] {
    invocation.action = [&invocation](ControllerSession& session) { return show_status(session, invocation); };
  });
  CLI::App* end = command->add_subcommand("finish", "do not wait any longer");
  const auto words = std::make_shared<FinishWords>();
  end->add_option("--without", words->without, "a node that will not report; may be repeated")->type_name("NODE");
  end->add_flag("--leave-out", words->leave_out, "leave out live ports that cannot be taken over");
  end->callback([&invocation, words] {
    invocation.action = [&invocation, words](ControllerSession& session) {
      return finish(session, invocation, *words);
    };
  });
  for (CLI::App* part : {status, end}) {
    part->fallthrough();
  }
}

}  // namespace mooring::ctl
