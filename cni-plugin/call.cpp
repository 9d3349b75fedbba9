#include "cni-plugin/call.hpp"

#include <algorithm>
#include <array>
#include <unistd.h>

#include <fmt/format.h>

namespace mooring::cni {
namespace {

constexpr std::array known_args{"IgnoreUnknown",
                                "K8S_POD_NAMESPACE",
                                "K8S_POD_NAME",
                                "K8S_POD_UID",
                                "IP",
                                "MAC",
                                "MOORING_HOSTNAME",
                                "MOORING_NAMESPACE",
                                "MOORING_KIND",
                                "MOORING_POOL",
                                "MOORING_SUBNET",
                                "MOORING_NETWORK",
                                "MOORING_RETENTION",
                                "MOORING_WORKLOAD",
                                "MOORING_LABELS",
                                "K8S_POD_INFRA_CONTAINER_ID"};

std::string value_of(const Environment& environment, const char* name) {
  const auto it = environment.find(name);
  return it == environment.end() ? std::string() : it->second;
}

Error missing(const char* name, std::string_view expected) {
  return Error(Errc::bad_environment, fmt::format("{} is not set", name),
               fmt::format("the runtime sets it to {}", expected));
}

bool is_true(std::string_view text) {
  return text == "1" || text == "t" || text == "T" || text == "true" || text == "TRUE" || text == "True";
}

}  // namespace

Environment environment_of_process() {
  Environment out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos && (text.starts_with("CNI_") || text.starts_with("TRACEPARENT="))) {
      out.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return out;
}

Result<Command> command_of(const Environment& environment) {
  const std::string text = value_of(environment, "CNI_COMMAND");
  if (text.empty()) {
    return missing("CNI_COMMAND", "ADD, DEL, CHECK, GC, STATUS or VERSION");
  }
  static const std::map<std::string, Command> commands{{"ADD", Command::add},       {"DEL", Command::del},
                                                       {"CHECK", Command::check},   {"GC", Command::gc},
                                                       {"STATUS", Command::status}, {"VERSION", Command::version}};
  const auto it = commands.find(text);
  if (it == commands.end()) {
    return Error(Errc::bad_environment, fmt::format("CNI_COMMAND is '{}'", text),
                 "ADD, DEL, CHECK, GC, STATUS or VERSION");
  }
  return it->second;
}

Result<Call> call_of(Command command, const Environment& environment) {
  Call call;
  call.command = command;
  if (command == Command::version || command == Command::gc || command == Command::status) {
    return call;
  }
  for (const char* name : {"CNI_CONTAINERID", "CNI_IFNAME"}) {
    if (value_of(environment, name).empty()) {
      return missing(name,
                     std::string_view(name) == "CNI_IFNAME" ? "the interface's name, like eth0" : "the container's id");
    }
  }
  const auto attachment =
      ipam_api::make_attachment(value_of(environment, "CNI_CONTAINERID"), value_of(environment, "CNI_IFNAME"));
  if (!attachment) {
    return Error(Errc::bad_environment, "CNI_CONTAINERID or CNI_IFNAME: " + attachment.error().message(),
                 attachment.error().hint());
  }
  call.attachment = *attachment;
  call.netns = value_of(environment, "CNI_NETNS");
  call.trace_parent = value_of(environment, "TRACEPARENT");
  if (command == Command::del) {
    return call;
  }
  if (call.netns.empty()) {
    return missing("CNI_NETNS", "the path of the container's network namespace");
  }
  auto args = parse_args(value_of(environment, "CNI_ARGS"));
  if (!args) {
    return args.error();
  }
  call.args = std::move(*args);
  return call;
}

Result<std::map<std::string, std::string>> parse_args(std::string_view text) {
  std::map<std::string, std::string> args;
  while (!text.empty()) {
    const std::size_t semicolon = text.find(';');
    const std::string_view pair = text.substr(0, semicolon);
    text.remove_prefix(semicolon == std::string_view::npos ? text.size() : semicolon + 1);
    if (pair.empty()) {
      continue;
    }
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return Error(Errc::bad_environment, fmt::format("CNI_ARGS: '{}' is not KEY=VALUE", pair),
                   "pairs KEY=VALUE with ';' between, like K8S_POD_NAME=db-0;IP=10.0.0.5");
    }
    const std::string key(pair.substr(0, equals));
    const std::string value(pair.substr(equals + 1));
    const auto [it, added] = args.emplace(key, value);
    if (!added && it->second != value) {
      return Error(Errc::bad_environment,
                   fmt::format("CNI_ARGS: {} is given twice: '{}' and '{}'", key, it->second, value));
    }
  }
  const auto ignore = args.find("IgnoreUnknown");
  if (ignore != args.end() && is_true(ignore->second)) {
    return args;
  }
  for (const auto& [key, value] : args) {
    if (std::find(known_args.begin(), known_args.end(), key) == known_args.end()) {
      return Error(Errc::bad_environment, fmt::format("CNI_ARGS: {} is not an argument of mooring", key),
                   "add IgnoreUnknown=true if other plugins need it");
    }
  }
  return args;
}

}  // namespace mooring::cni
