// Addresses, routes and neighbours on the real kernel.
#include <algorithm>
#include <atomic>
#include <thread>

#include <catch2/catch.hpp>

#include "mooring/netlink/socket.hpp"
#include "support/throwaway_netns.hpp"

namespace {

using namespace mooring;
using namespace mooring::netlink;

net::Ipv4Address ip(std::string_view text) {
  return net::Ipv4Address::parse(text).value();
}

// A pair whose both ends are up.
struct Wire {
  tests::ThrowawayNetns ns;
  NetlinkSocket socket = NetlinkSocket::open_in(ns.open()).value();
  int link = 0;

  Wire() {
    socket.create_veth({{"a", {}, 0}, {"b", {}, 0}, true, -1, 0}).value();
    link = socket.find_link("a").value().index;
    LinkChange up;
    up.up = true;
    socket.change_link(socket.find_link("b").value().index, up).value();
  }
  Address address(std::string_view text) const { return {link, net::IpInterfaceAddress::parse(text).value()}; }
  std::vector<Route> own_routes() {
    auto routes = socket.list_routes(link).value();
    std::erase_if(routes, [](const Route& route) { return route.protocol == 2; });  // the kernel's, from addresses
    return routes;
  }
};

}  // namespace

TEST_CASE("addresses are added once, replaced, listed and deleted") {
  Wire wire;
  const Address address = wire.address("10.0.0.5/24");
  REQUIRE(wire.socket.add_address(address));
  CHECK(wire.socket.add_address(address).error().code() == Errc::already_exists);
  CHECK(wire.socket.replace_address(address));
  CHECK(wire.socket.list_addresses(wire.link).value() == std::vector<Address>{address});
  CHECK(wire.socket.list_addresses(wire.link + 1).value().empty());
  REQUIRE(wire.socket.add_address(wire.address("10.1.0.5/32")));
  CHECK(wire.socket.list_addresses().value().size() == 2);
  REQUIRE(wire.socket.delete_address(address));
  CHECK(wire.socket.delete_address(address).error().code() == Errc::not_found);
  CHECK(wire.socket.list_addresses(wire.link).value() == std::vector<Address>{wire.address("10.1.0.5/32")});
}

TEST_CASE("an address on a link that is not there is not_found and named") {
  Wire wire;
  const auto refused = wire.socket.add_address({4711, net::IpInterfaceAddress::parse("10.0.0.5/24").value()});
  CHECK(refused.error().code() == Errc::not_found);
  CHECK(refused.error().message().find("adding address 10.0.0.5/24 of link number 4711: ") == 0);
}

TEST_CASE("routes keep destination, gateway, source, metric, protocol and MTU") {
  Wire wire;
  REQUIRE(wire.socket.add_address(wire.address("10.0.0.5/24")));

  Route plain;
  plain.destination = net::Cidr::parse("0.0.0.0/0").value();
  plain.via = ip("10.0.0.1");
  plain.link_index = wire.link;
  REQUIRE(wire.socket.add_route(plain));

  Route rich;
  rich.destination = net::Cidr::parse("10.9.0.0/16").value();
  rich.via = ip("169.254.77.1");
  rich.onlink = true;
  rich.link_index = wire.link;
  rich.source = ip("10.0.0.5");
  rich.metric = 50;
  rich.mtu_bytes = 1400;
  rich.advmss_bytes = 1360;
  rich.protocol = route_protocol_mooring;
  REQUIRE(wire.socket.add_route(rich));
  CHECK(wire.socket.add_route(rich).error().code() == Errc::already_exists);

  Route narrow;
  narrow.destination = net::Cidr::parse("10.7.0.1/32").value();
  narrow.link_index = wire.link;
  narrow.scope = 254;
  REQUIRE(wire.socket.add_route(narrow));

  Route direct;
  direct.destination = net::Cidr::parse("10.8.0.1/32").value();
  direct.link_index = wire.link;
  direct.table = 1000;
  REQUIRE(wire.socket.add_route(direct));

  const auto routes = wire.own_routes();
  CHECK(routes.size() == 4);
  for (const Route& wanted : {plain, rich, narrow, direct}) {
    CHECK(std::count(routes.begin(), routes.end(), wanted) == 1);
  }
}

