// edit KIND NAME: an object in $EDITOR
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <ostream>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "ipam-controller/cli/commands.hpp"
#include "ipam-controller/cli/scope.hpp"
#include "ipam-controller/exchange/yaml.hpp"

namespace mooring::ctl {
namespace {

struct EditWords {
  std::string kind;
  std::string name;
  Scope scope;
};

// A file of our own that is gone afterwards, unless it is kept.
class Draft {
 public:
  static Result<std::unique_ptr<Draft>> make() {
    const char* folder = std::getenv("TMPDIR");
    std::string path = fmt::format("{}/mooringctl-edit-XXXXXX.yaml", folder == nullptr ? "/tmp" : folder);
    const int file = ::mkstemps(path.data(), 5);
    if (file < 0) {
      return Error(Errc::io, fmt::format("making a file to edit: {}: {}", path, std::strerror(errno)));
    }
    ::close(file);
    return std::unique_ptr<Draft>(new Draft(path));
  }
  ~Draft() {
    if (!kept_) {
      ::unlink(path_.c_str());
    }
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  const std::string& path() const { return path_; }
  void keep() { kept_ = true; }
  Result<void> write(const std::string& text) {
    std::ofstream file(path_, std::ios::trunc);
    file << text;
    file.close();
    return file ? ok() : Result<void>(Error(Errc::io, fmt::format("writing {}: {}", path_, std::strerror(errno))));
  }

 private:
  explicit Draft(std::string path) : path_(std::move(path)) {}
  std::string path_;
  bool kept_ = false;
};

Result<void> open_editor(const std::string& path) {
  const char* editor = std::getenv("VISUAL");
  if (editor == nullptr || *editor == '\0') {
    editor = std::getenv("EDITOR");
  }
  const std::string command = std::string(editor == nullptr || *editor == '\0' ? "vi" : editor) + " \"$1\"";
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/bin/sh", "sh", "-c", command.c_str(), "sh", path.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  int status = 0;
  while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (child < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return Error(Errc::io,
                 fmt::format("editing {}: {} ended with an error", path, command.substr(0, command.size() - 5)),
                 "set EDITOR to an editor that waits until the file is closed");
  }
  return ok();
}

std::string commented(const std::string& text) {
  std::string out = "# ";
  for (const char c : text) {
    out += c;
    out += c == '\n' ? "# " : "";
  }
  return out + "\n";
}

std::string without_comments(const std::string& text) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto end = std::min(text.find('\n', at), text.size() - 1);
    if (text[at] != '#') {
      out += text.substr(at, end - at + 1);
    }
    at = end + 1;
  }
  return out;
}

Result<Json> object_of(const std::string& text) {
  const auto documents = exchange::documents_in({"what you wrote", text});
  if (!documents) {
    return documents.error();
  }
  if (documents->size() != 1 || !documents->front().value.is_object()) {
    return Error(Errc::invalid_argument, "reading what you wrote: it is not one object", "");
  }
  return documents->front().value;
}

struct Target {
  std::string path;
  std::string title;  // "pool db"
  std::string text;   // as YAML
  std::uint64_t revision = 0;
};

Result<Target> target_of(ControllerSession& session, const EditWords& words) {
  const auto kind = find_kind(words.kind);
  if (!kind) {
    return kind.error();
  }
  const auto path = find_path(session, **kind, words.name, words.scope);
  if (!path) {
    return path.error();
  }
  auto object = session.get(*path);
  if (!object) {
    return object.error();
  }
  if (!object->is_object() || !field_at(*object, "revision").is_number_unsigned()) {
    return Error(Errc::unavailable, fmt::format("reading {}: the answer has no revision", *path),
                 "is that a mooring-controller?");
  }
  Target target{*path, fmt::format("{} {}", (*kind)->singular, words.name), "",
                field_at(*object, "revision").get<std::uint64_t>()};
  for (const char* own : {"revision", "status"}) {
    object->erase(own);
  }
  target.text = yaml_text(*object);
  return target;
}

// One round after the other, until it is taken, or nothing more was changed.
Result<void> edit(ControllerSession& session, Invocation& invocation, const Target& target, Draft& draft) {
  std::string text = target.text;
  std::optional<Error> refused;
  while (true) {
    const std::string head = commented(
        refused ? "error: " + refused->text() + "\nCorrect it, or leave it as it is to give up."
                : fmt::format("{}. Lines that begin with # are ignored; leave all as it is to give up.", target.title));
    if (auto written = draft.write(head + text); !written) {
      return written;
    }
    if (auto edited = open_editor(draft.path()); !edited) {
      return edited;
    }
    const auto file = exchange::read_text(draft.path());
    if (!file) {
      return file.error();
    }
    const std::string now = without_comments(file->text);
    if (now == text || now.find_first_not_of(" \n") == now.npos) {
      if (refused) {
        draft.keep();
        invocation.err << "what you wrote is in " << draft.path() << '\n';
        return *refused;
      }
      invocation.out << target.title << " unchanged\n";
      return ok();
    }
    text = now;
    const auto object = object_of(text);
    const auto stored = object ? session.put(target.path, *object, target.revision) : object;
    if (stored) {
      invocation.out << target.title
                     << (cell_of(*stored, "revision") == std::to_string(target.revision) ? " unchanged\n"
                                                                                         : " edited\n");
      return ok();
    }
    refused = stored.error();
    if (refused->code() == Errc::unavailable || refused->code() == Errc::timeout ||
        refused->code() == Errc::changed_meanwhile) {
      draft.keep();
      invocation.err << "what you wrote is in " << draft.path() << '\n';
      return *refused;
    }
  }
}

Result<void> run_edit(ControllerSession& session, Invocation& invocation, const EditWords& words) {
  const auto target = target_of(session, words);
  if (!target) {
    return target.error();
  }
  const auto draft = Draft::make();
  if (!draft) {
    return draft.error();
  }
  return edit(session, invocation, *target, **draft);
}

}  // namespace

void add_edit(CLI::App& app, Invocation& invocation) {
  const auto words = std::make_shared<EditWords>();
  CLI::App* command = app.add_subcommand("edit", "change an object in your editor");
  command->footer(
      R"(Opens the object as YAML in $VISUAL, $EDITOR or vi. What is refused comes back with the reason as a comment; if
somebody else changed the object meanwhile, nothing is overwritten.

Example:
  mooringctl edit pool db)");
  command->add_option("KIND", words->kind, "what: " + kind_names())->required()->type_name("");
  command->add_option("NAME", words->name, "its name; a binding: NAMESPACE/HOSTNAME")->required()->type_name("");
  words->scope.add_options(*command, false);
  command->callback([&invocation, words] {
    invocation.action = [&invocation, words](ControllerSession& session) {
      return run_edit(session, invocation, *words);
    };
  });
}

}  // namespace mooring::ctl
