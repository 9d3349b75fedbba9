// What a container may send so that it fits the underlay with VXLAN around it.
// Pure. Threading: values.
#pragma once

#include <cstdint>
#include <string>

#include "mooring/base/error.hpp"

namespace mooring::agent {

// Outer Ethernet is the underlay's own; IPv4, UDP, VXLAN and the inner Ethernet header are inside its MTU (RFC 7348,
// 5).
inline constexpr std::uint32_t vxlan_overhead_bytes = 20 + 8 + 8 + 14;

// "" or what is wrong: packets as big as `mtu_bytes` would not fit. `underlay`: MTU of the VTEP's link in bytes, or why
// it is not known.
std::string too_big_for(std::uint32_t mtu_bytes, const Result<std::uint32_t>& underlay);

}  // namespace mooring::agent
