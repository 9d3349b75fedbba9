#include "mooring/ipam_api/allocation_text.hpp"

#include "mooring/ipam_api/json_text.hpp"

namespace mooring::ipam_api {
namespace {

std::string compact(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string text_of(const Allocation& allocation) {
  JsonText text(512);
  // In the order of the keys.
  if (allocation.has_v4()) {
    text.text("address", allocation.address.str());
  }
  if (allocation.address6) {
    text.text("address6", allocation.address6->str());
  }
  text.raw("dns", allocation.dns.empty() ? "{}" : compact(to_json(allocation.dns)));
  if (allocation.has_v4()) {
    text.text("gateway", allocation.gateway.str());
  }
  if (allocation.gateway6) {
    text.text("gateway6", allocation.gateway6->str());
  }
  text.number("generation", allocation.generation).text("hostname", allocation.hostname);
  text.text("kind", to_string(allocation.kind)).text("mac", allocation.mac.str());
  text.number("mtu_bytes", allocation.mtu_bytes);
  if (allocation.mtu_from_underlay) {
    text.raw("mtu_from_underlay", "true");
  }
  text.text("namespace", allocation.namespace_);
  text.text("network", allocation.network).text("pool", allocation.pool).text("port_id", allocation.port_id);
  Json routes = Json::array();
  for (const Route& route : allocation.routes) {
    routes.push_back(to_json(route));
  }
  text.raw("routes", routes.empty() ? "[]" : compact(routes));
  text.text("subnet", allocation.subnet).number("vni", allocation.vni.value());
  return std::move(text).finished();
}

}  // namespace mooring::ipam_api
