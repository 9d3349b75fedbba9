// Events as the API, mooringctl and webhooks show them (docs/api/rest.md, "Events").
// Threading: pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "ipam-controller/domain/event.hpp"

namespace mooring::controller {

// "2026-11-21T01:36:38.250Z"
std::string utc_text_ms(std::int64_t unix_ms);

// As to_json(event), with `at` and `since` as texts.
ipam_api::Json view_of(const EventRecord& event);

}  // namespace mooring::controller
