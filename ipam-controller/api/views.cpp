#include "ipam-controller/api/views.hpp"

#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace mooring::controller {

using ipam_api::Json;

namespace {

Json texts_of(const std::vector<net::AddressRange>& ranges) {
  Json list = Json::array();
  for (const net::AddressRange& range : ranges) {
    list.push_back(range.str());
  }
  return list;
}

void add_presence(Json& json, const WatchHub::Presence& presence) {
  json["live"] = presence.live;
  json["last_heard"] = presence.last_heard ? Json(utc_text(*presence.last_heard)) : Json(nullptr);
}

}  // namespace

std::string utc_text(WatchHub::WallClock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(WatchHub::WallClock::to_time_t(time)));
}

Json view_of(const Network& network) {
  return {{"name", network.name}, {"isolated", network.isolated}, {"revision", network.revision}};
}

Json view_of(const Subnet& subnet) {
  Json routes = Json::array();
  for (const ipam_api::Route& route : subnet.routes) {
    routes.push_back(to_json(route));
  }
  return {{"name", subnet.name},
          {"network", subnet.network},
          {"vni", subnet.vni.value()},
          {"cidr", subnet.cidr.str()},
          {"gateway", subnet.gateway.str()},
          {"mtu_bytes", subnet.mtu_bytes},
          {"dns", to_json(subnet.dns)},
          {"routes", routes},
          {"revision", subnet.revision}};
}

Json view_of(const Pool& pool, const PoolUse& use) {
  return {{"name", pool.name},
          {"subnet", pool.subnet},
          {"ranges", texts_of(pool.ranges)},
          {"exclusions", texts_of(pool.exclusions)},
          {"kind", to_string(pool.kind)},
          {"default", pool.is_default},
          {"size", use.size},
          {"allocated", use.allocated},
          {"bound", use.bound},
          {"free", use.free},
          {"revision", pool.revision}};
}

Json view_of(const Binding& binding, const Port* port) {
  return {{"network", binding.owner.network},
          {"namespace", binding.owner.namespace_},
          {"hostname", binding.owner.hostname},
          {"interface_ordinal", binding.owner.interface_ordinal},
          {"kind", to_string(binding.kind)},
          {"subnet", binding.subnet},
          {"pool", binding.pool},
          {"address", binding.address.str()},
          {"mac", binding.mac.str()},
          {"node", port == nullptr ? Json(nullptr) : Json(port->node)},
          {"port_id", port == nullptr ? Json(nullptr) : Json(port->id)},
          {"revision", binding.revision}};
}

Json view_of(const Port& port) {
  return {{"id", port.id},
          {"network", port.owner.network},
          {"subnet", port.subnet},
          {"pool", port.pool},
          {"namespace", port.owner.namespace_},
          {"hostname", port.owner.hostname},
          {"interface_ordinal", port.owner.interface_ordinal},
          {"kind", to_string(port.kind)},
          {"address", port.address.str()},
          {"mac", port.mac.str()},
          {"vni", port.vni.value()},
          {"node", port.node},
          {"attachment", port.attachment.str()},
          {"pod_uid", port.pod_uid},
          {"generation", port.generation},
          {"state", to_string(port.state)},
          {"revision", port.revision}};
}

Json view_of(const Node& node, const WatchHub::Presence& presence) {
  Json json = {{"name", node.name},
               {"machine_id", node.machine_id},
               {"vtep", node.vtep.str()},
               {"version", node.version},
               {"revision", node.revision}};
  add_presence(json, presence);
  return json;
}

Json view_of(const Gateway& gateway, const WatchHub::Presence& presence) {
  Json json = {{"name", gateway.name},       {"machine_id", gateway.machine_id}, {"vtep", gateway.vtep.str()},
               {"version", gateway.version}, {"network", gateway.network},       {"revision", gateway.revision}};
  add_presence(json, presence);
  return json;
}

}  // namespace mooring::controller
