// Objects as answers show them (docs/api/rest.md, "Objects").
// Threading: pure functions.
#pragma once

#include <string>

#include "ipam-controller/api/watch_hub.hpp"
#include "ipam-controller/domain/object_json.hpp"
#include "ipam-controller/domain/state.hpp"
#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::controller {

// The objects' own JSON (domain/object_json.hpp) with what the controller counts beside it.
ipam_api::Json view_of(const Pool& pool, const State& state);
// `port`: the live one of the binding, or nullptr.
ipam_api::Json view_of(const Binding& binding, const Port* port);
ipam_api::Json view_of(const Port& port);
ipam_api::Json view_of(const Node& node, const WatchHub::Presence& presence);
ipam_api::Json view_of(const Gateway& gateway, const WatchHub::Presence& presence);

// "2026-11-21T01:36:38Z"
std::string utc_text(WatchHub::WallClock::time_point time);

}  // namespace mooring::controller
