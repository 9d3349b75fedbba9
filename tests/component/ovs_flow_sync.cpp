// FlowSync on a real switch: restarts, refusals, foreign flows.
#include <chrono>
#include <optional>
#include <set>
#include <vector>

#include <catch2/catch.hpp>

#include "mooring/ovs/flow_sync.hpp"
#include "support/catch_result.hpp"
#include "support/ovs_sandbox.hpp"
#include "support/owner_loop.hpp"

using mooring::Errc;
using mooring::Error;
using mooring::Result;
using mooring::tests::OvsSandbox;
using mooring::tests::OwnerLoop;
using namespace mooring::ovs;
using namespace std::chrono_literals;

namespace {

DesiredFlows flows(const std::vector<std::string>& texts) {
  DesiredFlows set;
  for (const std::string& text : texts) {
    INFO(text);
    REQUIRE(set.add(text));
  }
  return set;
}

struct Stage {
  explicit Stage(MayDelete may_delete = {}) {
    initialise("mooring-tests");
    sandbox.vsctl("add-br br0 -- set bridge br0 datapath_type=netdev fail_mode=secure");
    FlowSync::Options options;
    options.bridge = "br0";
    options.may_delete = std::move(may_delete);
    options.refused = [this](const Flow& flow, const Error& why) { refused.emplace_back(flow, why); };
    sync.emplace(dial_openflow(sandbox.management("br0"), loop.post()), std::move(options));
  }

  Result<void> settled(std::chrono::milliseconds deadline = 10s, FlowSync::Concerns concerns = {}) {
    std::optional<Result<void>> outcome;
    sync->settled(
        deadline, [&](Result<void> r) { outcome = r; }, std::move(concerns));
    REQUIRE(loop.run_until([&] { return outcome.has_value(); }, deadline + 5s));
    return *outcome;
  }

  // Without cookies and counters, as the switch itself says it.
  std::string in_switch() { return sandbox.ofctl("--no-stats dump-flows", "br0"); }

  OvsSandbox sandbox;
  OwnerLoop loop;
  std::vector<std::pair<Flow, Error>> refused;
  std::optional<FlowSync> sync;
};

}  // namespace

TEST_CASE("desired flows come into the switch, changes follow", "[ovs][sync]") {
  Stage stage;
  stage.sync->replace(flows({"table=0,priority=5,ip,cookie=1,actions=output:1", "table=0,priority=1,actions=drop"}));
  REQUIRE(stage.settled());
  CHECK(stage.in_switch() == " cookie=0x1, priority=5,ip actions=output:1\n priority=1 actions=drop\n");
  CHECK(stage.sync->in_line());

  const auto change = [](FlowChange::Kind kind, const char* text) { return FlowChange{kind, *parse_flow(text)}; };
  stage.sync->change({change(FlowChange::Kind::add, "table=0,priority=6,arp,actions=output:2"),
                      change(FlowChange::Kind::remove, "table=0,priority=5,ip,actions=drop")});
  stage.sync->change({change(FlowChange::Kind::add, "table=0,priority=1,actions=output:9")});
  REQUIRE(stage.settled());
  CHECK(stage.in_switch() == " priority=6,arp actions=output:2\n priority=1 actions=output:9\n");
  CHECK(stage.sync->counters().removed == 1);
  CHECK(stage.sync->counters().read_backs == 1);
}

TEST_CASE("flows are replayed after kill -9 and restart of the switch, with no owner's action", "[ovs][sync]") {
  Stage stage;
  DesiredFlows desired;
  for (int i = 0; i < 2500; ++i) {
    REQUIRE(desired.add("table=20,priority=100,ip,nw_dst=10.0." + std::to_string(i / 250) + "." +
                        std::to_string(i % 250) + ",actions=output:2"));
  }
  stage.sync->replace(desired);
  REQUIRE(stage.settled());
  stage.sandbox.kill_vswitchd();
  REQUIRE(stage.loop.run_until([&] { return !stage.sync->connected(); }, 2s));
  CHECK_FALSE(stage.sync->in_line());
  const auto away = stage.settled(100ms);
  REQUIRE(away.has_error());
  CHECK(away.error().code() == Errc::unavailable);

  stage.sandbox.start_vswitchd();
  // Measured 110 ms; the budget of the whole outage is 350 ms on an idle machine.
  REQUIRE(stage.loop.run_until([&] { return stage.sync->in_line(); }, 3s));
  CHECK(stage.sync->counters().actual == 2500);
  CHECK_THAT(stage.sandbox.ofctl("dump-aggregate", "br0"), Catch::Contains("flow_count=2500"));
}

TEST_CASE("meters are replayed before the flows that name them, and foreign ones go", "[ovs][sync]") {
  Stage stage;
  stage.sandbox.ofctl("add-meter", "br0", "meter=9,pktps,stats,bands=type=drop,rate=5");
  stage.sync->change({}, {{{4, Meter::Unit::kbps, 2000, 400}}, {}});
  stage.sync->replace(flows({"table=0,priority=5,ip,actions=meter:4,output:1"}));
  REQUIRE(stage.settled());
  const std::string meters = stage.sandbox.ofctl("dump-meters", "br0");
  CHECK_THAT(meters, Catch::Contains("meter=4 kbps burst bands=") && Catch::Contains("rate=2000 burst_size=400") &&
                         !Catch::Contains("meter=9"));

  stage.sandbox.kill_vswitchd();
  REQUIRE(stage.loop.run_until([&] { return !stage.sync->connected(); }, 2s));
  stage.sandbox.start_vswitchd();
  REQUIRE(stage.loop.run_until([&] { return stage.sync->in_line(); }, 5s));
  CHECK(stage.sandbox.ofctl("dump-meters", "br0") == meters);
  CHECK(stage.in_switch() == " priority=5,ip actions=meter:4,output:1\n");

  stage.sandbox.ofctl("del-meters", "br0");  // and the flow with it
  stage.sync->read_back();
  REQUIRE(stage.loop.run_until([&] { return stage.sync->in_line(); }));
  CHECK(stage.in_switch() == " priority=5,ip actions=meter:4,output:1\n");
  CHECK(stage.refused.empty());
}

