#include <nlohmann/json.hpp>

#include "mooring/underlay/physical_bridge.hpp"

namespace mooring::underlay {
namespace {

using Json = nlohmann::json;

Json json_of(const netlink::Route& route) {
  Json json = {{"destination", route.destination.str()},
               {"onlink", route.onlink},
               {"protocol", route.protocol},
               {"metric", route.metric},
               {"mtu_bytes", route.mtu_bytes},
               {"table", route.table}};
  if (route.via) {
    json["via"] = route.via->str();
  }
  if (route.source) {
    json["source"] = route.source->str();
  }
  return json;
}

netlink::Route route_from(const Json& json) {
  netlink::Route route;
  route.destination = net::Cidr::parse(json.at("destination").get<std::string>()).value();
  route.onlink = json.at("onlink").get<bool>();
  route.protocol = json.at("protocol").get<std::uint8_t>();
  route.metric = json.at("metric").get<std::uint32_t>();
  route.mtu_bytes = json.at("mtu_bytes").get<std::uint32_t>();
  route.table = json.at("table").get<std::uint32_t>();
  if (json.contains("via")) {
    route.via = net::Ipv4Address::parse(json.at("via").get<std::string>()).value();
  }
  if (json.contains("source")) {
    route.source = net::Ipv4Address::parse(json.at("source").get<std::string>()).value();
  }
  return route;
}

}  // namespace

std::string write_remembered(const RememberedNic& value) {
  Json json = {{"nic", value.nic}, {"mac", value.mac}, {"addresses", Json::array()}, {"routes", Json::array()}};
  for (const auto& address : value.addresses) {
    json["addresses"].push_back(address.str());
  }
  for (const auto& route : value.routes) {
    json["routes"].push_back(json_of(route));
  }
  return json.dump(2) + "\n";
}

Result<RememberedNic> read_remembered(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    RememberedNic value;
    value.nic = json.at("nic").get<std::string>();
    value.mac = json.at("mac").get<std::string>();
    for (const auto& address : json.at("addresses")) {
      value.addresses.push_back(net::InterfaceAddress::parse(address.get<std::string>()).value());
    }
    for (const auto& route : json.at("routes")) {
      value.routes.push_back(route_from(route));
    }
    return value;
  } catch (const std::exception& problem) {  // of the JSON library, or a value that does not parse
    return Error(Errc::invalid_argument, std::string("reading the remembered underlay addresses: ") + problem.what());
  }
}

}  // namespace mooring::underlay
