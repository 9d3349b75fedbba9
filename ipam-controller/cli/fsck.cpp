// fsck: the controller's records against its nodes (docs/reference/fsck.md).
#include <memory>
#include <ostream>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "ipam-controller/cli/commands.hpp"
#include "mooring/http/message.hpp"

namespace mooring::ctl {
namespace {

constexpr int differences_found = 1;
constexpr int not_all_answered = 3;

struct Words {
  std::vector<std::string> nodes;
  std::uint64_t deadline_seconds = 20;
  bool repair = false;
  bool force = false;
};

std::string progress_text(const Json& line) {
  return fmt::format("asking nodes{}: {} of {} have answered", field_at(line, "round") == 2 ? " again" : "",
                     cell_of(line, "answered"), cell_of(line, "nodes"));
}

// On a terminal one line that is written over, else nothing: a log needs the end alone.
class Progress {
 public:
  explicit Progress(std::ostream& err) : err_(err), shown_(::isatty(STDERR_FILENO) == 1) {}
  void show(const Json& line) {
    if (shown_) {
      err_ << '\r' << progress_text(line) << "\x1b[K" << std::flush;
      dirty_ = true;
    }
  }
  void end() {
    if (dirty_) {
      err_ << "\r\x1b[K" << std::flush;
    }
  }

 private:
  std::ostream& err_;
  bool shown_;
  bool dirty_ = false;
};

Result<Json> result_of(ControllerSession& session, const Words& words, std::ostream& err) {
  Progress progress(err);
  const auto patience = std::chrono::seconds(words.deadline_seconds * 2 + 60);
  while (true) {
    const auto line = session.next_line(patience);
    if (!line) {
      progress.end();
      return line.error();
    }
    auto json = ipam_api::parse_json("a line of the answer", *line);
    if (!json) {
      progress.end();
      return json.error();
    }
    if (field_at(*json, "type") == "result") {
      progress.end();
      return json;
    }
    progress.show(*json);
  }
}

Result<void> begin(ControllerSession& session, const Words& words) {
  if (words.repair) {
    const Json body = {{"nodes", words.nodes}, {"force", words.force}, {"deadline_seconds", words.deadline_seconds}};
    return session.begin_stream("POST", "/v1/fsck:repair", body.dump());
  }
  std::string target = fmt::format("/v1/fsck?deadline_seconds={}", words.deadline_seconds);
  if (!words.nodes.empty()) {
    target += "&node=" + http::percent_encoded(words.nodes.front());
  }
  return session.begin_stream(target);
}

void print(std::ostream& out, const Json& result, bool repaired) {
  const Json& differences = field_at(result, "differences");
  if (!differences.empty()) {
    TextTable table({"NODE", "KIND", "POD", "ADDRESS", "DETAIL", repaired ? "OUTCOME" : "REPAIR"});
    for (const Json& found : differences) {
      const std::string repair =
          field_at(found, "repair") == "none" ? "by hand: " + cell_of(found, "advice") : cell_of(found, "advice");
      const std::string subject = cell_of(found, field_at(found, "link").is_string() ? "link" : "pod");
      table.add({cell_of(found, "node"), cell_of(found, "kind"), subject, cell_of(found, "address"),
                 cell_of(found, "detail"), repaired ? cell_of(found, "outcome") : repair});
    }
    table.print(out);
    out << '\n';
  }
  std::size_t answered = 0;
  const Json& nodes = field_at(result, "nodes");
  for (const Json& node : nodes) {
    answered += field_at(node, "answered") == true ? 1U : 0U;
  }
  for (const Json& node : nodes) {
    if (field_at(node, "answered") != true) {
      out << fmt::format("node {} is not compared: {}\n", cell_of(node, "name"), cell_of(node, "reason"));
    }
  }
  out << fmt::format("{} of {} nodes compared, {}\n", answered, nodes.size(),
                     differences.empty()       ? "no difference"
                     : differences.size() == 1 ? "1 difference"
                                               : fmt::format("{} differences", differences.size()));
}

int exit_code_of(const Json& result) {
  for (const Json& found : field_at(result, "differences")) {
    if (field_at(found, "repaired") != true) {
      return differences_found;
    }
  }
  for (const Json& node : field_at(result, "nodes")) {
    if (field_at(node, "answered") != true) {
      return not_all_answered;
    }
  }
  return 0;
}

Result<void> fsck(ControllerSession& session, Invocation& invocation, const Words& words) {
  if (words.force && !words.repair) {
    return Error(Errc::invalid_argument, "--force goes with --repair");
  }
  if (const auto begun = begin(session, words); !begun) {
    return begun;
  }
  const auto result = result_of(session, words, invocation.err);
  if (!result) {
    return result.error();
  }
  if (invocation.format == Format::json || invocation.format == Format::yaml) {
    Json document = *result;
    document.erase("type");
    print_document(invocation.out, document, invocation.format);
  } else {
    print(invocation.out, *result, words.repair);
  }
  invocation.exit_code = exit_code_of(*result);
  return ok();
}

}  // namespace

void add_fsck(CLI::App& app, Invocation& invocation) {
  const auto words = std::make_shared<Words>();
  CLI::App* command = app.add_subcommand("fsck", "compare the controller's records with what the nodes have");
  command->footer(
      R"(Every node is asked for what Open vSwitch, the kernel and its journal say. A difference is listed when it was seen
twice. Of a node that does not answer nothing is concluded.

Examples:
  mooringctl fsck
  mooringctl fsck --node h1 -o json
  mooringctl fsck --repair

Exit codes: 0 no difference (or all repaired), 1 differences, 2 wrong usage, 3 no difference, but not all nodes answered.)");
  command->add_option("--node", words->nodes, "only that node; with --repair several")->type_name("NAME");
  command->add_option("--deadline", words->deadline_seconds, "how long nodes may take to answer, in seconds")
      ->check(CLI::Range(1, 600))
      ->type_name("SECONDS")
      ->capture_default_str();
  command->add_flag("--repair", words->repair, "put right what can be put right, after looking again");
  command->add_flag("--force", words->force, "even if a node would lose more than five, and a tenth, of its ports");
  command->callback([&invocation, words] {
    invocation.action = [&invocation, words](ControllerSession& session) { return fsck(session, invocation, *words); };
  });
}

}  // namespace mooring::ctl
