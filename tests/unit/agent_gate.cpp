#include <catch2/catch.hpp>

#include "agent_world.hpp"
#include "ovs-agent/domain/ofports.hpp"

using namespace mooring;
using namespace mooring::agent;
using namespace mooring::agent::test;

TEST_CASE("gate: without a directory the record is the best evidence") {
  World world;
  const auto port = local_port("c1", 100, "10.0.0.5", 41, 7);
  REQUIRE(gate_of(port, world.directory).open);
  REQUIRE(gate_of(port, world.directory).reason == GateReason::record_alone);
  world.begin();
  world.layout();
  REQUIRE(gate_of(port, world.directory).open);
}

TEST_CASE("gate: the newest entry decides") {
  World world;
  world.begin();
  world.layout();
  const auto port = local_port("c1", 100, "10.0.0.5", 41, 7);

  SECTION("it is this port's") {
    world.port(100, "10.0.0.5", "h1", 41, "c1/eth0");
    world.end(60);
    REQUIRE(gate_of(port, world.directory).reason == GateReason::newest);
  }
  SECTION("another node has it") {
    world.port(100, "10.0.0.5", "h2", 57);
    REQUIRE_FALSE(gate_of(port, world.directory).open);
    REQUIRE(gate_of(port, world.directory).text() == "shut: moved to h2 with generation 57");
  }
  SECTION("another container of this node has it") {
    world.port(100, "10.0.0.5", "h1", 57, "c2/eth0");
    REQUIRE(gate_of(port, world.directory).reason == GateReason::replaced);
    REQUIRE(gate_of(local_port("c2", 100, "10.0.0.5", 57, 8), world.directory).open);
  }
  SECTION("it was released") {
    world.port(100, "10.0.0.5", "h1", 41, "c1/eth0");
    world.end(60);
    world.port_gone(100, "10.0.0.5", 41);
    world.directory.advance(61);
    REQUIRE(gate_of(port, world.directory).reason == GateReason::released);
  }
  SECTION("the snapshot is older than the port") {
    world.end(40);
    REQUIRE(gate_of(port, world.directory).reason == GateReason::record_alone);
  }
  SECTION("an older entry, and the stream is behind") {
    world.port(100, "10.0.0.5", "h2", 30);
    world.end(40);
    REQUIRE(gate_of(port, world.directory).open);
    world.directory.advance(41);
    REQUIRE(gate_of(port, world.directory).reason == GateReason::unknown_past);
  }
  SECTION("it is leaving") {
    world.port(100, "10.0.0.5", "h1", 41, "c1/eth0");
    auto leaving = port;
    leaving.leaving = true;
    REQUIRE_FALSE(gate_of(leaving, world.directory).open);
  }
}

TEST_CASE("gate: a port with an address of each family is open only while both are its own") {
  World world;
  world.begin();
  world.layout();
  world.port(100, "10.0.0.5", "h1", 41, "c1/eth0");
  world.port(100, "fd00::5", "h1", 41, "c1/eth0");
  world.end(60);
  const auto port = dual_port("c1", 100, "10.0.0.5", "fd00::5", 41, 7);
  REQUIRE(gate_of(port, world.directory).reason == GateReason::newest);
  SECTION("the IPv6 address has moved") {
    world.port(100, "fd00::5", "h2", 61);
    REQUIRE(gate_of(port, world.directory).text() == "shut: moved to h2 with generation 61");
  }
  SECTION("the IPv6 address was released") {
    world.port_gone(100, "fd00::5", 41);
    world.directory.advance(62);
    REQUIRE(gate_of(port, world.directory).reason == GateReason::released);
  }
}

TEST_CASE("ofports: a number that became free is taken last") {
  Ofports ofports(1, 3);
  ofports.take(2);
  REQUIRE(ofports.reserve() == 1);
  REQUIRE(ofports.reserve() == 3);
  REQUIRE_FALSE(ofports.reserve());
  ofports.release(3);
  ofports.release(1);
  REQUIRE(ofports.reserve() == 1);
  REQUIRE(ofports.reserve() == 3);
}

TEST_CASE("a port's record survives OVSDB") {
  auto port = local_port("c1", 100, "10.0.0.5", 41, 7);
  port.record.uid = "u-1";
  port.record.netns = "/run/netns/x";
  const auto ids = external_ids_of(port.record);
  const auto read = record_from(ExternalIds(ids.begin(), ids.end()));
  REQUIRE(read.has_value());
  REQUIRE(read.value() == port.record);
  REQUIRE(record_from({{"other", "x"}}).error().code() == Errc::not_found);
  auto broken = ExternalIds(ids.begin(), ids.end());
  broken["mooring.vni"] = "x";
  REQUIRE(record_from(broken).error().message().find("mooring.vni: 'x'") != std::string::npos);
}

TEST_CASE("a port's record names each family, and one of an agent that knew IPv4 only is read") {
  auto ids = external_ids_of(dual_port("c1", 100, "10.0.0.5", "fd00::5", 41, 7).record);
  REQUIRE(ids.at("mooring.address") == "10.0.0.5/24");
  REQUIRE(ids.at("mooring.address6") == "fd00::5/64");
  const auto read = [&] { return record_from(ExternalIds(ids.begin(), ids.end())); };
  REQUIRE(read()->addresses_text() == "10.0.0.5/24, fd00::5/64");
  ids.erase("mooring.address6");
  REQUIRE(read()->addresses_text() == "10.0.0.5/24");
  ids.erase("mooring.address");
  REQUIRE(read().error().message().find("mooring.address") != std::string::npos);
  ids["mooring.address6"] = "fd00::5/64";
  REQUIRE(read()->addresses_text() == "fd00::5/64");
  ids["mooring.address6"] = "10.0.0.5/24";
  REQUIRE(read().error().message().find("mooring.address6: is no IPv6 address") != std::string::npos);
}

TEST_CASE("local ports: both addresses of a port lead to it") {
  LocalPorts ports;
  ports.put(dual_port("c1", 100, "10.0.0.5", "fd00::5", 41, 7));
  REQUIRE(ports.at(key(100, "fd00::5")).size() == 1);
  REQUIRE(ports.at(net::IpAddress(ip("10.0.0.5"))).size() == 1);
  REQUIRE(ports.segments().size() == 2);
  ports.remove({"c1", "eth0"});
  REQUIRE(ports.segments().empty());
  REQUIRE(ports.departed(key(100, "10.0.0.5")));
  REQUIRE(ports.departed(key(100, "fd00::5")));
}

TEST_CASE("local ports: indexes follow") {
  LocalPorts ports;
  ports.put(local_port("c1", 100, "10.0.0.5", 41, 7));
  ports.put(local_port("c2", 100, "10.0.0.5", 57, 8));
  ports.put(local_port("c3", 99, "10.0.0.5", 58, 9));
  REQUIRE(ports.at(key(100, "10.0.0.5")).size() == 2);
  REQUIRE(ports.at(ip("10.0.0.5")).front()->record.vni == vni(99));
  REQUIRE(ports.segments().size() == 2);
  ports.remove({"c1", "eth0"});
  REQUIRE(ports.at(key(100, "10.0.0.5")).size() == 1);
  REQUIRE(ports.departed(key(100, "10.0.0.5")));
  ports.remove({"c2", "eth0"});
  REQUIRE(ports.segments().size() == 1);
  REQUIRE_FALSE(ports.remove({"c2", "eth0"}));
}