TEST_CASE("IPv6 addresses, routes and neighbours come back as they were set") {
  Wire wire;
  const auto six = [](std::string_view text) { return net::IpAddress::parse(text).value(); };
  constexpr auto v6 = net::Family::v6;
  const Address address = wire.address("fd00::5/64");
  REQUIRE(wire.socket.add_address(address));
  CHECK(wire.socket.add_address(address).error().code() == Errc::already_exists);
  const auto listed = wire.socket.list_addresses(wire.link, v6).value();
  CHECK(std::count(listed.begin(), listed.end(), address) == 1);
  CHECK(wire.socket.list_addresses(wire.link).value().empty());

  Route out;
  out.destination = net::IpCidr::parse("::/0").value();
  out.via = six("fd00::1");
  out.link_index = wire.link;
  REQUIRE(wire.socket.add_route(out));
  CHECK(wire.socket.add_route(out).error().code() == Errc::already_exists);
  out.metric = 1024;  // the kernel's own
  Route one;
  one.destination = net::IpCidr::parse("fd00:9::5/128").value();
  one.via = six("fd00:77::1");
  one.onlink = true;
  one.link_index = wire.link;
  one.source = six("fd00::5");
  one.metric = 50;
  one.mtu_bytes = 1400;
  one.protocol = route_protocol_mooring;
  REQUIRE(wire.socket.add_route(one));
  const auto routes = wire.socket.list_routes(wire.link, v6).value();
  for (const Route& wanted : {out, one}) {
    CHECK(std::count(routes.begin(), routes.end(), wanted) == 1);
  }
  CHECK(wire.own_routes().empty());
  REQUIRE(wire.socket.delete_route(one));
  CHECK(wire.socket.delete_route(one).error().code() == Errc::not_found);

  const Neighbour neighbour{wire.link, six("fd00::9"), net::MacAddress({0x0a, 0x6d, 0x6f, 0x6f, 0x72, 0x01})};
  REQUIRE(wire.socket.replace_neighbour(neighbour));
  CHECK(wire.socket.list_neighbours(wire.link, v6).value() == std::vector<Neighbour>{neighbour});
  CHECK(wire.socket.list_neighbours(wire.link).value().empty());
  REQUIRE(wire.socket.delete_neighbour(wire.link, neighbour.address));
  REQUIRE(wire.socket.delete_address(address));
}

TEST_CASE("a replaced route takes the place of the old one") {
  Wire wire;
  REQUIRE(wire.socket.add_address(wire.address("10.0.0.5/24")));
  Route route;
  route.destination = net::Cidr::parse("10.9.0.0/16").value();
  route.via = ip("10.0.0.1");
  route.link_index = wire.link;
  REQUIRE(wire.socket.replace_route(route));
  route.via = ip("10.0.0.2");
  REQUIRE(wire.socket.replace_route(route));
  CHECK(wire.own_routes() == std::vector<Route>{route});
  REQUIRE(wire.socket.delete_route(route));
  CHECK(wire.own_routes().empty());
  CHECK(wire.socket.delete_route(route).error().code() == Errc::not_found);
}

TEST_CASE("a gateway that is nobody's neighbour is refused with the kernel's explanation") {
  Wire wire;
  Route route;
  route.destination = net::Cidr::parse("0.0.0.0/0").value();
  route.via = ip("192.0.2.1");
  route.link_index = wire.link;
  const auto refused = wire.socket.add_route(route);
  CHECK(refused.error().message() == "adding route 0.0.0.0/0 via 192.0.2.1 over link number " +
                                         std::to_string(wire.link) +
                                         ": Network is unreachable (Nexthop has invalid gateway)");
}

TEST_CASE("permanent neighbours are set, replaced, listed and deleted") {
  Wire wire;
  Neighbour neighbour{wire.link, ip("10.0.0.9"), net::MacAddress({0x0a, 0x6d, 0x6f, 0x6f, 0x72, 0x01})};
  REQUIRE(wire.socket.replace_neighbour(neighbour));
  neighbour.mac = net::MacAddress({0x0a, 0x6d, 0x6f, 0x6f, 0x72, 0x02});
  REQUIRE(wire.socket.replace_neighbour(neighbour));
  CHECK(wire.socket.list_neighbours(wire.link).value() == std::vector<Neighbour>{neighbour});
  REQUIRE(wire.socket.delete_neighbour(wire.link, neighbour.address));
  CHECK(wire.socket.list_neighbours(wire.link).value().empty());
  CHECK(wire.socket.delete_neighbour(wire.link, neighbour.address).error().code() == Errc::not_found);
}

TEST_CASE("a dump longer than one buffer comes whole") {
  Wire wire;
  for (std::uint32_t i = 1; i <= 2000; ++i) {
    REQUIRE(wire.socket.add_address({wire.link, {net::Ipv4Address(0x0a000000U + i), 32}}));
  }
  CHECK(wire.socket.list_addresses(wire.link).value().size() == 2000);
}

TEST_CASE("lists are whole while others change what is listed") {
  Wire wire;
  for (int i = 0; i < 60; ++i) {
    const std::string name = "v" + std::to_string(i);
    REQUIRE(wire.socket.create_veth({{name, {}, 0}, {name + "p", {}, 0}, true, -1, 0}));
  }
  std::atomic<bool> done = false;
  std::thread churn([&] {
    auto other = NetlinkSocket::open_in(wire.ns.open()).value();
    while (!done) {
      other.create_veth({{"x", {}, 0}, {"xp", {}, 0}, true, -1, 0}).value();
      other.add_address({wire.link, net::IpInterfaceAddress::parse("10.3.0.1/24").value()}).value();
      other.delete_address({wire.link, net::IpInterfaceAddress::parse("10.3.0.1/24").value()}).value();
      other.delete_link("x").value();
    }
  });
  std::optional<Error> wrong;
  for (int i = 0; i < 150 && !wrong; ++i) {
    const auto links = wire.socket.list_links();
    if (!links) {
      wrong = links.error();
    } else if (links->size() < 123 ||
               links->size() > 125) {  // lo, the wire, 60 pairs, and perhaps the one that changes
      wrong = Error(Errc::internal, std::to_string(links->size()) + " links");
    }
  }
  done = true;
  churn.join();
  CHECK(wrong.value_or(Error(Errc::internal, "none")).message() == "none");
}
