#include "ipam-controller/cli/completion.hpp"

#include <algorithm>
#include <memory>
#include <ostream>
#include <set>

#include <fmt/format.h>

#include "ipam-controller/cli/scope.hpp"

namespace mooring::ctl {
namespace {

constexpr std::size_t most_names = 1000;

constexpr const char* bash_script = R"(# mooringctl: bash completion. Load it: source <(mooringctl completion bash)
_mooringctl() {
  # bash cuts words at ':' and '=', which names and options have: the line is cut anew, and what bash takes as typed
  # already is taken off the answers.
  local line="${COMP_LINE:0:COMP_POINT}" words current typed
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current="${words[-1]}"
  typed="${current%"${current##*[:=]}"}"
  mapfile -t COMPREPLY < <("${words[0]}" __complete -- "${words[@]:1}" 2>/dev/null)
  COMPREPLY=("${COMPREPLY[@]#"$typed"}")
}
complete -o default -F _mooringctl mooringctl
)";

constexpr const char* zsh_script = R"(#compdef mooringctl
# mooringctl: zsh completion. Load it: source <(mooringctl completion zsh)
_mooringctl() {
  local -a answers
  answers=("${(@f)$("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -Q -- ${answers:#} || _files
}
compdef _mooringctl mooringctl
)";

constexpr const char* fish_script = R"(# mooringctl: fish completion. Load it: mooringctl completion fish | source
function __mooringctl_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l answers ($words[1] __complete -- $words[2..-1] 2>/dev/null)
  if test (count $answers) -gt 0
    printf '%s\n' $answers
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c mooringctl -f -a '(__mooringctl_complete)'
)";

// Where the words before the last one have led to.
struct Place {
  CLI::App* command = nullptr;
  std::vector<CLI::App*> above;          // the program first
  std::vector<std::string> positionals;  // of `command`
  const CLI::Option* wants = nullptr;    // the option whose value comes next
};

const CLI::Option* option_of(const Place& place, const std::string& word) {
  for (CLI::App* app : {place.command, place.above.empty() ? nullptr : place.above.front()}) {
    const CLI::Option* option = app == nullptr ? nullptr : app->get_option_no_throw(word);
    if (option != nullptr) {
      return option;
    }
  }
  return nullptr;
}

CLI::App* subcommand_of(const Place& place, const std::string& word) {
  for (CLI::App* command : place.command->get_subcommands([](CLI::App*) { return true; })) {
    if (command->get_name() == word) {
      return command;
    }
  }
  return nullptr;
}

Place place_of(CLI::App& app, const std::vector<std::string>& words, SessionOptions& session) {
  Place place;
  place.command = &app;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (word.size() > 1 && word.front() == '-') {
      const std::size_t equals = word.find('=');
      const CLI::Option* option = option_of(place, word.substr(0, equals));
      const bool takes = option != nullptr && option->get_items_expected_max() > 0 && option->get_type_size() > 0;
      const bool last = i + 2 == words.size();
      if (takes && equals == word.npos && last) {
        place.wants = option;
        return place;
      }
      const std::string value = equals != word.npos ? word.substr(equals + 1) : takes ? words[++i] : std::string();
      if (word.starts_with("--server")) {
        session.server = value;
      } else if (word.starts_with("--token-file")) {
        session.token_file = value;
      }
    } else if (CLI::App* next = place.positionals.empty() ? subcommand_of(place, word) : nullptr) {
      place.above.push_back(place.command);
      place.command = next;
    } else {
      place.positionals.push_back(word);
    }
  }
  return place;
}

// Asks the controller, and says nothing when it does not answer.
class Names {
 public:
  explicit Names(const SessionOptions& options) {
    SessionOptions hasty = options;
    hasty.timeout = std::chrono::seconds(1);
    if (auto opened = ControllerSession::open(hasty)) {
      session_ = std::make_unique<ControllerSession>(std::move(*opened));
    }
  }
  // `text` of each object of the kind.
  template <class Text>
  std::vector<std::string> of(std::string_view word, Text text) {
    std::set<std::string> names;
    const auto kind = find_kind(word);
    if (kind && session_ != nullptr) {
      if (const auto list = list_some(*session_, **kind, Scope(), most_names)) {
        for (const Json& object : (*list)["items"]) {
          names.insert(text(**kind, object));
        }
      }
    }
    return {names.begin(), names.end()};
  }
  std::vector<std::string> of(std::string_view word) {
    return of(word, [](const Kind& kind, const Json& object) { return name_of(kind, object); });
  }

