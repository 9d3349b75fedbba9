// Flows as canonical text: the same however they are written, and a fixed point of their own parser.
#include <chrono>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "mooring/ovs/flow.hpp"
#include "mooring/ovs/library.hpp"
#include "support/catch_result.hpp"

using mooring::Errc;
using mooring::ovs::Flow;
using mooring::ovs::parse_flow;

namespace {

Flow parsed(const std::string& text) {
  mooring::ovs::initialise("mooring-tests");
  const auto flow = parse_flow(text);
  INFO(text);
  REQUIRE(flow);
  return *flow;
}

}  // namespace

TEST_CASE("a flow's parts are taken apart", "[ovs][flow]") {
  const Flow flow = parsed(
      "table=40, priority=100, cookie=0x4d00000000000002, idle_timeout=30, reg0=100, ip, nw_dst=10.0.0.5/32, "
      "actions=set_field:0a:58:0a:00:00:05->eth_dst,output:7");
  CHECK(flow.key.table == 40);
  CHECK(flow.key.priority == 100);
  CHECK(flow.key.match == "ip,reg0=0x64,nw_dst=10.0.0.5");
  CHECK(flow.cookie == 0x4d00000000000002);
  CHECK(flow.idle_timeout == 30);
  CHECK(flow.hard_timeout == 0);
  CHECK(flow.actions == "set_field:0a:58:0a:00:00:05->eth_dst,output:7");
  CHECK(flow.str() ==
        "table=40,priority=100,ip,reg0=0x64,nw_dst=10.0.0.5 cookie=0x4d00000000000002 idle_timeout=30 "
        "actions=set_field:0a:58:0a:00:00:05->eth_dst,output:7");
}

TEST_CASE("spelling does not matter", "[ovs][flow]") {
  CHECK(parsed("ip,nw_dst=10.0.0.5,actions=mod_dl_dst:0A:58:0A:00:00:05,output:7") ==
        parsed("dl_type=0x800,ip_dst=10.0.0.5/255.255.255.255 actions=set_field:0a:58:0a:00:00:05->eth_dst,7"));
  CHECK(parsed("table=0,priority=32768,in_port=2,actions=resubmit(,10)") == parsed("in_port=2 actions=resubmit(,10)"));
  CHECK(parsed("actions=drop").key.match.empty());
  CHECK(parsed("actions=").actions == "drop");
}

TEST_CASE("canonical text is a fixed point", "[ovs][flow]") {
  const std::vector<std::string> flows = {
#include "support/pipeline_flows.inc"
  };
  for (const std::string& text : flows) {
    const Flow once = parsed(text);
    const Flow twice = parsed(once.str());
    INFO(text);
    CHECK(once == twice);
    CHECK(once.str() == twice.str());
  }
}

TEST_CASE("what cannot be a flow is refused with the reason", "[ovs][flow]") {
  mooring::ovs::initialise("mooring-tests");
  const auto refused = [](const std::string& text, const std::string& reason) {
    const auto flow = parse_flow(text);
    INFO(text);
    REQUIRE(flow.has_error());
    CHECK(flow.error().code() == Errc::invalid_argument);
    CHECK_THAT(flow.error().message(), Catch::Contains(reason) && Catch::Contains(text));
  };
  refused("table=0,priority=1", "action");
  refused("table=0,nonsense=1,actions=drop", "nonsense");
  refused("nw_dst=10.0.0.5,actions=drop", "prerequisite");
  refused("ip,nw_dst=10.0.0.x,actions=drop", "10.0.0.x");
  refused("table=5,actions=goto_table:3", "table");
  refused("send_flow_rem,actions=drop", "flags");
  refused("actions=bogus:3", "bogus");
  refused("", "action");
}

TEST_CASE("ten thousand flows take well under a second", "[ovs][flow]") {
  mooring::ovs::initialise("mooring-tests");
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 10000; ++i) {
    const std::string text =
        "table=20,priority=100,cookie=0x4d00000000000003,pkt_mark=100,ip,nw_dst=10." + std::to_string(i / 65536) + "." +
        std::to_string(i / 256 % 256) + "." + std::to_string(i % 256) +
        ",actions=set_field:172.31.0.2->tun_dst,set_field:100->tun_id,set_field:0->pkt_mark,output:2";
    REQUIRE(parse_flow(text));
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  INFO(took.count() << " s");
  // Measured 0.1 s; sanitizers take up to ten times that.
  CHECK(took.count() < 2.0);
}
