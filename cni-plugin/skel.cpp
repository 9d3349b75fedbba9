#include "cni-plugin/skel.hpp"

#include <exception>

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

Result<Answer> answer_of(const Call& call, const NetConf& conf, const Interruption& interruption) {
  switch (call.command) {
    case Command::add: {
      auto added = add(call, conf, interruption);
      if (!added) {
        return added.error();
      }
      return Answer{text_of(added->result), std::move(added->undo)};
    }
    case Command::del:
      return nothing_to_say(del(call, conf, interruption));
    case Command::check:
      return nothing_to_say(check(call, conf, interruption));
    case Command::status:
      return nothing_to_say(status(conf, interruption));
    case Command::gc:
      return Error(Errc::unsupported, "CNI_COMMAND GC is not supported by this version of mooring",
                   "the agent finds ports whose container is gone by itself");
    case Command::version:
      break;
  }
  return Error(Errc::internal, "a CNI command without an answer");
}

// `cni_version` becomes the caller's as soon as it is known, for the error.
Result<Answer> perform(const Environment& environment, const Streams& streams, const Interruption& interruption,
                       std::string& cni_version) {
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
  const auto conf = net_conf_from(std::move(*json));
  if (!conf) {
    return conf.error();
  }
  return answer_of(*call, *conf, interruption);
}

Result<Answer> perform_guarded(const Environment& environment, const Streams& streams, const Interruption& interruption,
                               std::string& cni_version) {
  try {
    return perform(environment, streams, interruption, cni_version);
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

int run(const Environment& environment, const Streams& streams, const Interruption& interruption) {
  std::string cni_version;
  auto answer = perform_guarded(environment, streams, interruption, cni_version);
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
