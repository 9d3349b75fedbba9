#include "ovs-agent/app/underlay_mtu.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace mooring::agent {

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
