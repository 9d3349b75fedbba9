#include "cni-plugin/runtime_config.hpp"

#include <algorithm>
#include <array>
#include <strings.h>

#include <fmt/format.h>

namespace mooring::cni {
namespace {

constexpr std::uint64_t filled_in_by_runtimes = 2'147'483'647;

// Absent is 0.
Result<std::uint64_t> number_in(const Json& bandwidth, std::string_view key) {
  const Json* value = find_any_case(&bandwidth, key);
  if (value == nullptr) {
    return 0;
  }
  if (!value->is_number_unsigned()) {
    return wrong_value(fmt::format("runtimeConfig.bandwidth.{}", key), *value, "a number of bits, not below 0");
  }
  return value->get<std::uint64_t>();
}

Result<agent_api::RateLimit> limit_in(const Json& bandwidth, std::string_view rate_key, std::string_view burst_key) {
  const auto rate = number_in(bandwidth, rate_key);
  const auto burst = number_in(bandwidth, burst_key);
  if (!rate || !burst) {
    return rate ? burst.error() : rate.error();
  }
  if (*rate == 0) {
    if (*burst != 0 && *burst < filled_in_by_runtimes) {
      return wrong_value(fmt::format("runtimeConfig.bandwidth.{}", burst_key), Json(*burst),
                         fmt::format("{} beside it", rate_key));
    }
    return agent_api::RateLimit{};
  }
  if (*rate < agent_api::least_rate_bps || *rate > agent_api::greatest_rate_bps) {
    return wrong_value(fmt::format("runtimeConfig.bandwidth.{}", rate_key), Json(*rate),
                       fmt::format("{} to {} bits a second", agent_api::least_rate_bps, agent_api::greatest_rate_bps));
  }
  return agent_api::RateLimit{*rate, *burst < filled_in_by_runtimes ? *burst : 0};
}

Result<ConfiguredRoute> route_from(const Json& json, const std::string& name) {
  constexpr std::uint64_t greatest = 0xffff'ffffU, largest_packet = 65'535;
  constexpr std::uint64_t global = 0, link = 253, host = 254;
  ipam_api::Fields fields(json, name);
  const auto number = [&fields](const char* key, std::uint64_t most) {
    const std::uint64_t value = fields.number(key, 0);
    if (value > most) {
      fields.fail(key,
                  Error(Errc::invalid_argument, fmt::format("{} is too great", value), fmt::format("0 to {}", most)));
    }
    return static_cast<std::uint32_t>(value);
  };
  ConfiguredRoute route;
  route.destination = fields.parsed("dst", &net::IpCidr::parse);
  route.via = fields.parsed_if_present("gw", &net::IpAddress::parse);
  route.metric = number("priority", greatest);
  route.mtu_bytes = number("mtu", largest_packet);
  route.advmss_bytes = number("advmss", largest_packet);
  route.table = number("table", greatest);
  const std::uint64_t scope = fields.number("scope", 0);
  route.scope = static_cast<std::uint8_t>(scope);
  if (scope != global && scope != link && scope != host) {
    fields.fail("scope",
                Error(Errc::invalid_argument, fmt::format("{} is no scope", scope), "0 global, 253 link, 254 host"));
  }
  if (route.via && scope != global) {
    fields.fail("scope",
                Error(Errc::invalid_argument, fmt::format("{} has no gateway", scope), "leave out gw, or scope"));
  }
  if (route.via && route.via->family() != route.destination.family()) {
    fields.fail("gw", Error(Errc::invalid_argument, route.via->str() + " is of another family than dst"));
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return route;
}

bool is_list_of_texts(const Json& json) {
  return json.is_array() && std::all_of(json.begin(), json.end(), [](const Json& item) { return item.is_string(); });
}

}  // namespace

const Json* find_any_case(const Json* object, std::string_view key) {
  if (object == nullptr || !object->is_object()) {
    return nullptr;
  }
  for (const auto& [name, value] : object->items()) {
    if (name.size() == key.size() && ::strncasecmp(name.data(), key.data(), key.size()) == 0 && !value.is_null()) {
      return &value;
    }
  }
  return nullptr;
}

Error wrong_value(std::string_view key, const Json& value, std::string_view expected) {
  std::string shown = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (shown.size() > 80) {
    shown = shown.substr(0, 77) + "...";
  }
  return Error(Errc::invalid_config, fmt::format("network configuration: {} is {}", key, shown),
               fmt::format("expected {}", expected));
}

Result<agent_api::Bandwidth> bandwidth_in(const Json* runtime) {
  const Json* bandwidth = find_any_case(runtime, "bandwidth");
  if (bandwidth == nullptr) {
    return agent_api::Bandwidth{};
  }
  if (!bandwidth->is_object()) {
    return wrong_value("runtimeConfig.bandwidth", *bandwidth, "an object with ingressRate and egressRate");
  }
  const auto ingress = limit_in(*bandwidth, "ingressRate", "ingressBurst");
  const auto egress = limit_in(*bandwidth, "egressRate", "egressBurst");
  if (!ingress || !egress) {
    return ingress ? egress.error() : ingress.error();
  }
  return agent_api::Bandwidth{*ingress, *egress};
}

Result<ipam_api::Dns> dns_in(const Json* runtime) {
  ipam_api::Dns said;
  const Json* dns = find_any_case(runtime, "dns");
  if (dns == nullptr) {
    return said;
  }
  if (!dns->is_object()) {
    return wrong_value("runtimeConfig.dns", *dns, "an object with servers, searches and options");
  }
  const std::array<std::pair<const char*, std::vector<std::string>*>, 3> lists{
      {{"servers", &said.nameservers}, {"searches", &said.search}, {"options", &said.options}}};
  for (const auto& [key, into] : lists) {
    const Json* list = find_any_case(dns, key);
    if (list == nullptr) {
      continue;
    }
    if (!is_list_of_texts(*list)) {
      return wrong_value(fmt::format("runtimeConfig.dns.{}", key), *list, "a list of texts");
    }
    *into = list->get<std::vector<std::string>>();
  }
  return said;
}

Result<std::vector<std::string>> aliases_in(const Json* runtime, const std::string& cni_network) {
  const Json* list = find_any_case(runtime, "aliases");
  if (list != nullptr && list->is_object()) {
    const auto ours = list->find(cni_network);
    list = ours == list->end() || ours->is_null() ? nullptr : &*ours;
  }
  if (list == nullptr) {
    return std::vector<std::string>();
  }
  if (!is_list_of_texts(*list)) {
    return wrong_value("runtimeConfig.aliases", *list, "a list of texts, or an object with one for each network");
  }
  return list->get<std::vector<std::string>>();
}

Result<std::vector<ConfiguredRoute>> routes_in_configuration(const Json* list) {
  std::vector<ConfiguredRoute> routes;
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
    const std::string name = fmt::format("routes[{}]", i);
    auto route = route_from(list->at(i), name);
    if (!route) {
      return Error(Errc::invalid_config, "network configuration: " + route.error().message(), route.error().hint());
    }
    routes.push_back(std::move(*route));
  }
  return routes;
}

}  // namespace mooring::cni
