// FlowSync against a switch in memory: order, batching, lost answers, refusals, waiters.
#include <optional>
#include <set>

#include <catch2/catch.hpp>

#include "fakes/fake_switch.hpp"
#include "mooring/ovs/library.hpp"
#include "support/catch_result.hpp"

using mooring::Errc;
using mooring::Error;
using mooring::Result;
using mooring::tests::FakeSwitch;
using namespace mooring::ovs;
using namespace std::chrono_literals;

namespace {

// Canonical already; made without the parser so that thousands cost nothing.
Flow flow(int number, std::uint64_t cookie = 0) {
  Flow made;
  made.key = {20, 100, "ip,nw_dst=10.0." + std::to_string(number / 256) + "." + std::to_string(number % 256)};
  made.cookie = cookie;
  made.actions = "output:2";
  return made;
}

DesiredFlows numbered(int first, int last, std::uint64_t cookie = 0) {
  DesiredFlows set;
  for (int i = first; i <= last; ++i) {
    set.put(flow(i, cookie));
  }
  return set;
}

FlowChange add(int number, std::uint64_t cookie = 0) {
  return {FlowChange::Kind::add, flow(number, cookie)};
}
FlowChange drop(int number) {
  return {FlowChange::Kind::remove, flow(number)};
}

struct Stage {
  explicit Stage(FlowSync::Options options = {}) {
    options.bridge = "br-int";
    options.request_deadline = 1s;
    sync.emplace(device.dial(), std::move(options));
  }
  // The outcome of settled(), which is filled in when it is called back.
  std::shared_ptr<std::optional<Result<void>>> settled(std::chrono::milliseconds deadline = 10s) {
    auto outcome = std::make_shared<std::optional<Result<void>>>();
    sync->settled(deadline, [outcome](Result<void> r) { *outcome = r; });
    return outcome;
  }

  FakeSwitch device;
  std::optional<FlowSync> sync;
};

}  // namespace

TEST_CASE("nothing is sent before the switch has been read", "[ovs][sync]") {
  Stage stage;
  stage.device.flows = numbered(1, 3);
  stage.sync->replace(numbered(2, 4));
  const auto settled = stage.settled();
  stage.device.run();
  CHECK(stage.device.seen.empty());
  CHECK_FALSE(settled->has_value());
  stage.device.connect();
  stage.device.run();
  REQUIRE(settled->has_value());
  CHECK(**settled);
  CHECK(stage.device.dumps == 1);
  CHECK(text(stage.device.seen.at(0)) == text({add(4), drop(1)}));  // what was there already is left alone
  CHECK(stage.device.flows == numbered(2, 4));
}

TEST_CASE("bundles hold at most a thousand flows, additions before deletions", "[ovs][sync]") {
  Stage stage;
  stage.device.flows = numbered(10000, 12499);
  stage.sync->replace(numbered(0, 2499));
  stage.device.connect();
  stage.device.run();
  CHECK(stage.device.flows == numbered(0, 2499));
  REQUIRE(stage.device.seen.size() == 5);
  bool deleting = false;
  for (const auto& bundle : stage.device.seen) {
    CHECK(bundle.size() == 1000);
    for (const FlowChange& change : bundle) {
      CHECK_FALSE((deleting && change.kind == FlowChange::Kind::add));
      deleting = change.kind == FlowChange::Kind::remove;
    }
  }
  CHECK(stage.sync->counters().added == 2500);
  CHECK(stage.sync->counters().removed == 2500);
}

TEST_CASE("changes that are given while a bundle is out share the next one", "[ovs][sync]") {
  Stage stage;
  stage.device.connect();
  stage.device.run();
  stage.sync->change({add(1)});  // goes out at once
  for (int i = 2; i <= 50; ++i) {
    stage.sync->change({add(i)});
  }
  stage.sync->change({drop(1), add(2, 7)});
  stage.device.run();
  CHECK(stage.device.seen.size() == 2);
  CHECK(stage.device.flows.size() == 49);
  CHECK(stage.device.flows.find(flow(2).key)->cookie == 7);
}

