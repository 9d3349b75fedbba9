// Addresses that a node gives out by itself while the controller is away.
#include <catch2/catch.hpp>

#include "agent_world.hpp"
#include "mooring/net/blocks_of.hpp"
#include "ovs-agent/app/underlay_mtu.hpp"
#include "ovs-agent/domain/given.hpp"
#include "ovs-agent/domain/miss.hpp"

using namespace mooring;
using namespace mooring::agent;
using namespace mooring::agent::test;

namespace {

struct Leased : World {
  explicit Leased(const char* node = "h1", const char* more = "") {
    begin();
    layout();
    block("10.0.0.16-10.0.0.19", node, 50, more);
    end(60);
    use.may_use = [](const directory::Block&) { return true; };
    use.taken = [this](PortKey at) { return taken.contains(at); };
  }
  void block(const char* range, const char* node, Generation generation, const std::string& more = "") {
    ipam_api::Entry entry;
    entry.kind = "block";
    entry.shard = 100;
    entry.key = range;
    entry.generation = generation;
    entry.revision = ++revision;
    entry.value =
        ipam_api::Json::parse(R"({"id":"b50","pool":"blue","node":")" + std::string(node) + "\"" + more + "}");
    directory.apply(entry);
  }
  Result<ipam_api::Allocation> give(PortKey after = {}) const {
    return allocation_from_block(request(), directory, use, after);
  }
  static ipam_api::AllocateRequest request(const char* hostname = "job-0") {
    ipam_api::AllocateRequest request;
    request.node = "h1";
    request.attachment = {"c1", "eth0"};
    request.namespace_ = "shop";
    request.hostname = hostname;
    request.wishes.kind = ipam_api::Kind::stateless;
    return request;
  }
  BlockUse use;
  std::set<PortKey> taken;
};

LocalPort given_port(const char* container, const char* address, Generation generation, const char* given) {
  LocalPort port = local_port(container, 100, address, generation, 7);
  port.record.given = given;
  return port;
}

}  // namespace

TEST_CASE("given: the addresses of a block in turn, none twice, and all that a pod is told") {
  Leased world;
  const auto first = world.give();
  REQUIRE(first.has_value());
  CHECK(first->address.str() == "10.0.0.16/24");
  CHECK(first->mac.str() == "0a:58:0a:00:00:10");
  CHECK(first->gateway.str() == "10.0.0.1");
  CHECK(first->mtu_bytes == 1450);
  CHECK_FALSE(first->mtu_from_underlay);
  CHECK(first->generation == 50);
  CHECK(world.give(key(100, "10.0.0.16"))->address.str() == "10.0.0.17/24");
  CHECK(world.give(key(100, "10.0.0.19"))->address.str() == "10.0.0.16/24");
  world.taken = {key(100, "10.0.0.16"), key(100, "10.0.0.18"), key(100, "10.0.0.19")};
  CHECK(world.give(key(100, "10.0.0.17"))->address.str() == "10.0.0.17/24");
  world.taken.insert(key(100, "10.0.0.17"));
  CHECK(world.give().error().code() == Errc::exhausted);
  CHECK(Leased("h2").give().error().code() == Errc::not_found);
}

TEST_CASE("given: the MTU is the underlay's where the subnet says none, and the routes are the subnet's") {
  Leased world;
  world.object("subnet", "blue",
               R"({"network":"default","vni":100,"cidr":"10.0.0.0/24","gateway":"10.0.0.1","mtu_bytes":1450,)"
               R"("mtu_from_underlay":true,"routes":[{"destination":"10.9.0.0/16","metric":7}]})");
  auto given = world.give();
  REQUIRE(given.has_value());
  REQUIRE(given->routes.size() == 1);
  CHECK(given->routes[0].metric == 7);
  fit_to_underlay(*given, Error(Errc::not_found, "no link has the VTEP"));
  CHECK(given->mtu_bytes == 1450);
  fit_to_underlay(*given, 9000U);
  CHECK(given->mtu_bytes == 8950);
  fit_to_underlay(*given, 600U);
  CHECK(given->mtu_bytes == 576);  // RFC 791
  given->mtu_from_underlay = false;
  fit_to_underlay(*given, 9000U);
  CHECK(given->mtu_bytes == 576);
}

TEST_CASE("given: only who cannot have an address of its own") {
  auto request = Leased::request();
  CHECK(why_not_from_block(request).empty());
  request.wishes.kind = std::nullopt;
  CHECK_FALSE(why_not_from_block(request).empty());
  request.configured.kind = ipam_api::Kind::stateless;
  CHECK(why_not_from_block(request).empty());
  request.wishes.kind = ipam_api::Kind::stateful;
  CHECK(why_not_from_block(request) == "it is stateful");
  request = Leased::request();
  request.wishes.addresses = net::AddressPair(ip("10.0.0.9"));
  CHECK_FALSE(why_not_from_block(request).empty());
  CHECK(is_of_deployment("web-7d9c5b7f6d-x2k4p"));
  CHECK(is_of_deployment("my-web-66b6c48dd5-zzzzz"));
  for (const char* name :
       {"web-0", "redis-12", "web", "web-abcde", "web-7d9c5b7f6d-abcde", "-7d9c5b7f6d-x2k4p", "x2k4p"}) {
    CHECK_FALSE(is_of_deployment(name));
  }
  request = Leased::request();
  request.wishes.pools = {"other"};
  Leased world;
  CHECK(allocation_from_block(request, world.directory, world.use, {}).error().code() == Errc::not_found);
}

