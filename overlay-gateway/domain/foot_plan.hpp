// What the kernel of the gateway should have, so that it routes between the physical side and mooring-gw0: routes to
// the subnets of the network, and MTUs that make it answer "too big" where a packet would not fit the overlay.
// Pure. Threading: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mooring/directory/directory.hpp"

namespace mooring::gateway {

struct OverlayRoute {
  net::IpCidr destination;
  std::uint32_t mtu_bytes = 0;           // of the subnet
  std::optional<net::IpAddress> source;  // of what the gateway itself sends: its physical address, if it has one
  auto operator<=>(const OverlayRoute&) const = default;
};

struct FootPlan {
  std::vector<OverlayRoute> routes;       // sorted
  std::uint32_t mtu_bytes = 0;            // of mooring-gw0: the largest of the subnets'; 0: not known yet, leave it
  bool complete = false;                  // the directory is whole: what is not in `routes` may go
  bool has(net::Family family) const;     // a route of that family
  FootPlan of(net::Family family) const;  // its routes alone
};

// A 1500-byte underlay less 50 bytes of VXLAN (RFC 7348, 5).
inline constexpr std::uint32_t default_mtu_bytes = 1450, vxlan_overhead_bytes = 50;

// What the plan is made from, beside the directory.
struct FootFacts {
  bool complete = false;  // the directory is whole
  net::AddressPair physical_addresses;
  std::optional<std::uint32_t> underlay_mtu_bytes;  // what a subnet without an MTU follows, as the nodes do
};

FootPlan foot_plan(const std::vector<directory::Subnet>& subnets, const FootFacts& facts);

struct RouteSteps {
  std::vector<OverlayRoute> add;
  std::vector<OverlayRoute> replace;  // there, with another MTU or source
  std::vector<OverlayRoute> remove;   // known to be no subnet's any more
};
// `present`: the routes of ours on mooring-gw0.
RouteSteps route_steps(const FootPlan& plan, const std::vector<OverlayRoute>& present);

}  // namespace mooring::gateway
