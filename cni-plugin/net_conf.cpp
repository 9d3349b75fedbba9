#include "cni-plugin/net_conf.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "cni-plugin/ovsdb_client.hpp"
#include "mooring/agent_api/deleted_note.hpp"
#include "mooring/agent_api/messages.hpp"

namespace mooring::cni {
namespace {

using ipam_api::Fields;

constexpr std::size_t deepest_nesting = 64;
constexpr std::uint64_t longest_timeout_seconds = 600;
constexpr std::string_view annotation_prefix = "mooring.io/";
constexpr const char* annotations_capability = "io.kubernetes.cri.pod-annotations";

std::size_t nesting_of(std::string_view text) {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && in_string) {
      ++i;
    } else if (text[i] == '"') {
      in_string = !in_string;
    } else if (!in_string && (text[i] == '{' || text[i] == '[')) {
      deepest = std::max(deepest, ++depth);
    } else if (!in_string && (text[i] == '}' || text[i] == ']') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

Result<std::vector<std::string>> strings_of(std::string_view key, const Json* value) {
  std::vector<std::string> out;
  if (value == nullptr) {
    return out;
  }
  if (!value->is_array()) {
    return wrong_value(key, *value, "a list of strings");
  }
  for (const Json& item : *value) {
    if (!item.is_string()) {
      return wrong_value(key, *value, "a list of strings");
    }
    out.push_back(item.get<std::string>());
  }
  return out;
}

bool is_network_name(std::string_view name) {
  const auto alphanumeric = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  return !name.empty() && alphanumeric(name.front()) && std::all_of(name.begin(), name.end(), [&](char c) {
    return alphanumeric(c) || c == '_' || c == '.' || c == '-';
  });
}

Result<std::string> version_of(const Json& json) {
  const auto it = json.find("cniVersion");
  if (it != json.end() && !it->is_string()) {
    return wrong_value("cniVersion", *it, "a string like \"1.0.0\"");
  }
  std::string version = version_in(json);
  if (version.empty()) {
    version = supported_versions.front();  // the specification: no version means 0.1.0
  }
  if (!is_supported(version)) {
    return Error(Errc::incompatible_version,
                 fmt::format("network configuration: cniVersion '{}' is not supported", version),
                 fmt::format("one of {}", fmt::join(supported_versions, ", ")));
  }
  return version;
}

Result<void> without_ipam(const Json& json) {
  const auto ipam = json.find("ipam");
  const bool asked = ipam != json.end() && ipam->is_object() && ipam->contains("type") && (*ipam)["type"] != "" &&
                     !(*ipam)["type"].is_null();
  if (!asked) {
    return ok();
  }
  return Error(Errc::unsupported, fmt::format("network configuration: ipam.type is {}", (*ipam)["type"].dump()),
               "mooring gives addresses itself: remove the ipam section and name a pool");
}

}  // namespace

bool is_supported(std::string_view version) {
  return std::find(supported_versions.begin(), supported_versions.end(), version) != supported_versions.end();
}

bool is_before(std::string_view version, std::string_view other) {
  return std::find(supported_versions.begin(), supported_versions.end(), version) <
         std::find(supported_versions.begin(), supported_versions.end(), other);
}

Result<Json> parse_input(std::string_view text) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return Error(Errc::undecodable, "reading the network configuration: standard input is empty",
                 "the runtime writes it there as JSON");
  }
  // Deep nesting would exhaust the stack where a document is written out again.
  if (nesting_of(text) > deepest_nesting) {
    return Error(Errc::undecodable,
                 fmt::format("reading the network configuration: nested deeper than {} levels", deepest_nesting));
  }
  auto json = ipam_api::parse_json("the network configuration", text);
  if (!json) {
    return Error(Errc::undecodable, "reading standard input: " + json.error().message());
  }
  if (!json->is_object()) {
    return Error(Errc::undecodable, "reading standard input: the network configuration is not a JSON object");
  }
  return json;
}

std::string version_in(const Json& json) {
  const auto it = json.is_object() ? json.find("cniVersion") : json.end();
  return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
}