TEST_CASE("what somebody else changed is repaired at the next read-back", "[ovs][sync]") {
  Stage stage;
  stage.sync->replace(flows({"table=0,priority=5,ip,actions=output:1", "table=0,priority=1,actions=drop"}));
  REQUIRE(stage.settled());
  stage.sandbox.ofctl("del-flows", "br0", "ip");
  stage.sandbox.ofctl("add-flow", "br0", "table=0,priority=1,actions=output:7");
  stage.sandbox.ofctl("add-flow", "br0", "table=9,actions=output:7");
  stage.sync->read_back();
  REQUIRE(stage.loop.run_until([&] { return stage.sync->in_line(); }));
  CHECK(stage.in_switch() == " priority=5,ip actions=output:1\n priority=1 actions=drop\n");
}

TEST_CASE("a flow goes only when it may", "[ovs][sync]") {
  bool may = false;
  Stage stage([&](const Flow& flow) { return may || flow.cookie == 7; });
  stage.sandbox.ofctl("add-flow", "br0", "table=3,cookie=0x7,actions=drop");
  stage.sandbox.ofctl("add-flow", "br0", "table=4,cookie=0x8,actions=drop");
  stage.sync->replace(flows({"table=0,priority=5,cookie=0x8,ip,actions=output:1"}));
  REQUIRE(stage.settled());
  CHECK_THAT(stage.in_switch(), Catch::Contains("table=4") && !Catch::Contains("table=3"));
  CHECK(stage.sync->counters().held == 1);

  // What is no longer desired stays as well …
  stage.sync->replace({});
  REQUIRE(stage.settled());
  CHECK_THAT(stage.in_switch(), Catch::Contains("table=4") && Catch::Contains("priority=5,ip"));
  CHECK(stage.sync->counters().held == 2);
  // … a held flow that is desired again costs nothing …
  const auto added = stage.sync->counters().added;
  stage.sync->replace(flows({"table=0,priority=5,cookie=0x8,ip,actions=output:1"}));
  REQUIRE(stage.settled());
  CHECK(stage.sync->counters().added == added);
  CHECK(stage.sync->counters().held == 1);
  stage.sync->replace({});
  REQUIRE(stage.settled());
  // … and all goes once it is known to be absent.
  may = true;
  stage.sync->reconsider();
  REQUIRE(stage.settled());
  CHECK(stage.in_switch().empty());
  CHECK(stage.sync->counters().held == 0);
}

TEST_CASE("a flow that the switch refuses stops no other", "[ovs][sync]") {
  Stage stage;
  stage.sync->replace(flows({"table=0,priority=5,ip,actions=output:1", "table=0,priority=6,arp,actions=group:77",
                             "table=0,priority=1,actions=drop"}));
  const auto outcome = stage.settled();
  REQUIRE(outcome.has_error());
  CHECK_THAT(outcome.error().message(), Catch::Contains("priority=6,arp"));
  CHECK(stage.in_switch() == " priority=5,ip actions=output:1\n priority=1 actions=drop\n");
  REQUIRE(stage.refused.size() == 1);
  CHECK(stage.refused.front().first.key.priority == 6);
  // Those whom it does not concern are not bothered.
  CHECK(stage.settled(10s, [](const Flow& flow) { return flow.key.priority == 5; }));

  // It is tried again after a read-back.
  stage.sandbox.ofctl("add-group", "br0", "group_id=77,type=all,bucket=actions=output:2");
  stage.sync->read_back();
  REQUIRE(stage.settled());
  CHECK(stage.sync->counters().refused == 0);
  CHECK_THAT(stage.in_switch(), Catch::Contains("group:77"));
}

TEST_CASE("a hanging switch delays nobody but the waiters", "[ovs][sync]") {
  Stage stage;
  stage.sync->replace(flows({"table=0,priority=1,actions=drop"}));
  REQUIRE(stage.settled());
  stage.sandbox.pause_vswitchd();
  stage.sync->change({{FlowChange::Kind::add, *parse_flow("table=0,priority=2,ip,actions=output:1")}});
  const auto start = std::chrono::steady_clock::now();
  const auto late = stage.settled(200ms);
  CHECK(std::chrono::steady_clock::now() - start < 2s);
  REQUIRE(late.has_error());
  CHECK(late.error().code() == Errc::timeout);
  stage.sandbox.resume_vswitchd();
  REQUIRE(stage.settled());
  CHECK_THAT(stage.in_switch(), Catch::Contains("priority=2,ip"));
}

TEST_CASE("a bridge that is deleted and made again gets its flows", "[ovs][sync]") {
  Stage stage;
  stage.sync->replace(flows({"table=0,priority=1,actions=drop"}));
  REQUIRE(stage.settled());
  stage.sandbox.vsctl("del-br br0");
  REQUIRE(stage.loop.run_until([&] { return !stage.sync->connected(); }, 5s));
  stage.sandbox.vsctl("add-br br0 -- set bridge br0 datapath_type=netdev fail_mode=secure");
  REQUIRE(stage.settled());
  CHECK(stage.in_switch() == " priority=1 actions=drop\n");
}