 private:
  std::unique_ptr<ControllerSession> session_;
};

std::vector<std::string> kind_words() {
  std::vector<std::string> words;
  for (const Kind& kind : all_kinds()) {
    words.emplace_back(kind.singular);
    words.emplace_back(kind.collection);
  }
  return words;
}

std::vector<std::string> values_of(const CLI::Option& option, Names& names) {
  const std::string name = option.get_lnames().empty() ? std::string() : option.get_lnames().front();
  const auto field = [](std::string_view path) {
    return [path](const Kind&, const Json& object) { return cell_of(object, path); };
  };
  if (name == "format") {
    return {"json", "plain", "haproxy", "nftables"};
  }
  if (name == "output") {
    return {"table", "wide", "json", "yaml"};
  }
  if (name == "kind") {
    return {"stateless", "stateful", "static"};
  }
  if (name == "strategy") {
    return {"next", "lowest", "random"};
  }
  if (name == "retention") {
    return {"OnDelete", "WithWorkload", "TTL", "Never"};
  }
  if (name == "namespace" || name == "for-namespace") {
    return names.of("binding", field("namespace"));
  }
  if (name == "to") {
    return names.of("port", [](const Kind&, const Json& object) {
      return cell_of(object, "namespace") + "/" + cell_of(object, "hostname");
    });
  }
  if (name == "fallback") {
    return names.of("pool");
  }
  for (const std::string_view kind : {"network", "subnet", "pool", "node"}) {
    if (name == kind) {
      return names.of(kind);
    }
  }
  return {};
}

std::vector<std::string> positionals_of(const Place& place, Names& names) {
  std::vector<CLI::Option*> positionals;
  for (CLI::Option* option : place.command->get_options()) {
    if (option->get_positional()) {
      positionals.push_back(option);
    }
  }
  if (positionals.empty()) {
    return {};
  }
  const CLI::Option* next = positionals[std::min(place.positionals.size(), positionals.size() - 1)];
  const std::string name = next->get_name();
  if (place.positionals.size() >= positionals.size() && next->get_items_expected_max() <= 1) {
    return {};  // all are there
  }
  if (name == "KIND") {
    return kind_words();
  }
  if (name == "SHELL") {
    return {"bash", "zsh", "fish"};
  }
  if (name == "NODE") {
    return names.of("node");
  }
  if (name == "BLOCK") {
    return names.of("block");
  }
  if (name == "ADDRESS") {
    return names.of("extra-address");
  }
  if (name == "WORKLOAD") {
    return names.of("binding", [](const Kind&, const Json& object) {
      return cell_of(object, "namespace") + "/" + cell_of(object, "workload");
    });
  }
  if (place.command->get_name() == "feed") {
    return names.of("list");
  }
  return name == "NAME" && !place.positionals.empty() ? names.of(place.positionals.front())
                                                      : std::vector<std::string>();
}

std::vector<std::string> options_of(const Place& place) {
  std::vector<std::string> words;
  for (CLI::App* app : {place.command, place.above.empty() ? nullptr : place.above.front()}) {
    if (app == nullptr) {
      continue;
    }
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        words.push_back("--" + name);
      }
    }
  }
  return words;
}

}  // namespace

int complete(CLI::App& app, Invocation& invocation, std::vector<std::string> words) {
  if (words.empty()) {
    words.emplace_back();
  }
  const Place place = place_of(app, words, invocation.session);
  Names names(invocation.session);
  const std::string& last = words.back();
  std::string before;  // "--node=" of "--node=h"
  std::vector<std::string> answers;
  const std::size_t equals = last.find('=');
  if (place.wants != nullptr) {
    answers = values_of(*place.wants, names);
  } else if (last.starts_with("--") && equals != last.npos) {
    before = last.substr(0, equals + 1);
    if (const CLI::Option* option = option_of(place, last.substr(0, equals))) {
      answers = values_of(*option, names);
    }
  } else if (last.starts_with("-")) {
    answers = options_of(place);
  } else {
    for (CLI::App* command : place.command->get_subcommands([](CLI::App*) { return true; })) {
      answers.push_back(command->get_name());
    }
    if (answers.empty()) {
      answers = positionals_of(place, names);
    }
  }
  std::sort(answers.begin(), answers.end());
  for (const std::string& answer : answers) {
    if (const std::string whole = before + answer; whole.starts_with(last) && answer != "-") {
      invocation.out << whole << '\n';
    }
  }
  return 0;
}

void add_completion(CLI::App& app, Invocation& invocation) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("completion", "the completion script of a shell");
  command->footer(R"(Completes commands, options, kinds, and names of objects as the controller has them.

Examples:
  source <(mooringctl completion bash)
  mooringctl completion bash > /etc/bash_completion.d/mooringctl
  mooringctl completion fish > ~/.config/fish/completions/mooringctl.fish)");
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->type_name("");
  command->callback([&invocation, shell] {
    invocation.action = [&invocation, shell](ControllerSession&) -> Result<void> {
      invocation.out << (*shell == "bash" ? bash_script : *shell == "zsh" ? zsh_script : fish_script);
      return ok();
    };
  });
}

}  // namespace mooring::ctl