TEST_CASE("a waiter is answered though changes never cease", "[ovs][sync]") {
  Stage stage;
  stage.device.connect();
  stage.device.run();
  int changes = 0;
  std::optional<Result<void>> outcome;
  stage.sync->change({add(0)});
  stage.sync->settled(10s, [&](Result<void> r) { outcome = r; });
  // Whenever the switch looks at a flow there is another change.
  stage.device.refuses = [&](const Flow&) {
    if (!outcome && changes < 1000) {
      stage.sync->change({add(++changes)});
    }
    return false;
  };
  stage.sync->change({add(-1 + 2000)});
  stage.device.run();
  REQUIRE(outcome.has_value());
  CHECK(changes < 10);
}

TEST_CASE("an answer that never came is followed by a new look at the switch", "[ovs][sync]") {
  Stage stage;
  stage.device.connect();
  stage.device.run();
  stage.device.answers = false;
  stage.sync->change({add(1)});
  const auto settled = stage.settled(300ms);
  stage.device.pass(500ms);
  REQUIRE(settled->has_value());
  CHECK((*settled)->error().code() == Errc::timeout);
  CHECK_THAT((*settled)->error().message(), Catch::Contains("br-int"));
  stage.device.pass(600ms);  // the request's own deadline: the connection is lost
  CHECK_FALSE(stage.sync->connected());
  // It had been carried out after all, and something else is gone.
  stage.device.flows = numbered(1, 2);
  stage.device.answers = true;
  stage.sync->change({add(3)});
  const auto again = stage.settled();
  stage.device.connect();
  stage.device.run();
  REQUIRE(again->has_value());
  CHECK(**again);
  CHECK(stage.device.dumps == 2);
  DesiredFlows expected;
  expected.put(flow(1));
  expected.put(flow(3));
  CHECK(stage.device.flows == expected);
}

TEST_CASE("a waiter without a connection is told so", "[ovs][sync]") {
  Stage stage;
  const auto settled = stage.settled(100ms);
  stage.device.pass(99ms);
  CHECK_FALSE(settled->has_value());
  stage.device.pass(1ms);
  REQUIRE(settled->has_value());
  CHECK((*settled)->error().code() == Errc::unavailable);
}

TEST_CASE("refused flows are set aside and tried again when they change", "[ovs][sync]") {
  std::vector<std::string> refused;
  FlowSync::Options options;
  options.refused = [&](const Flow& bad, const Error&) { refused.push_back(bad.key.match); };
  Stage stage(std::move(options));
  stage.device.refuses = [](const Flow& f) { return f.actions == "output:2" && f.key.match.ends_with(".5"); };
  stage.sync->replace(numbered(0, 9));
  stage.device.connect();
  const auto settled = stage.settled();
  stage.device.run();
  REQUIRE(settled->has_value());
  CHECK((*settled)->has_error());
  CHECK(stage.device.flows.size() == 9);
  CHECK(refused == std::vector<std::string>{"ip,nw_dst=10.0.0.5"});
  CHECK(stage.sync->counters().refused == 1);

  stage.sync->change({add(10)});
  stage.device.run();
  CHECK(refused.size() == 1);  // not again and again
  FlowChange better = add(5);
  better.flow.actions = "drop";
  stage.sync->change({better});
  const auto after = stage.settled();
  stage.device.run();
  REQUIRE(after->has_value());
  CHECK(**after);
  CHECK(stage.device.flows.size() == 11);
  CHECK(stage.sync->counters().refused == 0);
}

TEST_CASE("flows that a switch refuses cost no others, whenever it finds out", "[ovs][sync]") {
  Stage stage;
  stage.device.refuses = [](const Flow& f) { return f.key.match.ends_with(".5") || f.key.match.ends_with(".7"); };
  DesiredFlows desired = numbered(0, 9);
  Flow elsewhere = flow(3);
  elsewhere.key.table = FakeSwitch::read_only_table;
  desired.put(elsewhere);
  stage.sync->replace(desired);
  stage.device.connect();
  stage.device.run();
  CHECK(stage.device.flows.size() == 8);
  CHECK(stage.sync->counters().refused == 3);
  CHECK(stage.sync->actual() == stage.device.flows);
}

