// One CNI call from environment and standard input to exactly one JSON object on standard output, or none.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cni-plugin/call.hpp"
#include "cni-plugin/delegated.hpp"
#include "cni-plugin/interruption.hpp"

namespace mooring::cni {

struct Streams {
  // All of standard input; asked at most once.
  std::function<Result<std::string>()> read_input;
  // The whole answer; false if nobody takes it any more.
  std::function<bool(std::string_view)> write_answer;
};

// The exit status.
int run(const Environment& environment, const Streams& streams, const Interruption& interruption,
        Role role = Role::main_plugin);

// {"cniVersion", "code", "msg", "details"}: msg is cause and way out, details the stable id of the error.
std::string error_text(const Error& error, const std::string& cni_version);

}  // namespace mooring::cni
