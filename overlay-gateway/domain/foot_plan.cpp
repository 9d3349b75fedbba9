#include "overlay-gateway/domain/foot_plan.hpp"

#include <algorithm>

namespace mooring::gateway {
namespace {

std::uint32_t mtu_of(const directory::Subnet& subnet, const FootFacts& facts) {
  if (subnet.mtu_from_underlay && facts.underlay_mtu_bytes && *facts.underlay_mtu_bytes > vxlan_overhead_bytes) {
    return *facts.underlay_mtu_bytes - vxlan_overhead_bytes;
  }
  return subnet.mtu_bytes == 0 ? default_mtu_bytes : subnet.mtu_bytes;
}

}  // namespace

bool FootPlan::has(net::Family family) const {
  return std::any_of(routes.begin(), routes.end(),
                     [&](const OverlayRoute& route) { return route.destination.family() == family; });
}

FootPlan FootPlan::of(net::Family family) const {
  FootPlan part = *this;
  std::erase_if(part.routes, [&](const OverlayRoute& route) { return route.destination.family() != family; });
  return part;
}

FootPlan foot_plan(const std::vector<directory::Subnet>& subnets, const FootFacts& facts) {
  FootPlan plan;
  plan.complete = facts.complete;
  std::uint32_t largest = 0;
  for (const directory::Subnet& subnet : subnets) {
    const std::uint32_t mtu = mtu_of(subnet, facts);
    plan.routes.push_back(OverlayRoute{subnet.cidr, mtu, facts.physical_addresses.of(subnet.cidr.family())});
    largest = std::max(largest, mtu);
  }
  if (facts.complete) {
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
