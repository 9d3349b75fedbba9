// What FlowSync relies on, asked of the real switch and of the fake alike.
#include <chrono>
#include <optional>

#include <catch2/catch.hpp>

#include "fakes/fake_switch.hpp"
#include "support/catch_result.hpp"
#include "support/ovs_sandbox.hpp"
#include "support/owner_loop.hpp"

using mooring::Errc;
using mooring::Error;
using mooring::Result;
using namespace mooring::ovs;
using namespace mooring::tests;
using namespace std::chrono_literals;

namespace {

// A bridge with a connected channel.
class RealBridge {
 public:
  RealBridge() {
    initialise("mooring-tests");
    sandbox_.vsctl("add-br br0 -- set bridge br0 datapath_type=netdev fail_mode=secure");
    channel = dial_openflow(sandbox_.management("br0"),
                            loop_.post())({[this] { ++connects; }, [this](const Error&) { ++losses; }});
    REQUIRE(until([this] { return connects == 1; }));
  }
  bool until(const std::function<bool()>& condition) { return loop_.run_until(condition, 10s); }
  // No such group.
  Flow refused_flow() const { return *parse_flow("table=0,priority=66,arp,actions=group:4242"); }
  void hang() { sandbox_.pause_vswitchd(); }
  void resume() { sandbox_.resume_vswitchd(); }

  int connects = 0, losses = 0;

 private:
  OvsSandbox sandbox_;
  OwnerLoop loop_;

 public:
  std::unique_ptr<FlowChannel> channel;
};

class FakeBridge {
 public:
  FakeBridge() {
    initialise("mooring-tests");
    device_.refuses = [this](const Flow& flow) { return flow == refused_flow(); };
    channel = device_.dial()({[this] { ++connects; }, [this](const Error&) { ++losses; }});
    device_.connect();
    REQUIRE(until([this] { return connects == 1; }));
  }
  bool until(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000 && !condition(); ++i) {
      device_.run();
      if (!condition()) {
        device_.pass(10ms);
      }
    }
    return condition();
  }
  Flow refused_flow() const { return *parse_flow("table=0,priority=66,arp,actions=group:4242"); }
  void hang() { device_.answers = false; }
  void resume() {
    device_.answers = true;
    device_.connect();
  }

  int connects = 0, losses = 0;

 private:
  FakeSwitch device_;

 public:
  std::unique_ptr<FlowChannel> channel;
};

FlowChange add(const std::string& text) {
  return {FlowChange::Kind::add, *parse_flow(text)};
}
FlowChange take_out(const std::string& text) {
  return {FlowChange::Kind::remove, *parse_flow(text)};
}

template <class Bridge>
ApplyOutcome apply(Bridge& bridge, std::vector<FlowChange> changes, std::chrono::milliseconds deadline = 5s) {
  std::optional<ApplyOutcome> outcome;
  bridge.channel->apply({}, std::move(changes), deadline, [&](ApplyOutcome o) { outcome = std::move(o); });
  REQUIRE(bridge.until([&] { return outcome.has_value(); }));
  return *outcome;
}

template <class Bridge>
std::string held(Bridge& bridge) {
  std::optional<Result<std::vector<FlowEntry>>> flows;
  bridge.channel->dump(5s, [&](Result<std::vector<FlowEntry>> f) { flows = std::move(f); });
  REQUIRE(bridge.until([&] { return flows.has_value(); }));
  REQUIRE(flows->has_value());
  DesiredFlows set;
  for (const FlowEntry& entry : **flows) {
    set.put(entry.flow);
  }
  return set.text();
}

template <class Bridge>
ApplyOutcome apply_meters(Bridge& bridge, std::vector<MeterChange> changes) {
  std::optional<ApplyOutcome> outcome;
  bridge.channel->apply(std::move(changes), {}, 5s, [&](ApplyOutcome o) { outcome = std::move(o); });
  REQUIRE(bridge.until([&] { return outcome.has_value(); }));
  return *outcome;
}

template <class Bridge>
std::string held_meters(Bridge& bridge) {
  std::optional<Result<std::vector<Meter>>> meters;
  bridge.channel->dump_meters(5s, [&](Result<std::vector<Meter>> m) { meters = std::move(m); });
  REQUIRE(bridge.until([&] { return meters.has_value(); }));
  REQUIRE(meters->has_value());
  std::map<std::uint32_t, std::string> lines;
  for (const Meter& meter : **meters) {
    lines[meter.id] = meter.str() + '\n';
  }
  std::string text;
  for (const auto& [id, line] : lines) {
    text += line;
  }
  return text;
}

Meter kbps(std::uint32_t id, std::uint32_t rate, std::uint32_t burst) {
  return {id, Meter::Unit::kbps, rate, burst};
}

}  // namespace

