// The standard-input half of a CNI call: the network configuration (docs/reference/cni.md lists the keys).
// Read in two steps, because DEL must work whatever the wishes for an ADD look like.
// Errors: Errc::undecodable (not JSON), incompatible_version, invalid_config, unsupported; each names the key.
#pragma once

#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cni-plugin/runtime_config.hpp"

namespace mooring::cni {

using ipam_api::Json;

// Oldest first.
inline constexpr std::array supported_versions{"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"};
inline constexpr const char* newest_version = supported_versions.back();
bool is_supported(std::string_view version);
// Both supported: "0.4.0" is not before "0.4.0".
bool is_before(std::string_view version, std::string_view other);

// What the sandbox gets: one end of a veth pair, or a tap device for a virtual machine, joined to that end.
struct Device {
  bool is_tap = false;
  std::optional<std::uint32_t> tap_user, tap_group;  // who else than root may open it
};

// What every command needs.
struct NetConf {
  std::string cni_version;
  std::string name;  // of the CNI network
  std::string agent_socket;
  std::string agent_state;  // the agent's state folder: for a note when the agent is away
  std::string ovsdb;        // endpoint, for DEL without an agent
  std::chrono::seconds timeout{30};
  bool strict_gc = false;  // GC takes also what is alive
  Device device;
  bool default_route = true;  // of mooring-ipam: is one told?
  Json prev_result;           // null if there is none
  Json json;                  // all of it
};

// Wishes by the configuration and by the runtime, for ADD; strings are still to be parsed.
struct ConfiguredWishes {
  std::string network, subnet, pool /* or several, with commas */, namespace_, kind, retention;
  std::map<std::string, std::string> labels;
  std::vector<std::string> ips;
  std::string mac;
  agent_api::Bandwidth bandwidth;
  std::vector<std::string> aliases;                // of the runtime: other names of the pod
  ipam_api::Dns dns;                               // of the runtime: told instead of the subnet's, list by list
  std::vector<ConfiguredRoute> routes;             // beside the subnet's
  std::map<std::string, std::string> annotations;  // of the pod: mooring.io/… without the prefix
};

// The text as JSON; the version of an answer to whatever it is ("" = none was given).
Result<Json> parse_input(std::string_view text);
std::string version_in(const Json& json);

Result<NetConf> net_conf_from(Json json);
Result<ConfiguredWishes> wishes_of(const NetConf& conf);

}  // namespace mooring::cni
