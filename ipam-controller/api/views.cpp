#include "ipam-controller/api/views.hpp"

#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace mooring::controller {

using ipam_api::Json;

namespace {

void add_presence(Json& json, const WatchHub::Presence& presence) {
  json["live"] = presence.live;
  json["last_heard"] = presence.last_heard ? Json(utc_text(*presence.last_heard)) : Json(nullptr);
}

}  // namespace

std::string utc_text(WatchHub::WallClock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(WatchHub::WallClock::to_time_t(time)));
}

namespace {

Json counts_of(const PoolUse& use) {
  return {{"size", use.size},     {"allocated", use.allocated}, {"bound", use.bound}, {"reserved", use.reserved},
          {"leased", use.leased}, {"resting", use.resting},     {"free", use.free}};
}

}  // namespace

Json view_of(const Pool& pool, const State& state) {
  Json json = to_json(pool);
  json.update(counts_of(state.use(pool.name)));
  if (pool.has(net::Family::v4) && pool.has(net::Family::v6)) {
    json["ipv6"] = counts_of(state.use(pool.name, net::Family::v6));
  }
  return json;
}

Json view_of(const Binding& binding, const Port* port) {
  Json json = to_json(binding);
  json["node"] = port == nullptr ? Json(nullptr) : Json(port->node);
  json["port_id"] = port == nullptr ? Json(nullptr) : Json(port->id);
  return json;
}

Json view_of(const Port& port) {
  return to_json(port);
}

Json view_of(const Node& node, const WatchHub::Presence& presence) {
  Json json = to_json(node);
  add_presence(json, presence);
  return json;
}

Json view_of(const Gateway& gateway, const WatchHub::Presence& presence) {
  Json json = to_json(gateway);
  add_presence(json, presence);
  json["state"] = presence.state.empty() ? Json(nullptr) : Json(presence.state);
  return json;
}

}  // namespace mooring::controller
