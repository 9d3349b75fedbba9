// How long an address stays bound to its hostname after the container is gone, as pods and admins write it.
// Threading: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mooring/base/error.hpp"

namespace mooring::ipam_api {

struct Retention {
  enum class Policy {
    on_delete,      // until `seconds` after a DEL of the current attachment (kubelet sends DEL in every restart)
    with_workload,  // until the workload is deleted
    ttl,            // until `seconds` after the last container let go
    never,          // until somebody deletes it
  };
  Policy policy = Policy::never;
  std::uint32_t seconds = 0;

  // "OnDelete", "OnDelete 5m", "WithWorkload", "TTL 36h", "Never".
  std::string str() const;
  bool operator==(const Retention&) const = default;
};

inline constexpr std::uint32_t default_grace_seconds = 60;  // of "OnDelete" alone

// Any case; durations are a number with s, m, h or d, at most ten years.
Result<Retention> parse_retention(std::string_view text);
// "90s", "15m", "36h", "7d": the largest unit that fits.
std::string duration_text(std::uint64_t seconds);
Result<std::uint32_t> parse_duration(std::string_view text);

}  // namespace mooring::ipam_api
