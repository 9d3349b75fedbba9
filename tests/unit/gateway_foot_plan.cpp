// What the kernel should have, and the steps from what it has.
#include <catch2/catch.hpp>

#include "overlay-gateway/domain/foot_plan.hpp"

using namespace mooring;
using namespace mooring::gateway;

namespace {

directory::Subnet subnet(const char* cidr, std::uint32_t mtu_bytes) {
  directory::Subnet value;
  value.cidr = net::IpCidr::parse(cidr).value();
  value.mtu_bytes = mtu_bytes;
  return value;
}
FootFacts facts(bool complete = true, net::AddressPair addresses = {}) {
  FootFacts made;
  made.complete = complete;
  made.physical_addresses = addresses;
  made.underlay_mtu_bytes = 9000;
  return made;
}
OverlayRoute route(const char* cidr, std::uint32_t mtu_bytes) {
  return OverlayRoute{net::IpCidr::parse(cidr).value(), mtu_bytes, std::nullopt};
}

}  // namespace

TEST_CASE("each subnet is a route with its MTU, the foot has the largest") {
  const FootPlan plan = foot_plan({subnet("10.0.1.0/24", 8950), subnet("10.0.0.0/24", 1450)}, facts());
  CHECK(plan.routes == std::vector<OverlayRoute>{route("10.0.0.0/24", 1450), route("10.0.1.0/24", 8950)});
  CHECK(plan.mtu_bytes == 8950);
}

TEST_CASE("a subnet that does not say has the default MTU; so has a foot without subnets") {
  CHECK(foot_plan({subnet("10.0.0.0/24", 0)}, facts()).routes[0].mtu_bytes == default_mtu_bytes);
  CHECK(foot_plan({}, facts()).mtu_bytes == default_mtu_bytes);
}

TEST_CASE("a subnet that follows the underlay has what it carries, as its pods do") {
  auto follows = subnet("10.0.0.0/24", 1450);
  follows.mtu_from_underlay = true;
  auto known = facts();
  CHECK(foot_plan({follows}, known).routes[0].mtu_bytes == 8950);
  known.underlay_mtu_bytes = std::nullopt;
  CHECK(foot_plan({follows}, known).routes[0].mtu_bytes == 1450);
}

TEST_CASE("before the directory is whole the MTU is left alone and no route goes") {
  const FootPlan plan = foot_plan({subnet("10.0.0.0/24", 1450)}, facts(false));
  CHECK(plan.mtu_bytes == 0);
  const RouteSteps steps = route_steps(plan, {route("10.0.9.0/24", 1450)});
  CHECK(steps.remove.empty());
  CHECK(steps.add.size() == 1);
}

TEST_CASE("steps: what is missing, what differs, what is too much") {
  const FootPlan plan =
      foot_plan({subnet("10.0.0.0/24", 1450), subnet("10.0.1.0/24", 1400), subnet("10.0.2.0/24", 1450)}, facts());
  const RouteSteps steps =
      route_steps(plan, {route("10.0.0.0/24", 1450), route("10.0.1.0/24", 1450), route("10.0.3.0/24", 1450)});
  CHECK(steps.add == std::vector<OverlayRoute>{route("10.0.2.0/24", 1450)});
  CHECK(steps.replace == std::vector<OverlayRoute>{route("10.0.1.0/24", 1400)});
  CHECK(steps.remove == std::vector<OverlayRoute>{route("10.0.3.0/24", 1450)});
  CHECK(route_steps(plan, plan.routes).add.empty());
}

TEST_CASE("another physical address replaces the routes' source") {
  const auto address = net::Ipv4Address::parse("192.168.77.1").value();
  const FootPlan plan = foot_plan({subnet("10.0.0.0/24", 1450)}, facts(true, address));
  CHECK(plan.routes[0].source == address);
  CHECK(route_steps(plan, {route("10.0.0.0/24", 1450)}).replace.size() == 1);
}

TEST_CASE("routes of each family have the source of that family") {
  net::AddressPair addresses(net::IpAddress::parse("fd00:7::1").value());
  const FootPlan plan = foot_plan({subnet("fd00:1::/64", 1450), subnet("10.0.0.0/24", 1400)}, facts(true, addresses));
  REQUIRE(plan.routes.size() == 2);
  CHECK(plan.routes[0] == route("10.0.0.0/24", 1400));
  CHECK(plan.routes[1].source == addresses.v6());
  CHECK(plan.has(net::Family::v6));
  CHECK(plan.of(net::Family::v6).routes == std::vector<OverlayRoute>{plan.routes[1]});
  CHECK_FALSE(plan.of(net::Family::v4).has(net::Family::v6));
}
