// CNI GC: the agent removes what the runtime no longer has of this network (ovs-agent/app/leftovers.hpp).
// Source: CNI spec 1.1, "GC: Clean up any stale resources".
#include <strings.h>

#include <fmt/format.h>

#include "cni-plugin/agent_client.hpp"
#include "cni-plugin/commands.hpp"
#include "cni-plugin/log.hpp"

namespace mooring::cni {
namespace {

constexpr const char* valid_key = "cni.dev/valid-attachments";
constexpr const char* first_valid_key = "cni.dev/attachments";  // what the specification once called it

// The keys of an attachment in any case: containerID, ContainerID.
std::string text_in(const Json& object, std::string_view key) {
  for (const auto& [name, value] : object.items()) {
    if (name.size() == key.size() && ::strncasecmp(name.data(), key.data(), key.size()) == 0 && value.is_string()) {
      return value.get<std::string>();
    }
  }
  return {};
}

// An entry that cannot be read ends the GC: what it meant is not to be removed by mistake.
Result<std::vector<agent_api::Attachment>> valid_attachments_in(const Json& conf) {
  const bool is_there = conf.contains(valid_key);
  const auto found = conf.find(is_there ? valid_key : first_valid_key);
  if (found == conf.end()) {
    return Error(Errc::invalid_config, fmt::format("GC: {} is missing", valid_key),
                 "a list, which may be empty: without one nothing says what is still in use");
  }
  std::vector<agent_api::Attachment> valid;
  if (found->is_null()) {  // Go's empty list
    return valid;
  }
  const auto wrong = [&](const std::string& why) {
    return Error(Errc::invalid_config, fmt::format("GC: {}: {}", valid_key, why),
                 R"(a list of {"containerID":"…","ifname":"…"})");
  };
  if (!found->is_array()) {
    return wrong("is not a list");
  }
  for (const Json& item : *found) {
    if (!item.is_object()) {
      return wrong(fmt::format("{} is not an object", item.dump(-1, ' ', false, Json::error_handler_t::replace)));
    }
    auto attachment = ipam_api::make_attachment(text_in(item, "containerID"), text_in(item, "ifname"));
    if (!attachment) {
      return wrong(attachment.error().message());
    }
    valid.push_back(std::move(*attachment));
  }
  return valid;
}

}  // namespace

Result<void> gc(const NetConf& conf, const Interruption& interruption) {
  auto valid = valid_attachments_in(conf.json);
  if (!valid) {
    return valid.error();
  }
  auto agent = AgentClient::connect(conf.agent_socket, Clock::now() + conf.timeout, interruption);
  if (!agent) {
    return agent.error();
  }
  const auto answer = agent->gc({conf.name, std::move(*valid), conf.strict_gc});
  if (!answer) {
    return answer.error();
  }
  for (const agent_api::Attachment& attachment : answer->removed) {
    log_line(fmt::format("GC: {} is removed", attachment.str()));
  }
  for (const agent_api::Attachment& attachment : answer->refused) {
    log_line(fmt::format("GC: {} stays: its namespace and its link are alive (\"gc\": \"strict\" takes it too)",
                         attachment.str()));
  }
  if (!answer->problems.empty()) {
    return Error(Errc::unavailable, fmt::format("GC: {}", fmt::join(answer->problems, "; ")), "call GC again");
  }
  return ok();
}

}  // namespace mooring::cni
