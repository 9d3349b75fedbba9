// How long a binding lives after its container is gone. Time is Unix milliseconds everywhere in the controller, of a
// clock that never steps back (app/clock.hpp).
// Threading: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mooring/ipam_api/retention.hpp"

namespace mooring::controller {

using TimeMs = std::int64_t;
using ipam_api::Retention;

// When a binding ends whose container let go at `now`; 0 = it does not end by itself.
inline TimeMs end_of(const Retention& retention, TimeMs now) {
  using Policy = Retention::Policy;
  const bool ends = retention.policy == Policy::on_delete || retention.policy == Policy::ttl;
  return ends ? now + TimeMs{retention.seconds} * 1000 : 0;
}

}  // namespace mooring::controller