TEST_CASE("given: a port of a block is open while the block is the node's and the address nobody else's") {
  Leased world;
  const auto port = given_port("c1", "10.0.0.16", 50, given_of_block);
  CHECK(gate_of(port, world.directory).reason == GateReason::leased);
  SECTION("the controller has made it a port") {
    world.port(100, "10.0.0.16", "h1", 61, "c1/eth0");
    CHECK(gate_of(port, world.directory).reason == GateReason::newest);
  }
  SECTION("somebody else has it") {
    world.port(100, "10.0.0.16", "h2", 61);
    CHECK(gate_of(port, world.directory).reason == GateReason::moved);
  }
  SECTION("the block is another node's") {
    world.block("10.0.0.16-10.0.0.19", "h2", 70);
    CHECK_FALSE(gate_of(port, world.directory).open);
  }
}

TEST_CASE("given: a port that was passed on is open while the controller has the former one, or this one") {
  World world;
  world.begin();
  world.layout();
  world.port(100, "10.0.0.5", "h1", 41, "old/eth0");
  world.end(60);
  const auto port = given_port("new", "10.0.0.5", 41, "old/eth0");
  CHECK(gate_of(port, world.directory).reason == GateReason::newest);
  CHECK(gate_of(local_port("other", 100, "10.0.0.5", 41, 8), world.directory).reason == GateReason::replaced);
  SECTION("told") {
    world.port(100, "10.0.0.5", "h1", 61, "new/eth0");
    CHECK(gate_of(port, world.directory).open);
  }
  SECTION("moved meanwhile") {
    world.port(100, "10.0.0.5", "h2", 61);
    CHECK(gate_of(port, world.directory).reason == GateReason::moved);
  }
  SECTION("released meanwhile") {
    world.port_gone(100, "10.0.0.5", 41);
    world.directory.advance(70);
    CHECK(gate_of(port, world.directory).reason == GateReason::released);
  }
}

TEST_CASE("given: others reach the addresses of a block at its node, unless one has a port of its own") {
  Leased world("h2");
  LocalPorts ports;
  const auto way = [&](const char* address) { return way_to(key(100, address), world.directory, ports, h1().vtep); };
  REQUIRE(way("10.0.0.17"));
  CHECK(way("10.0.0.17")->vtep == ip("172.31.0.2"));
  CHECK(way("10.0.0.17")->generation == 50);
  CHECK_FALSE(way("10.0.0.20"));
  world.port(100, "10.0.0.17", "h3", 61);
  CHECK(way("10.0.0.17")->vtep == ip("172.31.0.3"));
  CHECK_FALSE(Leased("h1").directory.block_at(key(101, "10.0.0.17")));
}

TEST_CASE("given: the journal holds it until it is told, and what it stands in for is void") {
  Leased world;
  const auto allocation = world.give();
  ReleaseOwed owed;
  owed.id = 3;
  owed.attachment = {"old", "eth0"};
  owed.generation = 41;
  owed.record = external_ids_of(local_port("old", 100, "10.0.0.5", 41, 7).record);
  GivenHere given;
  given.attachment = {"c1", "eth0"};
  given.report = to_json(report_of(Leased::request(), *allocation, Attachment{"old", "eth0"})).dump();
  given.instead_of_release = 3;
  JournalState state = read_journal(write_record(owed));
  REQUIRE(state.owed.at(3) == owed);
  state.apply(given);
  CHECK(state.owed.empty());
  CHECK(passed_on_from(state, {"old", "eth0"}));
  CHECK_FALSE(passed_on_from(state, {"c1", "eth0"}));
  state.apply(BlockReturned{"b50"});
  const JournalState again = read_journal(state.text());
  CHECK(again.given == state.given);
  CHECK(again.returned == state.returned);
  const auto report = report_in(again.given.at({"c1", "eth0"}));
  REQUIRE(report);
  CHECK(report->addresses.str() == "10.0.0.16");
  CHECK(former_port(*report, world.directory).addresses_text() == "10.0.0.16/24");
  state.apply(GivenEnded{{"c1", "eth0"}});
  CHECK(state.given.empty());
}

TEST_CASE("a range as the fewest blocks") {
  const auto text = [](const char* range) {
    std::string all;
    for (const auto& block : net::blocks_of(net::IpRange::parse(range).value())) {
      all += block.str() + " ";
    }
    return all;
  };
  CHECK(text("10.0.0.16-10.0.0.31") == "10.0.0.16/28 ");
  CHECK(text("10.0.0.5") == "10.0.0.5/32 ");
  CHECK(text("10.0.0.5-10.0.0.10") == "10.0.0.5/32 10.0.0.6/31 10.0.0.8/31 10.0.0.10/32 ");
  CHECK(text("0.0.0.0-255.255.255.255") == "0.0.0.0/0 ");
  CHECK(text("fd00::10-fd00::1f") == "fd00::10/124 ");
}