TEMPLATE_TEST_CASE("a flow channel", "[ovs][contract]", RealBridge, FakeBridge) {
  TestType bridge;

  SECTION("applies a bundle in order: replace by key, delete strictly") {
    REQUIRE(
        apply(bridge, {add("table=1,priority=5,ip,actions=output:1"), add("table=1,priority=6,ip,actions=output:1")})
            .result);
    REQUIRE(
        apply(bridge, {add("table=1,priority=5,ip,cookie=7,actions=output:2"),
                       take_out("table=1,priority=6,ip,actions=drop"), take_out("table=1,priority=7,ip,actions=drop")})
            .result);
    CHECK(held(bridge) == "table=1,priority=5,ip cookie=0x7 actions=output:2\n");
  }

  SECTION("refuses a bundle whole for a flow that it cannot commit, and names it") {
    REQUIRE(apply(bridge, {add("table=0,priority=1,actions=drop")}).result);
    const ApplyOutcome outcome =
        apply(bridge, {take_out("table=0,priority=1,actions=drop"), add("table=0,priority=2,ip,actions=drop"),
                       FlowChange{FlowChange::Kind::add, bridge.refused_flow()}});
    REQUIRE(outcome.result.has_error());
    CHECK(outcome.refused == std::vector<std::size_t>{2});
    CHECK_THAT(outcome.result.error().message(), Catch::Contains(bridge.refused_flow().str()));
    CHECK_FALSE(outcome.flows_taken);
    CHECK(held(bridge) == "table=0,priority=1 cookie=0x0 actions=drop\n");
    CHECK(bridge.losses == 0);
  }

  SECTION("carries out a bundle without a flow that it does not even take in, and names it") {
    const ApplyOutcome outcome =
        apply(bridge, {add("table=0,priority=1,actions=drop"), add("table=254,priority=1,actions=drop"),
                       add("table=0,priority=2,ip,actions=drop")});
    REQUIRE(outcome.result.has_error());
    CHECK(outcome.refused == std::vector<std::size_t>{1});
    CHECK(outcome.flows_taken);
    CHECK(held(bridge) ==
          "table=0,priority=2,ip cookie=0x0 actions=drop\n"
          "table=0,priority=1 cookie=0x0 actions=drop\n");
  }

  SECTION("loses the connection when a deadline is missed, and comes back") {
    bridge.hang();
    const ApplyOutcome outcome = apply(bridge, {add("table=0,priority=1,actions=drop")}, 200ms);
    REQUIRE(outcome.result.has_error());
    CHECK(outcome.result.error().code() == Errc::timeout);
    CHECK(outcome.refused.empty());
    REQUIRE(bridge.until([&] { return bridge.losses == 1; }));
    const ApplyOutcome away = apply(bridge, {add("table=0,priority=1,actions=drop")});
    CHECK(away.result.error().code() == Errc::unavailable);
    bridge.resume();
    REQUIRE(bridge.until([&] { return bridge.connects == 2; }));
    CHECK(apply(bridge, {add("table=0,priority=1,actions=drop")}).result);
  }

  SECTION("adds, modifies, reads and removes meters; what is refused stops nothing") {
    using Kind = MeterChange::Kind;
    REQUIRE(
        apply_meters(bridge, {{Kind::add, kbps(2, 1000, 500)}, {Kind::add, {7, Meter::Unit::pktps, 100, 20}}}).result);
    CHECK(held_meters(bridge) ==
          "meter=2,kbps,burst,bands=type=drop,rate=1000,burst_size=500\n"
          "meter=7,pktps,burst,bands=type=drop,rate=100,burst_size=20\n");
    const ApplyOutcome outcome = apply_meters(
        bridge, {{Kind::add, kbps(2, 1, 1)}, {Kind::modify, kbps(2, 3000, 9)}, {Kind::remove, kbps(7, 1, 1)}});
    CHECK(outcome.result);
    CHECK(outcome.refused_meters == std::vector<std::size_t>{0});
    CHECK_THAT(outcome.meters.error().message(), Catch::Contains("meter=2,kbps,burst,bands=type=drop,rate=1,"));
    CHECK(held_meters(bridge) == "meter=2,kbps,burst,bands=type=drop,rate=3000,burst_size=9\n");
    CHECK(apply_meters(bridge, {{Kind::remove, kbps(99, 1, 1)}}).result);  // what is not there is fine
  }

  SECTION("refuses a flow whose meter is not there, and deletes flows with their meter") {
    const auto metered = add("table=0,priority=1,ip,actions=meter:3,output:1");
    CHECK(apply(bridge, {metered}).refused == std::vector<std::size_t>{0});
    REQUIRE(apply_meters(bridge, {{MeterChange::Kind::add, kbps(3, 1000, 500)}}).result);
    REQUIRE(apply(bridge, {metered}).result);
    CHECK(held(bridge) == "table=0,priority=1,ip cookie=0x0 actions=meter:3,output:1\n");
    REQUIRE(apply_meters(bridge, {{MeterChange::Kind::remove, kbps(3, 1000, 500)}}).result);
    CHECK(held(bridge).empty());
  }

  SECTION("takes meters and the flows that name them at once; without its meter a flow is refused") {
    using Kind = MeterChange::Kind;
    const auto both = [&](std::vector<MeterChange> meters, std::vector<FlowChange> flows) {
      std::optional<ApplyOutcome> outcome;
      bridge.channel->apply(std::move(meters), std::move(flows), 5s, [&](ApplyOutcome o) { outcome = std::move(o); });
      REQUIRE(bridge.until([&] { return outcome.has_value(); }));
      return *outcome;
    };
    CHECK(both({{Kind::add, kbps(3, 1000, 500)}}, {add("table=0,priority=1,ip,actions=meter:3,output:1")}).result);
    CHECK(held(bridge) == "table=0,priority=1,ip cookie=0x0 actions=meter:3,output:1\n");
    const auto again = both({{Kind::add, kbps(3, 1, 1)}}, {add("table=0,priority=2,ip,actions=drop"),
                                                           add("table=0,priority=3,ip,actions=meter:4,output:1")});
    CHECK(again.refused_meters == std::vector<std::size_t>{0});
    CHECK(again.refused == std::vector<std::size_t>{1});
    CHECK_FALSE(again.flows_taken);
  }

  SECTION("puts, replaces, reads and removes groups; flows go with their group") {
    using Kind = GroupChange::Kind;
    const auto group = [](const std::string& text) { return *parse_group(text); };
    const auto put = [&](std::vector<GroupChange> groups) {
      std::optional<GroupOutcome> outcome;
      bridge.channel->apply_groups(std::move(groups), 5s, [&](GroupOutcome o) { outcome = std::move(o); });
      REQUIRE(bridge.until([&] { return outcome.has_value(); }));
      return *outcome;
    };
    const auto there = [&] {
      std::optional<Result<std::vector<Group>>> groups;
      bridge.channel->dump_groups(5s, [&](Result<std::vector<Group>> g) { groups = std::move(g); });
      REQUIRE(bridge.until([&] { return groups.has_value(); }));
      return groups->value();
    };
    const Group spread = group(
        "group_id=7,type=select,selection_method=dp_hash,bucket=bucket_id:101,watch_port:101,"
        "actions=set_field:0->pkt_mark,set_field:100->tun_id,output:101");
    const Group first = group(
        "group_id=8,type=ff,bucket=bucket_id:1,watch_group:7,actions=group:7,bucket=bucket_id:2,watch_port:1,"
        "actions=resubmit(,23)");
    CHECK(parse_group(spread.text).value() == spread);
    CHECK(parse_group(first.text).value() == first);
    const auto flow = add("table=0,priority=1,ip,actions=group:8");
    CHECK(apply(bridge, {flow}).refused == std::vector<std::size_t>{0});
    REQUIRE(put({{Kind::put, spread}, {Kind::put, first}}).result);
    REQUIRE(apply(bridge, {flow}).result);
    const Group other =
        group("group_id=7,type=select,selection_method=dp_hash,bucket=bucket_id:102,actions=output:102");
    REQUIRE(put({{Kind::put, other}}).result);
    const auto now = there();
    CHECK(now.size() == 2);
    CHECK(std::count(now.begin(), now.end(), other) == 1);
    CHECK(std::count(now.begin(), now.end(), first) == 1);
    CHECK(held(bridge) == "table=0,priority=1,ip cookie=0x0 actions=group:8\n");
    REQUIRE(put({{Kind::remove, first}, {Kind::remove, other}}).result);
    CHECK(there().empty());
    CHECK(held(bridge).empty());
  }

  SECTION("an empty bundle is a barrier") {
    CHECK(apply(bridge, {}).result);
  }

  SECTION("answers in the order of the requests") {
    std::vector<int> order;
    bridge.channel->apply({}, {add("table=0,priority=1,actions=drop")}, 5s, [&](const auto&) { order.push_back(1); });
    bridge.channel->dump(5s, [&](const auto& flows) {
      order.push_back(2);
      CHECK(flows->size() == 1);
    });
    bridge.channel->apply({}, {take_out("table=0,priority=1,actions=drop")}, 5s,
                          [&](const auto&) { order.push_back(3); });
    REQUIRE(bridge.until([&] { return order.size() == 3; }));
    CHECK(order == std::vector<int>{1, 2, 3});
    CHECK(held(bridge).empty());
  }
}
