#include "overlay-gateway/domain/foot_plan.hpp"

#include <algorithm>

namespace mooring::gateway {

FootPlan foot_plan(const std::vector<directory::Subnet>& subnets, bool complete,
                   std::optional<net::Ipv4Address> physical_address) {
  FootPlan plan;
  plan.complete = complete;
  std::uint32_t largest = 0;
  for (const directory::Subnet& subnet : subnets) {
    const std::uint32_t mtu = subnet.mtu_bytes == 0 ? default_mtu_bytes : subnet.mtu_bytes;
    plan.routes.push_back(OverlayRoute{subnet.cidr.v4(), mtu, physical_address});
    largest = std::max(largest, mtu);
  }
  if (complete) {
    plan.mtu_bytes = largest == 0 ? default_mtu_bytes : largest;
  }
  std::sort(plan.routes.begin(), plan.routes.end());
  return plan;
}

RouteSteps route_steps(const FootPlan& plan, const std::vector<OverlayRoute>& present) {
  const auto same_destination = [](const std::vector<OverlayRoute>& routes, const OverlayRoute& wanted) {
    return std::find_if(routes.begin(), routes.end(),
                        [&](const OverlayRoute& one) { return one.destination == wanted.destination; });
  };
  RouteSteps steps;
  for (const OverlayRoute& route : plan.routes) {
    const auto there = same_destination(present, route);
    if (there == present.end()) {
      steps.add.push_back(route);
    } else if (*there != route) {
      steps.replace.push_back(route);
    }
  }
  for (const OverlayRoute& route : present) {
    if (plan.complete && same_destination(plan.routes, route) == plan.routes.end()) {
      steps.remove.push_back(route);
    }
  }
  return steps;
}

}  // namespace mooring::gateway