TEST_CASE("may_delete is asked at the moment of deletion", "[ovs][sync]") {
  std::set<std::string> absent;
  FlowSync::Options options;
  options.may_delete = [&](const Flow& f) { return absent.contains(f.key.match); };
  Stage stage(std::move(options));
  stage.device.flows = numbered(1, 3);
  stage.device.connect();
  stage.device.run();
  CHECK(stage.device.flows.size() == 3);
  CHECK(stage.sync->counters().held == 3);
  CHECK(stage.sync->in_line());
  absent.insert(flow(2).key.match);
  stage.sync->reconsider();
  stage.device.run();
  CHECK(stage.device.flows.size() == 2);
  CHECK(stage.sync->counters().held == 2);
}

TEST_CASE("a meter comes before its flows and goes after them", "[ovs][sync]") {
  using Kind = MeterChange::Kind;
  bool may = false;
  FlowSync::Options options;
  options.may_delete = [&may](const Flow&) { return may; };
  Stage stage(std::move(options));
  Flow metered = flow(1);
  metered.actions = "meter:5,output:2";
  const Meter meter{5, Meter::Unit::kbps, 1000, 100};
  stage.device.connect();
  stage.sync->change({{FlowChange::Kind::add, metered}}, {{meter}, {}});
  stage.device.run();
  CHECK(stage.sync->in_line());
  CHECK(stage.device.flows.find(metered.key) != nullptr);
  CHECK(stage.sync->counters().meters == 1);

  const Meter faster{5, Meter::Unit::kbps, 2000, 100};
  stage.sync->change({}, {{faster}, {}});
  stage.device.run();
  CHECK(stage.device.meters_seen == std::vector<MeterChange>{{Kind::add, meter}, {Kind::modify, faster}});

  stage.sync->change({{FlowChange::Kind::remove, metered}}, {{}, {5}});
  stage.device.run();
  CHECK(stage.device.meters.contains(5));  // the flow is held, and would go with it
  may = true;
  stage.sync->reconsider();
  const auto settled = stage.settled();
  stage.device.run();
  CHECK(settled->has_value());
  CHECK(stage.device.flows.empty());
  CHECK(stage.device.meters.empty());
  CHECK(stage.device.meters_seen.back() == MeterChange{Kind::remove, faster});
}

TEST_CASE("a meter that only a controller action names stays while that flow is there", "[ovs][sync]") {
  FlowSync::Options options;
  options.may_delete = [](const Flow&) { return false; };
  Stage stage(std::move(options));
  Flow copied = flow(1);
  copied.actions = "meter:5,controller(max_len=128,userdata=01,meter_id=6),output:2";
  stage.device.flows.put(copied);  // an earlier agent's
  for (const std::uint32_t id : {5U, 6U, 7U}) {
    stage.device.meters[id] = {id, Meter::Unit::pktps, 100, 100};
  }
  stage.device.connect();
  stage.device.run();
  CHECK(stage.device.meters.contains(5));
  CHECK(stage.device.meters.contains(6));
  CHECK_FALSE(stage.device.meters.contains(7));
}

