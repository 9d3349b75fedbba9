#include "cni-plugin/cni_result.hpp"

#include <fmt/format.h>

#include "cni-plugin/net_conf.hpp"

namespace mooring::cni {
namespace {

constexpr const char* first_without_ip_version = "1.0.0";
constexpr const char* first_with_mtu = "1.1.0";

Json& list_in(Json& result, const char* key) {
  Json& list = result[key];
  if (!list.is_array()) {
    list = Json::array();
  }
  return list;
}

std::string text_in(const Json& object, const char* key) {
  if (!object.is_object()) {
    return {};
  }
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

// 0 for what is no number, or none of ours.
std::uint32_t number_in(const Json& object, const char* key) {
  const auto it = object.is_object() ? object.find(key) : object.end();
  const bool is_number = object.is_object() && it != object.end() && it->is_number_unsigned();
  const std::uint64_t number = is_number ? it->get<std::uint64_t>() : 0;
  return number <= 0xffff'ffffU ? static_cast<std::uint32_t>(number) : 0;
}

const Json& list_of(const Json& result, const char* key) {
  static const Json none = Json::array();
  if (!result.is_object()) {
    return none;
  }
  const auto it = result.find(key);
  return it != result.end() && it->is_array() ? *it : none;
}

void put_mtu(Json& interface, const std::string& cni_version, std::uint32_t mtu_bytes) {
  if (!is_before(cni_version, first_with_mtu)) {
    interface["mtu"] = mtu_bytes;
  }
}

Error malformed(const std::string& what, const Error& cause) {
  return Error(Errc::invalid_config, fmt::format("prevResult: {}: {}", what, cause.message()), cause.hint());
}

}  // namespace

ipam_api::Dns told_dns(ipam_api::Dns of_subnet, const ipam_api::Dns& of_runtime) {
  const auto replace = [](std::vector<std::string>& list, const std::vector<std::string>& by) {
    if (!by.empty()) {
      list = by;
    }
  };
  replace(of_subnet.nameservers, of_runtime.nameservers);
  replace(of_subnet.search, of_runtime.search);
  replace(of_subnet.options, of_runtime.options);
  return of_subnet;
}

Json told_route(const std::string& cni_version, const netlink::Route& route) {
  Json told = {{"dst", route.destination.str()}};
  if (route.via) {
    told["gw"] = route.via->str();
  }
  if (is_before(cni_version, first_with_mtu)) {
    return told;
  }
  const auto put = [&told](const char* key, std::uint32_t number) {
    if (number != 0) {
      told[key] = number;
    }
  };
  put("priority", route.metric);
  put("mtu", route.mtu_bytes);
  put("advmss", route.advmss_bytes);
  put("table", route.table == netlink::route_table_main ? 0 : route.table);
  if (route.scope) {
    told["scope"] = *route.scope;
  }
  return told;
}

Json result_for(const std::string& cni_version, const Attached& attached, const Json& prev_result) {
  const ipam_api::Allocation& allocation = attached.allocation;
  Json result = prev_result.is_object() ? prev_result : Json::object();
  result["cniVersion"] = cni_version;

  Json host = {{"name", attached.host_interface}};
  if (attached.host_mac) {
    host["mac"] = attached.host_mac->str();
  }
  put_mtu(host, cni_version, allocation.mtu_bytes);
  Json container = {{"name", attached.container_interface}, {"mac", allocation.mac.str()}, {"sandbox", attached.netns}};
  put_mtu(container, cni_version, allocation.mtu_bytes);
  Json& interfaces = list_in(result, "interfaces");
  interfaces.push_back(std::move(host));
  const std::size_t ours = interfaces.size();
  interfaces.push_back(std::move(container));
  if (!attached.behind_tap.empty()) {
    Json between = {{"name", attached.behind_tap}, {"sandbox", attached.netns}};
    put_mtu(between, cni_version, allocation.mtu_bytes);
    interfaces.push_back(std::move(between));
  }

  const auto tell_address = [&](const std::string& address, const std::string& gateway, const char* version) {
    Json ip = {{"address", address}, {"interface", ours}};
    if (!gateway.empty()) {
      ip["gateway"] = gateway;
    }
    if (is_before(cni_version, first_without_ip_version)) {
      ip["version"] = version;
    }
    list_in(result, "ips").push_back(std::move(ip));
  };
  if (allocation.has_v4()) {
    tell_address(allocation.address.str(), allocation.gateway.str(), "4");
  }
  if (allocation.address6) {
    tell_address(allocation.address6->str(), allocation.gateway6 ? allocation.gateway6->str() : "", "6");
  }

  Json& routes = list_in(result, "routes");
  for (const netlink::Route& route : attached.routes) {
    routes.push_back(told_route(cni_version, route));
  }
  if (!result.contains("dns") || !result["dns"].is_object() || result["dns"].empty()) {
    result["dns"] = to_json(allocation.dns);
  }
  return result;
}

Result<ResultInterface> interface_in(const Json& result, const std::string& ifname) {
  const Json& interfaces = list_of(result, "interfaces");
  for (std::size_t i = 0; i < interfaces.size(); ++i) {
    if (text_in(interfaces[i], "name") != ifname || text_in(interfaces[i], "sandbox").empty()) {
      continue;
    }
    ResultInterface found;
    found.mac = text_in(interfaces[i], "mac");
    for (const Json& ip : list_of(result, "ips")) {
      const std::string address = text_in(ip, "address");
      const bool of_this = ip.is_object() && ip.contains("interface") && ip["interface"] == i;
      if (!of_this) {
        continue;
      }
      const auto parsed = net::IpInterfaceAddress::parse(address);
      if (!parsed) {
        return malformed("ips", parsed.error());
      }
      found.addresses.push_back(*parsed);
    }
    return found;
  }
  return Error(Errc::invalid_config, fmt::format("prevResult names no interface {} with a sandbox", ifname),
               "CHECK gets the result of ADD as prevResult");
}

Result<std::vector<ResultRoute>> routes_in(const Json& result) {
  std::vector<ResultRoute> routes;
  for (const Json& route : list_of(result, "routes")) {
    const std::string destination = text_in(route, "dst");
    const std::string via = text_in(route, "gw");
    const auto parsed = net::IpCidr::parse(destination);
    if (!parsed) {
      return malformed("routes", parsed.error());
    }
    ResultRoute found;
    found.destination = *parsed;
    found.metric = number_in(route, "priority");
    found.mtu_bytes = number_in(route, "mtu");
    found.advmss_bytes = number_in(route, "advmss");
    found.table = number_in(route, "table");
    if (!via.empty()) {
      const auto gateway = net::IpAddress::parse(via);
      if (!gateway) {
        return malformed("routes", gateway.error());
      }
      found.via = *gateway;
    }
    routes.push_back(found);
  }
  return routes;
}

}  // namespace mooring::cni
