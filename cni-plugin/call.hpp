// The environment half of a CNI call: which command, for which container interface (CNI spec 1.1, section 2).
// Errors: Errc::bad_environment, naming the variable.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "mooring/ipam_api/names.hpp"

namespace mooring::cni {

using Environment = std::map<std::string, std::string>;
// Of this process: the variables CNI_* and TRACEPARENT.
Environment environment_of_process();

enum class Command { add, del, check, gc, status, version };

struct Call {
  Command command = Command::version;
  ipam_api::Attachment attachment;  // ADD, DEL, CHECK
  std::string netns;                // ADD, CHECK; DEL: "" if the namespace is gone
  std::map<std::string, std::string> args;
  std::string trace_parent;
};

Result<Command> command_of(const Environment& environment);
// Everything that `command` needs; what it does not need is not looked at (podman's VERSION probe sets dummies).
Result<Call> call_of(Command command, const Environment& environment);

// "K=V;K=V" in any order. Keys that nobody knows are refused unless IgnoreUnknown=true is among them.
Result<std::map<std::string, std::string>> parse_args(std::string_view text);

}  // namespace mooring::cni