Result<NetConf> net_conf_from(Json json) {
  const auto version = version_of(json);
  if (!version) {
    return version.error();
  }
  if (const auto fits = without_ipam(json); !fits) {
    return fits.error();
  }
  NetConf conf;
  conf.cni_version = *version;
  Fields fields(json, "network configuration", Fields::Unknown::ignore);
  conf.name = fields.string("name");
  conf.agent_socket = fields.string("agentSocket", agent_api::default_socket);
  conf.agent_state = fields.string("agentState", agent_api::default_state_folder);
  conf.ovsdb = fields.string("ovsdb", default_ovsdb);
  conf.default_route = fields.boolean("defaultRoute", true);
  const std::string gc = fields.string("gc", "careful");
  const std::string device = fields.string("device", "veth");
  const auto tap_id = [&](const char* key) -> std::optional<std::uint32_t> {
    constexpr std::uint64_t greatest = 0xffff'fffeU;  // the one after it is "nobody" to the kernel
    const std::uint64_t id = fields.has(key) ? fields.number(key) : 0;
    if (id > greatest) {
      fields.fail(key, Error(Errc::invalid_config, fmt::format("{} is no id", id), fmt::format("0 to {}", greatest)));
    }
    return fields.has(key) ? std::optional(static_cast<std::uint32_t>(id)) : std::nullopt;
  };
  conf.device.tap_user = tap_id("tapUser");
  conf.device.tap_group = tap_id("tapGroup");
  const std::uint64_t seconds = fields.number("timeoutSeconds", 30);
  if (auto bad = fields.finish()) {
    return Error(Errc::invalid_config, bad->message(), bad->hint());
  }
  if (!is_network_name(conf.name)) {
    return wrong_value("name", json["name"], "letters, digits, '_', '.' and '-', beginning with a letter or digit");
  }
  if (seconds < 1 || seconds > longest_timeout_seconds) {
    return wrong_value("timeoutSeconds", json["timeoutSeconds"], fmt::format("1 to {}", longest_timeout_seconds));
  }
  if (gc != "careful" && gc != "strict") {
    return wrong_value("gc", json["gc"], "\"careful\" or \"strict\"");
  }
  if (device != "veth" && device != "tap") {
    return wrong_value("device", json["device"], "\"veth\" or \"tap\"");
  }
  conf.device.is_tap = device == "tap";
  conf.strict_gc = gc == "strict";
  if (!conf.agent_socket.starts_with('/')) {
    return wrong_value("agentSocket", json["agentSocket"], "an absolute path");
  }
  if (!conf.agent_state.starts_with('/')) {
    return wrong_value("agentState", json["agentState"], "an absolute path");
  }
  conf.timeout = std::chrono::seconds(seconds);
  if (const auto prev = json.find("prevResult"); prev != json.end()) {
    if (!prev->is_object() && !prev->is_null()) {
      return wrong_value("prevResult", *prev, "the result of the plugin before");
    }
    conf.prev_result = *prev;
  }
  conf.json = std::move(json);
  return conf;
}

Result<ConfiguredWishes> wishes_of(const NetConf& conf) {
  ConfiguredWishes wishes;
  Fields fields(conf.json, "network configuration", Fields::Unknown::ignore);
  wishes.network = fields.string("network", "");
  wishes.subnet = fields.string("subnet", "");
  wishes.pool = fields.string("pool", "");
  wishes.namespace_ = fields.string("namespace", "");
  wishes.kind = fields.string("kind", "");
  wishes.retention = fields.string("retention", "");
  const Json* routes = fields.array("routes");
  const Json* labels = fields.object("labels");
  const Json* runtime = fields.object("runtimeConfig");
  const Json* args = fields.object("args");
  if (auto bad = fields.finish()) {
    return Error(Errc::invalid_config, bad->message(), bad->hint());
  }
  auto configured_routes = routes_in_configuration(routes);
  if (!configured_routes) {
    return configured_routes.error();
  }
  wishes.routes = std::move(*configured_routes);
  if (labels != nullptr) {
    for (const auto& [key, value] : labels->items()) {
      if (!value.is_string()) {
        return wrong_value("labels." + key, value, "a string");
      }
      wishes.labels.emplace(key, value.get<std::string>());
    }
  }
  // Capability `ips`; where the runtime does not know it, args.cni.ips by convention.
  const Json* ips = find_any_case(runtime, "ips");
  const bool by_runtime = ips != nullptr;
  if (!by_runtime) {
    ips = find_any_case(find_any_case(args, "cni"), "ips");
  }
  auto addresses = strings_of(by_runtime ? "runtimeConfig.ips" : "args.cni.ips", ips);
  if (!addresses) {
    return addresses.error();
  }
  wishes.ips = std::move(*addresses);
  if (const Json* mac = find_any_case(runtime, "mac")) {
    if (!mac->is_string()) {
      return wrong_value("runtimeConfig.mac", *mac, "a string like \"0a:58:0a:00:00:05\"");
    }
    wishes.mac = mac->get<std::string>();
  }
  const auto bandwidth = bandwidth_in(runtime);
  if (!bandwidth) {
    return bandwidth.error();
  }
  wishes.bandwidth = *bandwidth;
  auto aliases = aliases_in(runtime, conf.name);
  if (!aliases) {
    return aliases.error();
  }
  wishes.aliases = std::move(*aliases);
  auto dns = dns_in(runtime);
  if (!dns) {
    return dns.error();
  }
  wishes.dns = std::move(*dns);
  if (const Json* annotations = find_any_case(runtime, annotations_capability); annotations != nullptr) {
    if (!annotations->is_object()) {
      return wrong_value(fmt::format("runtimeConfig.{}", annotations_capability), *annotations, "an object of strings");
    }
    for (const auto& [key, value] : annotations->items()) {
      if (key.starts_with(annotation_prefix)) {
        if (!value.is_string()) {
          return wrong_value("annotation " + key, value, "a string");
        }
        wishes.annotations.emplace(key.substr(annotation_prefix.size()), value.get<std::string>());
      }
    }
  }
  return wishes;
}

}  // namespace mooring::cni
