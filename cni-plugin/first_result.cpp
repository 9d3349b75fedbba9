#include "cni-plugin/first_result.hpp"

#include "cni-plugin/net_conf.hpp"

namespace mooring::cni {
namespace {

constexpr const char* first_with_interfaces = "0.3.0";

bool is_ipv6(const Json& object, const char* key) {
  return object.at(key).get_ref<const std::string&>().find(':') != std::string::npos;
}

}  // namespace

bool has_first_shape(std::string_view cni_version) {
  return is_before(cni_version, first_with_interfaces);
}

Json first_shape_of(const std::string& cni_version, const Json& result) {
  Json first = {{"cniVersion", cni_version}};
  for (const Json& ip : result.at("ips")) {
    const bool v6 = is_ipv6(ip, "address");
    const char* family = v6 ? "ip6" : "ip4";
    if (first.contains(family)) {
      continue;
    }
    Json told = {{"ip", ip.at("address")}};
    if (ip.contains("gateway")) {
      told["gateway"] = ip["gateway"];
    }
    for (const Json& route : result.at("routes")) {
      if (is_ipv6(route, "dst") != v6) {
        continue;
      }
      Json plain = {{"dst", route["dst"]}};
      if (route.contains("gw")) {
        plain["gw"] = route["gw"];
      }
      told["routes"].push_back(std::move(plain));
    }
    first[family] = std::move(told);
  }
  if (result.contains("dns")) {
    first["dns"] = result["dns"];
  }
  return first;
}

}  // namespace mooring::cni
