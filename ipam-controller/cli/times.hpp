// Times as people write and read them. Unix milliseconds inside.
// Threading: pure functions, but for the time zone of the environment.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mooring/base/error.hpp"

namespace mooring::ctl {

// "2026-11-21T14:00:00Z", "2026-11-21T15:00:00+01:00" (RFC 3339); without a zone in the local one: "2026-11-21",
// "2026-11-21 14:00", "14:00" (today, or yesterday if that is still to come), "today 14:00", "yesterday 14:00",
// "tuesday 14:00" (the last one); "2h ago" (s, m, h, d, w); "now".
Result<std::int64_t> parse_time(std::string_view text, std::int64_t now_ms);

// "2026-11-21T14:00:00Z"
std::string time_text(std::int64_t time_ms);

}  // namespace mooring::ctl
