#include "ovs-agent/app/underlay_mtu.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace mooring::agent {

namespace {

constexpr std::uint32_t least_mtu_bytes = 576, least_mtu6_bytes = 1280;  // RFC 791, RFC 8200

}  // namespace

void fit_to_underlay(ipam_api::Allocation& allocation, const Result<std::uint32_t>& underlay) {
  if (allocation.mtu_from_underlay && underlay) {
    const std::uint32_t fits = *underlay - std::min(*underlay, vxlan_overhead_bytes);
    allocation.mtu_bytes = std::max(fits, allocation.address6 ? least_mtu6_bytes : least_mtu_bytes);
  }
}

std::string too_big_for(std::uint32_t mtu_bytes, const Result<std::uint32_t>& underlay) {
  if (!underlay || mtu_bytes + vxlan_overhead_bytes <= *underlay) {
    return {};
  }
  return fmt::format(
      "containers of MTU {} send packets that do not cross the underlay: with VXLAN they need {} bytes, and the "
      "interface with the VTEP has MTU {} (give the subnet an MTU of at most {}, or the underlay a greater one)",
      mtu_bytes, mtu_bytes + vxlan_overhead_bytes, *underlay, *underlay - std::min(*underlay, vxlan_overhead_bytes));
}

}  // namespace mooring::agent
