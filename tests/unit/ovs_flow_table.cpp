// The difference between two sets of flows: order, replacement, and what may be deleted.
#include <catch2/catch.hpp>

#include "mooring/ovs/flow_table.hpp"
#include "mooring/ovs/library.hpp"
#include "support/catch_result.hpp"

using mooring::Errc;
using namespace mooring::ovs;

namespace {

DesiredFlows flows(const std::vector<std::string>& texts) {
  initialise("mooring-tests");
  DesiredFlows set;
  for (const std::string& text : texts) {
    INFO(text);
    REQUIRE(set.add(text));
  }
  return set;
}

}  // namespace

TEST_CASE("a difference adds first, then deletes, in reading order", "[ovs][diff]") {
  const auto desired = flows({"table=1,priority=5,ip,actions=drop", "table=0,priority=1,actions=drop",
                              "table=0,priority=9,arp,actions=output:2"});
  const auto actual = flows({"table=0,priority=1,actions=drop", "table=3,priority=7,actions=output:1",
                             "table=0,priority=9,arp,actions=output:3"});
  CHECK(text(desired.diff_from(actual)) ==
        "add table=0,priority=9,arp cookie=0x0 actions=output:2\n"
        "add table=1,priority=5,ip cookie=0x0 actions=drop\n"
        "remove table=3,priority=7 cookie=0x0 actions=output:1\n");
  CHECK(desired.diff_from(desired).empty());
}

TEST_CASE("cookie and time-outs belong to the value, the match to the key", "[ovs][diff]") {
  const auto desired = flows({"priority=1,ip,cookie=1,actions=drop", "priority=2,ip,idle_timeout=5,actions=drop"});
  const auto actual = flows({"priority=1,ip,cookie=2,actions=drop", "priority=2,ip,actions=drop"});
  const auto changes = desired.diff_from(actual);
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].kind == FlowChange::Kind::add);
  CHECK(changes[1].kind == FlowChange::Kind::add);
}

TEST_CASE("only what may be deleted is", "[ovs][diff]") {
  const auto actual = flows({"table=0,cookie=0x11,actions=drop", "table=1,cookie=0x22,actions=drop"});
  const auto changes = DesiredFlows().diff_from(actual, [](const Flow& flow) { return flow.cookie == 0x22; });
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].flow.key.table == 1);
  CHECK(DesiredFlows().diff_from(actual).size() == 2);
}

TEST_CASE("one key has one value", "[ovs][diff]") {
  auto set = flows({"table=0,ip,nw_dst=10.0.0.1,actions=output:1"});
  CHECK(set.add("table=0,ip,ip_dst=10.0.0.1/32,actions=1").has_value());
  const auto other = set.add("table=0,ip,nw_dst=10.0.0.1,actions=output:2");
  REQUIRE(other.has_error());
  CHECK(other.error().code() == Errc::conflict);
  CHECK_THAT(other.error().message(), Catch::Contains("output:1") && Catch::Contains("output:2"));
  CHECK(set.size() == 1);
  CHECK_FALSE(set.put(*parse_flow("table=0,ip,nw_dst=10.0.0.1,actions=output:1")));
  CHECK(set.put(*parse_flow("table=0,ip,nw_dst=10.0.0.1,actions=output:3")));
  CHECK(set.erase(parse_flow("table=0,ip,nw_dst=10.0.0.1,actions=drop")->key));
  CHECK(set.empty());
}

TEST_CASE("the dump for people is sorted by table, priority and match", "[ovs][diff]") {
  const auto set = flows({"table=1,priority=1,actions=drop", "table=0,priority=1,udp,actions=drop",
                          "table=0,priority=1,icmp,actions=drop", "table=0,priority=10,ip,actions=output:1"});
  CHECK(set.text() ==
        "table=0,priority=10,ip cookie=0x0 actions=output:1\n"
        "table=0,priority=1,icmp cookie=0x0 actions=drop\n"
        "table=0,priority=1,udp cookie=0x0 actions=drop\n"
        "table=1,priority=1 cookie=0x0 actions=drop\n");
}
