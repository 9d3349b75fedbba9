#include "cni-plugin/skel.hpp"

#include <exception>

#include <fmt/format.h>

#include "cni-plugin/commands.hpp"
#include "cni-plugin/log.hpp"

namespace mooring::cni {
namespace {

std::string text_of(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

// What a command has to say: "" is success without an answer.
struct Answer {
  std::string text;
  Undo undo;  // to be dismissed once the answer is told
};

Result<Answer> answer_of_version(const Streams& streams) {
  const auto input = streams.read_input();
  const auto json = input ? parse_input(*input) : Result<Json>(Json::object());
  return Answer{text_of(version(json ? version_in(*json) : "")), {}};
}

Result<Answer> nothing_to_say(Result<void> done) {
  return done ? Result<Answer>(Answer{}) : Result<Answer>(done.error());
}

// Commands that the specification did not have from the beginning.
Result<void> require_command_of(Command command, const std::string& cni_version) {
  struct Since {
    Command command;
    const char* name;
    const char* version;
  };
  for (const Since& since : {Since{Command::check, "CHECK", "0.4.0"}, Since{Command::gc, "GC", "1.1.0"},
                             Since{Command::status, "STATUS", "1.1.0"}}) {
    if (command == since.command && is_before(cni_version, since.version)) {
      return Error(Errc::incompatible_version, fmt::format("cniVersion {} has no {}", cni_version, since.name),
                   fmt::format("{} or later", since.version));
    }
  }
  return ok();
}

Result<Answer> answer_of(const Call& call, const NetConf& conf, const Interruption& interruption, Role role) {
  const bool is_ipam = role == Role::ipam;
  switch (call.command) {
    case Command::add: {
      auto added = is_ipam ? add_delegated(call, conf, interruption) : add(call, conf, interruption);
      if (!added) {
        return added.error();
      }
      return Answer{text_of(added->result), std::move(added->undo)};
    }
    case Command::del:
      return nothing_to_say(is_ipam ? del_delegated(call, conf, interruption) : del(call, conf, interruption));
    case Command::check:
      return nothing_to_say(is_ipam ? check_delegated(call, conf, interruption) : check(call, conf, interruption));
    case Command::status:
      return nothing_to_say(status(conf, interruption));
    case Command::gc:
      return nothing_to_say(gc(conf, interruption));
    case Command::version:
      break;
  }
  return Error(Errc::internal, "a CNI command without an answer");
}

// `cni_version` becomes the caller's as soon as it is known, for the error.
Result<Answer> perform(const Environment& environment, const Streams& streams, const Interruption& interruption,
                       Role role, std::string& cni_version) {
  const auto command = command_of(environment);
  if (!command) {
    return command.error();
  }
  if (*command == Command::version) {
    return answer_of_version(streams);
  }
  const auto input = streams.read_input();
  auto json = input ? parse_input(*input) : Result<Json>(input.error());
  if (json) {
    cni_version = version_in(*json);
  }
  // The environment first: without it nobody knows whose configuration this is.
  const auto call = call_of(*command, environment);
  if (!call) {
    return call.error();
  }
  if (!json) {
    return json.error();
  }
  auto ours = role == Role::ipam ? ipam_part_of(std::move(*json)) : std::move(json);
  if (!ours) {
    return ours.error();
  }
  const auto conf = net_conf_from(std::move(*ours));
  if (!conf) {
    return conf.error();
  }
  if (const auto has_it = require_command_of(*command, conf->cni_version); !has_it) {
    return has_it.error();
  }
  return answer_of(*call, *conf, interruption, role);
}

Result<Answer> perform_guarded(const Environment& environment, const Streams& streams, const Interruption& interruption,
                               Role role, std::string& cni_version) {
  try {
    return perform(environment, streams, interruption, role, cni_version);
  } catch (const std::exception& error) {
    return Error(Errc::internal, std::string("mooring: unexpected: ") + error.what(), "please report this");
  }
}

}  // namespace

std::string error_text(const Error& error, const std::string& cni_version) {
  return text_of({{"cniVersion", is_supported(cni_version) ? cni_version : newest_version},
                  {"code", error.info().cni_code},
                  {"msg", error.text()},
                  {"details", error.info().id}});
}

int run(const Environment& environment, const Streams& streams, const Interruption& interruption, Role role) {
  std::string cni_version;
  auto answer = perform_guarded(environment, streams, interruption, role, cni_version);
  if (!answer) {
    if (!streams.write_answer(error_text(answer.error(), cni_version))) {
      log_line("nobody reads the error: " + answer.error().text());
    }
    return 1;
  }
  if (!answer->text.empty() && !streams.write_answer(answer->text)) {
    log_line("nobody reads the result");
    return 1;
  }
  answer->undo.dismiss();
  return 0;
}

}  // namespace mooring::cni
