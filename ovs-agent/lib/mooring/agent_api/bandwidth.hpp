// How much a container interface may carry, as the capability `bandwidth` of CNI's conventions says it: "ingress" is
// what the container receives, "egress" what it sends.
// Threading: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::agent_api {

using ipam_api::Json;

struct RateLimit {
  std::uint64_t bits_per_second = 0;  // 0: no limit
  std::uint64_t burst_bits = 0;       // what may pass at once after a pause; 0: chosen by the agent
  bool operator==(const RateLimit&) const = default;
  // "8000000" or "8000000/800000"; parse_rate_limit() reads it. Not of "no limit".
  std::string str() const;
};

struct Bandwidth {
  RateLimit ingress, egress;
  bool limited() const { return ingress.bits_per_second != 0 || egress.bits_per_second != 0; }
  bool operator==(const Bandwidth&) const = default;
};

// What a switch can meter: 1 kbit/s to 4,294,967,295 kbit/s.
inline constexpr std::uint64_t least_rate_bps = 1'000;
inline constexpr std::uint64_t greatest_rate_bps = 4'294'967'295'000;

// Errc::invalid_argument: no number, or out of range.
Result<RateLimit> parse_rate_limit(std::string_view text);

// {"ingress":{"rate_bps":8000000,"burst_bits":800000}}; a direction without a limit is absent.
Json to_json(const Bandwidth& value);
Result<Bandwidth> bandwidth_from(const Json& json);

}  // namespace mooring::agent_api