TEST_CASE("groups come before their flows, and go after them, the outer one first", "[ovs][sync]") {
  using Kind = GroupChange::Kind;
  Stage stage;
  stage.device.connect();
  stage.device.run();
  const Group inner{7, "group_id=7,type=select,bucket=bucket_id:1,actions=output:1"};
  const Group outer{8, "group_id=8,type=ff,bucket=bucket_id:1,watch_group:7,actions=group:7"};
  Flow led = flow(1);
  led.actions = "group:8";
  stage.sync->change({{FlowChange::Kind::add, led}}, {}, {{outer, inner}, {}});
  stage.device.run();
  CHECK(stage.device.flows.find(led.key) != nullptr);
  CHECK(stage.device.groups_seen == std::vector<GroupChange>{{Kind::put, inner}, {Kind::put, outer}});

  SECTION("what is right is left alone after a reconnect; what somebody changed is put right") {
    stage.device.groups[7].text = "group_id=7,type=all";
    stage.device.groups[9] = {9, "group_id=9,type=all"};
    stage.device.groups_seen.clear();
    stage.device.disconnect();
    stage.device.connect();
    stage.device.run();
    CHECK(stage.device.groups_seen ==
          std::vector<GroupChange>{{Kind::put, inner}, {Kind::remove, {9, "group_id=9,type=all"}}});
    CHECK(stage.sync->amiss_groups() == std::set<std::uint32_t>{7});
    CHECK(stage.sync->in_line());
  }
  SECTION("a group stays while a flow leads to it") {
    stage.sync->change({}, {}, {{}, {7, 8}});
    stage.device.run();
    CHECK(stage.device.groups.size() == 2);
    stage.sync->change({{FlowChange::Kind::remove, led}});
    stage.device.run();
    CHECK(stage.device.groups.empty());
    CHECK(stage.device.groups_seen.back() == GroupChange{Kind::remove, inner});
  }
}

TEST_CASE("a refused meter is reported, and tried again after a look at the switch", "[ovs][sync]") {
  std::vector<Meter> refused;
  FlowSync::Options options;
  options.meter_refused = [&](const Meter& meter, const Error&) { refused.push_back(meter); };
  Stage stage(std::move(options));
  stage.device.connect();
  const Meter bad{5, Meter::Unit::kbps, 0, 0};  // the fake says no to a rate of 0
  stage.sync->change({}, {{bad, {6, Meter::Unit::pktps, 10, 1}}, {}});
  stage.device.run();
  CHECK(refused == std::vector<Meter>{bad});
  CHECK(stage.sync->in_line());
  Flow metered = flow(1);
  metered.actions = "meter:5,output:2";
  stage.sync->change({{FlowChange::Kind::add, metered}, add(2)}, {{bad}, {}});
  const auto settled = stage.settled();
  stage.device.run();
  REQUIRE(settled->has_value());
  REQUIRE((*settled)->has_error());  // says what is wrong with the meter, not that the flow has none
  CHECK_THAT((*settled)->error().message(), Catch::Contains("\"" + bad.str() + "\""));
  CHECK(stage.device.flows.size() == 1);
  stage.sync->change({{FlowChange::Kind::remove, metered}});
  stage.device.run();
  refused.resize(1);
  CHECK(stage.sync->counters().refused == 1);
  CHECK(stage.device.meters.size() == 1);
  stage.sync->read_back();
  stage.device.run();
  CHECK(refused.size() == 2);
}

TEST_CASE("in line is told when it begins and when it ends", "[ovs][sync]") {
  std::vector<bool> told;
  FlowSync::Options options;
  options.in_line_changed = [&](bool now) { told.push_back(now); };
  Stage stage(std::move(options));
  stage.sync->replace(numbered(1, 3));
  stage.device.connect();
  stage.device.run();
  CHECK(told == std::vector<bool>{true});
  stage.device.disconnect();
  stage.device.run();
  CHECK(told == std::vector<bool>{true, false});
  stage.device.connect();
  stage.device.run();
  CHECK(told == std::vector<bool>{true, false, true});
}

TEST_CASE("a waiter may give new changes from its callback", "[ovs][sync]") {
  Stage stage;
  stage.device.connect();
  stage.sync->replace(numbered(1, 3));
  bool second = false;
  stage.sync->settled(1s, [&](const Result<void>&) {
    stage.sync->change({add(4)});
    stage.sync->settled(1s, [&](const Result<void>& r) { second = r.has_value(); });
  });
  stage.device.run();
  CHECK(second);
  CHECK(stage.device.flows.size() == 4);
}
