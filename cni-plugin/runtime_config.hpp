// What runtimes write into `runtimeConfig` of the network configuration by capability, and what CNI's own types look
// like there. Errors: Errc::invalid_config, with the key and its value. Threading: values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mooring/agent_api/bandwidth.hpp"
#include "mooring/ipam_api/messages.hpp"
#include "mooring/net/ip.hpp"

namespace mooring::cni {

using ipam_api::Json;

// Go writes the keys of runtimeConfig as its structs are called (HostPort, IPs), others in camel case. Null if the key,
// or the object, is not there; null is not there.
const Json* find_any_case(const Json* object, std::string_view key);

// "network configuration: KEY is VALUE (expected …)".
Error wrong_value(std::string_view key, const Json& value, std::string_view expected);

// runtimeConfig.bandwidth: ingressRate, ingressBurst, egressRate, egressBurst in bits and bits a second. No rate, or 0,
// is no limit. A burst of 2^31 - 1 bits or more is what containerd, CRI-O and kubelet fill in for pods that said
// nothing of it, and is taken as not said.
Result<agent_api::Bandwidth> bandwidth_in(const Json* runtime);

// runtimeConfig.dns: servers, searches, options, each a list of texts. What is absent, null or empty says nothing.
Result<ipam_api::Dns> dns_in(const Json* runtime);

// runtimeConfig.aliases: other names of the container, a list of texts or (podman) an object with such a list for each
// CNI network. What is absent or null says nothing.
Result<std::vector<std::string>> aliases_in(const Json* runtime, const std::string& cni_network);

// A route as CNI 1.1.0's results have it; 0 and absent leave it to the kernel.
struct ConfiguredRoute {
  net::IpCidr destination;
  std::optional<net::IpAddress> via{};  // absent: the subnet's gateway; of scope link or host: none
  std::uint32_t metric = 0;             // "priority": of several routes to one destination the least counts
  std::uint32_t mtu_bytes = 0, advmss_bytes = 0;
  std::uint32_t table = 0;  // 0: main
  std::uint8_t scope = 0;   // 0 global, 253 link, 254 host
};

// `routes`: a list of {"dst","gw","priority","mtu","advmss","table","scope"}; null is an empty one.
Result<std::vector<ConfiguredRoute>> routes_in_configuration(const Json* list);

}  // namespace mooring::cni
