// apply -f, diff -f: the objects of files, as one transaction
#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "ipam-controller/cli/commands.hpp"
#include "ipam-controller/cli/documents.hpp"
#include "ipam-controller/cli/text_diff.hpp"

namespace mooring::ctl {
namespace {

struct ApplyWords {
  std::vector<std::string> files;
};

// {"applied": …, "objects": [{"source", "kind", "name", "outcome", "before", "after", "error"}]}
Result<Json> send(ControllerSession& session, const std::vector<std::string>& files, bool dry_run) {
  auto objects = read_objects(files);
  if (!objects) {
    return objects.error();
  }
  sort_for_apply(*objects);
  Json list = Json::array();
  for (ObjectDocument& object : *objects) {
    list.push_back({{"source", object.source}, {"kind", object.kind}, {"spec", std::move(object.spec)}});
  }
  const auto answer =
      session.post(dry_run ? "/v1/objects:apply?dry_run=true" : "/v1/objects:apply", {{"objects", std::move(list)}});
  if (!answer) {
    return answer.error();
  }
  if (!field_at(*answer, "objects").is_array()) {
    return Error(Errc::unavailable, fmt::format("applying: the answer of {} has no objects", session.endpoint()),
                 "is that a mooring-controller?");
  }
  return answer;
}

// Every object that was refused, on stderr; the error that sums them up.
Result<void> refusals(Invocation& invocation, const Json& answer) {
  std::size_t refused = 0;
  for (const Json& object : field_at(answer, "objects")) {
    if (cell_of(object, "outcome") == "refused") {
      ++refused;
      const std::string hint = cell_of(object, "error.hint");
      invocation.err << cell_of(object, "source") << ": " << cell_of(object, "error.detail")
                     << (hint == "-" ? "" : " (" + hint + ")") << '\n';
    }
  }
  if (refused == 0) {
    return ok();
  }
  const std::size_t all = field_at(answer, "objects").size();
  return Error(Errc::conflict,
               fmt::format("applying {} object{}: {} refused, so nothing was changed", all, all == 1 ? "" : "s",
                           refused == 1 ? "1 was" : fmt::format("{} were", refused)),
               fmt::format("correct {} and apply {} again", refused == 1 ? "it" : "them", all == 1 ? "it" : "all"));
}

Result<void> run_apply(ControllerSession& session, Invocation& invocation, const ApplyWords& words) {
  const auto answer = send(session, words.files, session.dry_run());
  if (!answer) {
    return answer.error();
  }
  if (auto fine = refusals(invocation, *answer); !fine) {
    return fine;
  }
  if (invocation.format == Format::json || invocation.format == Format::yaml) {
    print_document(invocation.out, *answer, invocation.format);
    return ok();
  }
  for (const Json& object : field_at(*answer, "objects")) {
    invocation.out << cell_of(object, "kind") << ' ' << cell_of(object, "name") << ' ' << cell_of(object, "outcome")
                   << (session.dry_run() ? " (dry run)" : "") << '\n';
  }
  return ok();
}

// Without what is the controller's own, so that a diff shows what people wrote.
std::string shown(Json object) {
  if (!object.is_object()) {
    return "";
  }
  for (const char* own : {"revision", "status", "created_ms"}) {
    object.erase(own);
  }
  return yaml_text(object);
}

Result<void> run_diff(ControllerSession& session, Invocation& invocation, const ApplyWords& words) {
  const auto answer = send(session, words.files, true);
  if (!answer) {
    return answer.error();
  }
  if (auto fine = refusals(invocation, *answer); !fine) {
    return fine;
  }
  std::size_t different = 0;
  for (const Json& object : field_at(*answer, "objects")) {
    const std::string text = line_diff(shown(field_at(object, "before")), shown(field_at(object, "after")));
    if (text.empty()) {
      continue;
    }
    ++different;
    invocation.out << cell_of(object, "kind") << ' ' << cell_of(object, "name") << " would be "
                   << cell_of(object, "outcome") << ":\n"
                   << text;
  }
  if (different > 0) {
    return Error(Errc::conflict,
                 fmt::format("{} of {} objects would change", different, field_at(*answer, "objects").size()),
                 "mooringctl apply -f changes them");
  }
  return ok();
}

constexpr const char* form =
    R"(A file has one or more documents, in YAML or JSON, each with a kind and, under spec, the object in the
shape of the API (what "get -o yaml" shows; revision and status are ignored):

  kind: pool
  spec:
    name: db
    subnet: pods
    ranges: [10.100.16.0/24]
    kind: stateful
)";

void add_files(CLI::App& command, ApplyWords& words) {
  command.add_option("-f,--filename", words.files, "a file, a folder of them, or - for standard input")
      ->required()
      ->allow_extra_args(false)
      ->type_name("FILE");
}

}  // namespace

void add_apply(CLI::App& app, Invocation& invocation) {
  const auto words = std::make_shared<ApplyWords>();
  CLI::App* command = app.add_subcommand("apply", "make and change the objects of files, all or none of them");
  command->footer(std::string(form) + R"(
The order does not matter. One object that is refused stops all of them, and nothing is changed.

Examples:
  mooringctl apply -f network.yaml
  mooringctl apply -f objects/ --dry-run)");
  add_files(*command, *words);
  command->add_flag("--dry-run", invocation.session.dry_run, "only say what would be done");
  command->callback([&invocation, words] {
    invocation.action = [&invocation, words](ControllerSession& session) {
      return run_apply(session, invocation, *words);
    };
  });
}

void add_diff(CLI::App& app, Invocation& invocation) {
  const auto words = std::make_shared<ApplyWords>();
  CLI::App* command = app.add_subcommand("diff", "what \"apply\" would change");
  command->footer(std::string(form) + R"(
Exit codes: 0 nothing would change, 1 something would, or something is refused, 2 wrong usage.

Example:
  mooringctl diff -f objects/)");
  add_files(*command, *words);
  command->callback([&invocation, words] {
    invocation.action = [&invocation, words](ControllerSession& session) {
      return run_diff(session, invocation, *words);
    };
  });
}

}  // namespace mooring::ctl
