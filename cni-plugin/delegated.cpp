#include "cni-plugin/delegated.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cni-plugin/agent_client.hpp"
#include "cni-plugin/attach_request.hpp"
#include "cni-plugin/cni_result.hpp"
#include "cni-plugin/container_end.hpp"
#include "cni-plugin/detaching.hpp"
#include "cni-plugin/first_result.hpp"
#include "cni-plugin/log.hpp"

namespace mooring::cni {
namespace {

constexpr std::chrono::seconds give_back_time{5};
constexpr std::chrono::seconds longest_wait_for_the_agent{10};
constexpr const char* first_of_plain_addresses = "1.0.0";

// What libcni and runtimes put beside the configuration's own keys.
constexpr std::array runtimes_keys{
    "cniVersion",         "name", "runtimeConfig", "args", "prevResult", "capabilities", "cni.dev/valid-attachments",
    "cni.dev/attachments"};

const Interruption& never_interrupted() {
  static const Interruption never;
  return never;
}

std::vector<std::string> addresses_in(const Json& result) {
  std::vector<std::string> addresses;
  const auto ips = result.find("ips");
  if (ips == result.end() || !ips->is_array()) {
    return addresses;
  }
  for (const Json& ip : *ips) {
    if (ip.is_object() && ip.contains("address") && ip["address"].is_string()) {
      addresses.push_back(ip["address"].get<std::string>());
    }
  }
  return addresses;
}

}  // namespace

Role role_by_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1) == "mooring-ipam" ? Role::ipam : Role::main_plugin;
}

Result<Json> ipam_part_of(Json json) {
  const auto section = json.find("ipam");
  if (section == json.end() || !section->is_object()) {
    return Error(Errc::invalid_config, "network configuration: ipam is missing",
                 R"(mooring-ipam is the IPAM of another plugin: "ipam": {"type": "mooring-ipam"})");
  }
  Json part = *section;
  part.erase("type");
  for (const char* key : runtimes_keys) {
    part.erase(key);
    if (const auto found = json.find(key); found != json.end()) {
      part[key] = *found;
    }
  }
  return part;
}

Json ipam_result_for(const std::string& cni_version, const ipam_api::Allocation& allocation, bool default_route,
                     const std::vector<ConfiguredRoute>& configured) {
  Json ips = Json::array();
  Json routes = Json::array();
  const auto add = [&](const std::string& address, const std::string& gateway, bool v6) {
    Json ip = {{"address", address}};
    if (!gateway.empty()) {
      ip["gateway"] = gateway;
    }
    if (is_before(cni_version, first_of_plain_addresses) && !has_first_shape(cni_version)) {
      ip["version"] = v6 ? "6" : "4";
    }
    ips.push_back(std::move(ip));
  };
  if (allocation.has_v4()) {
    add(allocation.address.str(), allocation.gateway.str(), false);
  }
  if (allocation.address6) {
    add(allocation.address6->str(), allocation.gateway6 ? allocation.gateway6->str() : "", true);
  }
  for (const netlink::Route& route : routes_of(allocation, configured, 0)) {
    if (default_route || route.destination.prefix_length() != 0) {
      routes.push_back(told_route(cni_version, route));
    }
  }
  Json result = {{"cniVersion", cni_version},
                 {"ips", std::move(ips)},
                 {"routes", std::move(routes)},
                 {"dns", to_json(allocation.dns)}};
  return has_first_shape(cni_version) ? first_shape_of(cni_version, result) : result;
}

Result<Added> add_delegated(const Call& call, const NetConf& conf, const Interruption& interruption) {
  const auto wishes = wishes_of(conf);
  if (!wishes) {
    return wishes.error();
  }
  auto request = attach_request_for(call, *wishes);
  if (!request) {
    return request.error();
  }
  request->cni_network = conf.name;
  auto agent = AgentClient::connect(conf.agent_socket, Clock::now() + conf.timeout, interruption);
  if (!agent) {
    return agent.error();
  }
  Undo undo;
  undo.add("giving the address back", [socket = conf.agent_socket, state = conf.agent_state,
                                       attachment = call.attachment] {
    return detach(socket, state, {attachment, "cni-add-failed"}, Clock::now() + give_back_time, never_interrupted());
  });
  const auto answer = agent->attach_delegated(*request);
  if (!answer) {
    if (answer.error().code() == Errc::already_exists) {
      undo.forget_last();
    }
    return answer.error();
  }
  if (interruption.requested()) {
    return interrupted(fmt::format("attaching {}", call.attachment.str()));
  }
  ipam_api::Allocation told = answer->allocation;
  told.dns = told_dns(std::move(told.dns), wishes->dns);
  return Added{ipam_result_for(conf.cni_version, told, conf.default_route, wishes->routes), std::move(undo)};
}

Result<void> del_delegated(const Call& call, const NetConf& conf, const Interruption& interruption) {
  const auto wait = std::min<std::chrono::seconds>(conf.timeout, longest_wait_for_the_agent);
  const auto told =
      detach(conf.agent_socket, conf.agent_state, {call.attachment, "cni-del"}, Clock::now() + wait, interruption);
  if (told) {
    return ok();
  }
  const bool away = told.error().code() == Errc::unavailable || told.error().code() == Errc::timeout;
  if (told.error().info().retryable && !away) {
    return told;
  }
  log_line("DEL of " + call.attachment.str() + " goes on without: " + told.error().text());
  return ok();
}

Result<void> check_delegated(const Call& call, const NetConf& conf, const Interruption& interruption) {
  if (!conf.prev_result.is_object()) {
    return Error(Errc::invalid_config, "CHECK: prevResult is missing", "the result of ADD");
  }
  auto agent = AgentClient::connect(conf.agent_socket, Clock::now() + conf.timeout, interruption);
  if (!agent) {
    return agent.error();
  }
  const auto answer = agent->check_delegated({call.attachment, addresses_in(conf.prev_result)});
  if (!answer) {
    return answer.error();
  }
  if (answer->problems.empty()) {
    return ok();
  }
  return Error(Errc::check_failed,
               fmt::format("checking {}: {}", call.attachment.str(), fmt::join(answer->problems, "; ")),
               "recreate the container");
}

}  // namespace mooring::cni
