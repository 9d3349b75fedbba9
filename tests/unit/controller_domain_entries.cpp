// The directory's entries, as text: docs/api/watch.md is the contract.
#include <catch2/catch.hpp>

#include "fakes/controller_engine.hpp"
#include "ipam-controller/domain/change.hpp"
#include "ipam-controller/domain/object_text.hpp"

using namespace mooring::controller;
using namespace mooring::controller::fakes;

namespace {

std::string text(const Change& entry) {
  return entry.text;
}

template <class T>
Change entry_of(const T& object) {
  const std::vector<Change> entries = entries_of(object);
  REQUIRE(entries.size() == 1);
  return entries[0];
}

}  // namespace

TEST_CASE("entries and tombstones are those of the watch stream", "[domain]") {
  CHECK(text(entry_of(Network{"default", true, 3})) ==
        R"({"key":"default","kind":"network","revision":3,"shard":0,"value":{"isolated":true}})");

  Subnet subnet;
  subnet.name = "web";
  subnet.network = "default";
  subnet.vni = vni(100);
  subnet.blocks = {{cidr("10.0.0.0/24"), ip("10.0.0.1")}};
  subnet.revision = 4;
  CHECK(
      text(entry_of(subnet)) ==
      R"({"key":"web","kind":"subnet","revision":4,"shard":0,"value":{"cidr":"10.0.0.0/24","gateway":"10.0.0.1","mtu_bytes":1450,"network":"default","vni":100}})");

  subnet.mtu_from_underlay = true;
  subnet.routes = {{cidr("10.9.0.0/16"), std::nullopt, 7}};
  CHECK(
      text(entry_of(subnet)) ==
      R"({"key":"web","kind":"subnet","revision":4,"shard":0,"value":{"cidr":"10.0.0.0/24","gateway":"10.0.0.1","mtu_bytes":1450,"mtu_from_underlay":true,"network":"default","routes":[{"destination":"10.9.0.0/16","metric":7}],"vni":100}})");

  subnet = Subnet();
  subnet.name = "both";
  subnet.network = "default";
  subnet.vni = vni(101);
  subnet.blocks = {{cidr("10.0.1.0/24"), ip("10.0.1.1")},
                   {net::IpCidr::parse("fd00::/64").value(), net::IpAddress::parse("fd00::1").value()}};
  subnet.bridged = Bridging{12};
  const auto families = entries_of(subnet);
  REQUIRE(families.size() == 2);
  CHECK(text(families[0]).find(R"("bridged_vlan":12)") != std::string::npos);
  CHECK(text(families[1]).find(R"("bridged_vlan":12)") != std::string::npos);

  Pool pool;
  pool.name = "web";
  pool.subnet = "web";
  pool.ranges = {range("10.0.0.10-10.0.0.19")};
  pool.exclusions = {range("10.0.0.12")};
  pool.revision = 5;
  CHECK(
      text(entry_of(pool)) ==
      R"({"key":"web","kind":"pool","revision":5,"shard":0,"value":{"ranges":["10.0.0.10-10.0.0.11","10.0.0.13-10.0.0.19"],"subnet":"web"}})");

  CHECK(text(entry_of(Node{"h1", "m", ip("172.31.0.1"), "1", "", {}, false, 6, "", 0})) ==
        R"({"key":"h1","kind":"node","revision":6,"shard":0,"value":{"vtep":"172.31.0.1"}})");
  CHECK(text(entry_of(Gateway{"gw1", "m", ip("172.31.0.9"), "1", "default", 7})) ==
        R"({"key":"gw1","kind":"gateway","revision":7,"shard":0,"value":{"network":"default","vtep":"172.31.0.9"}})");

  Port port;
  port.owner = owner("db-0");
  port.vni = vni(100);
  port.addresses = ip("10.0.0.10");
  port.mac = mac_from(port.addresses);
  port.node = "h1";
  port.attachment = attachment("c1");
  port.generation = 8;
  port.revision = 9;
  port.state = PortState::active;
  CHECK(
      text(entry_of(port)) ==
      R"({"generation":8,"key":"10.0.0.10/32","kind":"port","revision":9,"shard":100,"value":{"attachment":"c1/eth0","mac":"0a:58:0a:00:00:0a","network":"default","node":"h1","state":"active"}})");
  CHECK(text(tombstone_of(entry_of(port), 11)) ==
        R"({"deleted":true,"generation":8,"key":"10.0.0.10/32","kind":"port","revision":11,"shard":100})");

  // The IPv6 halves are entries of their own kinds, so that a reader that knows IPv4 only skips them.
  port.addresses.set(any("fd00::a"));
  const std::vector<Change> both = entries_of(port);
  REQUIRE(both.size() == 2);
  CHECK(both[1].kind == "port6");
  CHECK(both[1].key == "fd00::a/128");
}

TEST_CASE("ports and bindings written straight to text are those of the library", "[domain]") {
  Port port;
  port.id = "p7";
  port.owner = owner("db-0");
  port.subnet = "web";
  port.pool = "web";
  port.vni = vni(100);
  port.addresses = ip("10.0.0.10");
  port.mac = mac_from(port.addresses);
  port.node = "h1";
  port.attachment = attachment("c1");
  port.generation = 7;
  port.created_ms = 1'790'000'000'000;
  CHECK(text_of(port) == text_of(to_json(port)));
  port.addresses.set(mooring::net::IpAddress::parse("fd00::10").value());
  port.labels = {{"a \"b\"", "\xff"}, {"tier", "db"}};
  port.pod_uid = "uid \t";
  port.workload = "db";
  port.state = PortState::active;
  CHECK(text_of(port) == text_of(to_json(port)));

  Binding binding;
  binding.owner = owner("db-0");
  binding.addresses = ip("10.0.0.10");
  binding.mac = mac_from(binding.addresses);
  CHECK(text_of(binding) == text_of(to_json(binding)));
  binding.labels = port.labels;
  binding.note = "for the \"big\" one";
  binding.last_uid = "u1";
  binding.last_node = "h2";
  binding.pool = "web";
  binding.workload = "db";
  binding.expires_ms = 1'790'000'000'001;
  CHECK(text_of(binding) == text_of(to_json(binding)));
}
