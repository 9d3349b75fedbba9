// What a container may send so that it fits the underlay with VXLAN around it.
// Pure. Threading: values.
#pragma once

#include <cstdint>
#include <string>

#include "mooring/ipam_api/messages.hpp"

namespace mooring::agent {

// Outer Ethernet is the underlay's own; IPv4, UDP, VXLAN and the inner Ethernet header are inside its MTU (RFC 7348,
// 5).
inline constexpr std::uint32_t vxlan_overhead_bytes = 20 + 8 + 8 + 14;

// The MTU of an allocation whose subnet says none becomes what `underlay` (MTU of the VTEP's link in bytes, or why it
// is not known) carries, though not less than what its families of addresses need; else it stays.
void fit_to_underlay(ipam_api::Allocation& allocation, const Result<std::uint32_t>& underlay);

// "" or what is wrong: packets as big as `mtu_bytes` would not fit.
std::string too_big_for(std::uint32_t mtu_bytes, const Result<std::uint32_t>& underlay);

}  // namespace mooring::agent
