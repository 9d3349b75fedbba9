// OpenFlow bundles and dumps on a real ovs-vswitchd.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <vector>

#include <catch2/catch.hpp>

#include "mooring/ovs/openflow.hpp"
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

FlowChange add(const std::string& text) {
  const auto flow = parse_flow(text);
  INFO(text);
  REQUIRE(flow);
  return {FlowChange::Kind::add, *flow};
}

FlowChange take_out(const std::string& text) {
  FlowChange change = add(text);
  change.kind = FlowChange::Kind::remove;
  return change;
}

struct Stage {
  Stage() {
    sandbox.vsctl("add-br br0 -- set bridge br0 datapath_type=netdev fail_mode=secure");
    initialise("mooring-tests");
    openflow.emplace(sandbox.management("br0"), loop.post(),
                     FlowChannel::Callbacks{[this] { ++connects; }, [this](const Error& why) { lost.push_back(why); }});
    REQUIRE(loop.run_until([&] { return connects == 1; }));
  }

  ApplyOutcome apply(std::vector<FlowChange> changes, std::chrono::milliseconds deadline = 10s) {
    std::optional<ApplyOutcome> outcome;
    openflow->apply({}, std::move(changes), deadline, [&](ApplyOutcome o) { outcome = std::move(o); });
    REQUIRE(loop.run_until([&] { return outcome.has_value(); }, deadline + 5s));
    return *outcome;
  }

  Result<std::vector<FlowEntry>> dump(std::chrono::milliseconds deadline = 10s) {
    std::optional<Result<std::vector<FlowEntry>>> flows;
    openflow->dump(deadline, [&](Result<std::vector<FlowEntry>> f) { flows = std::move(f); });
    REQUIRE(loop.run_until([&] { return flows.has_value(); }, deadline + 5s));
    return *flows;
  }

  // Those that `flows` name: a flow whose meter is not there is refused.
  void make_meters_of(const std::string& flows) {
    const std::regex named("meter(?:_id=|:)([0-9]+)");
    std::map<std::uint32_t, MeterChange> meters;
    for (std::sregex_iterator it(flows.begin(), flows.end(), named), end; it != end; ++it) {
      const auto id = static_cast<std::uint32_t>(std::stoul((*it)[1]));
      meters[id] = {MeterChange::Kind::add, {id, Meter::Unit::pktps, 100, 100}};
    }
    std::vector<MeterChange> changes;
    for (const auto& [id, change] : meters) {
      changes.push_back(change);
    }
    std::optional<ApplyOutcome> outcome;
    openflow->apply(std::move(changes), {}, 10s, [&](ApplyOutcome o) { outcome = std::move(o); });
    REQUIRE(loop.run_until([&] { return outcome.has_value(); }, 15s));
    REQUIRE(outcome->meters);
  }

  // And the switch shows them as they were said.
  void make_groups(std::vector<GroupChange> groups) {
    std::ranges::sort(groups, {}, [](const GroupChange& change) { return change.group.id; });
    std::optional<GroupOutcome> outcome;
    openflow->apply_groups(groups, 10s, [&](GroupOutcome o) { outcome = std::move(o); });
    REQUIRE(loop.run_until([&] { return outcome.has_value(); }, 15s));
    REQUIRE(outcome->result);
    std::optional<Result<std::vector<Group>>> dump;
    openflow->dump_groups(10s, [&](Result<std::vector<Group>> found) { dump = std::move(found); });
    REQUIRE(loop.run_until([&] { return dump.has_value(); }, 15s));
    REQUIRE(dump->has_value());
    CHECK((*dump)->size() == groups.size());
    for (const GroupChange& change : groups) {
      CHECK(std::ranges::find(**dump, change.group) != (*dump)->end());
    }
  }

  DesiredFlows held() {
    DesiredFlows set;
    const auto entries = dump();
    REQUIRE(entries.has_value());
    for (const FlowEntry& entry : *entries) {
      set.put(entry.flow);
    }
    return set;
  }

  OvsSandbox sandbox;
  OwnerLoop loop;
  int connects = 0;
  std::vector<Error> lost;
  std::optional<OpenFlow> openflow;
};

}  // namespace

TEST_CASE("a desired flow and its dump from the switch are the same text", "[ovs][openflow]") {
  Stage stage;
  const std::vector<std::string> texts = {
#include "support/pipeline_flows.inc"
  };
  // What the flows refer to.
  stage.sandbox.ofctl("add-group", "br0", "group_id=1,type=all,bucket=actions=output:2");
  stage.sandbox.ofctl("add-meter", "br0", "meter=3,pktps,bands=type=drop,rate=100");
  stage.sandbox.ofctl("add-meter", "br0", "meter=5,pktps,bands=type=drop,rate=100");
  for (const std::string& text : texts) {
    const FlowChange change = add(text);
    INFO(text);
    const auto outcome = stage.apply({change});
    REQUIRE(outcome.result);
    DesiredFlows desired;
    desired.put(change.flow);
    const DesiredFlows actual = stage.held();
    CHECK(actual.text() == desired.text());
    REQUIRE(stage.apply({{FlowChange::Kind::remove, change.flow}}).result);
    CHECK(stage.held().empty());
  }
}

TEST_CASE("a bundle is applied in its order, replacing and deleting strictly", "[ovs][openflow]") {
  Stage stage;
  REQUIRE(stage
              .apply({add("table=1,priority=5,ip,cookie=1,actions=output:1"),
                      add("table=1,priority=6,ip,cookie=1,actions=output:1"), add("table=2,actions=drop")})
              .result);
  REQUIRE(stage
              .apply({add("table=1,priority=5,ip,cookie=2,idle_timeout=60,actions=output:3"),
                      take_out("table=1,priority=6,ip,cookie=9,actions=drop"), take_out("table=3,actions=drop")})
              .result);
  CHECK(stage.held().text() ==
        "table=1,priority=5,ip cookie=0x2 idle_timeout=60 actions=output:3\n"
        "table=2,priority=32768 cookie=0x0 actions=drop\n");
}

TEST_CASE("a bundle with a bad flow changes nothing, and the error names the flow", "[ovs][openflow]") {
  Stage stage;
  REQUIRE(stage.apply({add("table=0,priority=1,actions=drop")}).result);
  // There is no such group …
  auto outcome =
      stage.apply({add("table=0,priority=2,ip,actions=output:1"), add("table=0,priority=3,arp,actions=group:4242"),
                   take_out("table=0,priority=1,actions=drop")});
  REQUIRE(outcome.result.has_error());
  CHECK_THAT(outcome.result.error().message(),
             Catch::Contains("table=0,priority=3,arp") && Catch::Contains("BAD_OUT_GROUP"));
  CHECK(outcome.refused == std::vector<std::size_t>{1});
  CHECK_FALSE(outcome.flows_taken);
  CHECK(stage.held().text() == "table=0,priority=1 cookie=0x0 actions=drop\n");
  // … or the table is full.
  stage.sandbox.vsctl(
      "-- --id=@t create flow_table flow_limit=2 overflow_policy=refuse -- set bridge br0 flow_tables:7=@t");
  outcome = stage.apply({add("table=7,priority=1,actions=drop"), add("table=7,priority=2,actions=drop"),
                         add("table=7,priority=3,actions=drop"), add("table=8,priority=3,actions=drop")});
  REQUIRE(outcome.result.has_error());
  CHECK_THAT(outcome.result.error().message(), Catch::Contains("table=7,priority=3") && Catch::Contains("TABLE_FULL"));
  CHECK(outcome.refused == std::vector<std::size_t>{2});
  CHECK_FALSE(outcome.flows_taken);
  CHECK(stage.held().text() == "table=0,priority=1 cookie=0x0 actions=drop\n");
  // The connection is fine.
  CHECK(stage.lost.empty());
  CHECK(stage.apply({add("table=0,priority=2,ip,actions=output:1")}).result);
}

TEST_CASE("a thousand flows in a bundle, tens of thousands in a dump", "[ovs][openflow]") {
  Stage stage;
  for (int bundle = 0; bundle < 20; ++bundle) {
    std::vector<FlowChange> changes;
    for (int i = 0; i < 1000; ++i) {
      changes.push_back(add("table=20,priority=100,cookie=3,pkt_mark=100,ip,nw_dst=10." + std::to_string(bundle) + "." +
                            std::to_string(i / 250) + "." + std::to_string(i % 250) +
                            ",actions=set_field:172.31.0.2->tun_dst,set_field:100->tun_id,output:2"));
    }
    REQUIRE(stage.apply(std::move(changes)).result);
  }
  const auto flows = stage.dump();
  REQUIRE(flows.has_value());
  CHECK(flows->size() == 20000);
}

TEST_CASE("a bundle of more than ten thousand flows is refused", "[ovs][openflow]") {
  Stage stage;
  const auto outcome = stage.apply(std::vector<FlowChange>(10001, add("actions=drop")));
  REQUIRE(outcome.result.has_error());
  CHECK(outcome.result.error().code() == Errc::too_large);
  CHECK(outcome.refused.empty());
  CHECK(stage.held().empty());
}

TEST_CASE("the golden flows of the programs equal their dump", "[ovs][openflow]") {
  int files = 0;
  for (const auto& file : std::filesystem::directory_iterator(MOORING_SOURCE_DIR "/tests/golden")) {
    if (file.path().filename().string().find("_flows_") == std::string::npos) {
      continue;
    }
    ++files;
    INFO(file.path().string());
    std::map<std::string, DesiredFlows> bridges;
    std::map<std::string, std::vector<GroupChange>> groups;  // by the same names
    const std::string of_groups = "groups of ";
    std::string bridge;
    std::ifstream lines(file.path());
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("# ")) {
        bridge = line.substr(2);
      } else if (bridge.starts_with(of_groups) && !line.empty()) {
        const auto group = parse_group(line);
        REQUIRE(group);
        CHECK(group->text == line);
        groups[bridge.substr(of_groups.size())].push_back({GroupChange::Kind::put, *group});
      } else if (!line.empty()) {
        REQUIRE(bridges[bridge].add(line));
      }
    }
    for (const auto& [name, desired] : bridges) {
      Stage stage;
      stage.make_meters_of(desired.text());
      stage.make_groups(groups[name]);
      REQUIRE(stage.apply(desired.diff_from({})).result);
      CHECK(stage.held().text() == desired.text());
    }
  }
  CHECK(files >= 2);
}

TEST_CASE("a switch that hangs while nothing is asked of it is noticed", "[ovs][openflow][full]") {
  Stage stage;
  stage.sandbox.pause_vswitchd();
  REQUIRE(stage.loop.run_until([&] { return stage.lost.size() == 1; }, 20s));
  CHECK(stage.lost.front().code() == Errc::timeout);
  stage.sandbox.resume_vswitchd();
  REQUIRE(stage.loop.run_until([&] { return stage.connects == 2; }, 10s));
}

TEST_CASE("packets are counted in a dump", "[ovs][openflow]") {
  Stage stage;
  REQUIRE(stage.apply({add("table=0,priority=1,ip,actions=drop")}).result);
  const std::string packet(
      "0a580a0000050a6d6f6f72010800"
      "4500001400000000400166e60a0000010a000005"
      "0000000000000000000000000000");
  for (int i = 0; i < 3; ++i) {
    stage.sandbox.ofctl("packet-out", "br0", "in_port=local packet=" + packet + " actions=resubmit(,0)");
  }
  REQUIRE(stage.loop.run_until([&] {
    const auto flows = stage.dump();
    return flows && flows->size() == 1 && flows->front().packets == 3 && flows->front().bytes >= 3 * 34;
  }));
}

TEST_CASE("a switch that hangs leads to deadlines, and it is dialled again", "[ovs][openflow]") {
  Stage stage;
  stage.sandbox.pause_vswitchd();
  const auto start = std::chrono::steady_clock::now();
  const auto outcome = stage.apply({add("table=0,priority=1,actions=drop")}, 300ms);
  CHECK(std::chrono::steady_clock::now() - start < 2s);
  REQUIRE(outcome.result.has_error());
  CHECK(outcome.result.error().code() == Errc::timeout);
  CHECK(outcome.refused.empty());
  REQUIRE(stage.loop.run_until([&] { return stage.lost.size() == 1; }));
  // Meanwhile nobody waits.
  const auto away = stage.apply({add("table=0,priority=1,actions=drop")}, 300ms);
  REQUIRE(away.result.has_error());
  CHECK(away.result.error().code() == Errc::unavailable);
  stage.sandbox.resume_vswitchd();
  REQUIRE(stage.loop.run_until([&] { return stage.connects == 2; }));
  CHECK(stage.apply({add("table=0,priority=2,actions=drop")}).result);
}

TEST_CASE("a restart of the switch is noticed at once and the connection made again", "[ovs][openflow]") {
  Stage stage;
  REQUIRE(stage.apply({add("table=0,priority=1,actions=drop")}).result);
  stage.sandbox.kill_vswitchd();
  REQUIRE(stage.loop.run_until([&] { return stage.lost.size() == 1; }, 1s));
  CHECK(stage.lost.front().code() == Errc::unavailable);
  stage.sandbox.start_vswitchd();
  REQUIRE(stage.loop.run_until([&] { return stage.connects == 2; }, 5s));
  CHECK(stage.held().empty());
}

TEST_CASE("a bridge that is not there yet is waited for", "[ovs][openflow]") {
  Stage stage;
  int connects = 0;
  OpenFlow later(stage.sandbox.management("br-late"), stage.loop.post(), {[&] { ++connects; }, [](const Error&) {}});
  std::optional<ApplyOutcome> early;
  later.apply({}, {add("actions=drop")}, 5s, [&](ApplyOutcome o) { early = std::move(o); });
  REQUIRE(stage.loop.run_until([&] { return early.has_value(); }, 1s));
  CHECK(early->result.error().code() == Errc::unavailable);
  stage.sandbox.vsctl("add-br br-late -- set bridge br-late datapath_type=netdev");
  REQUIRE(stage.loop.run_until([&] { return connects == 1; }, 5s));
}

TEST_CASE("timers run on the owner's thread, and not once the channel is gone", "[ovs][openflow]") {
  Stage stage;
  std::vector<int> order;
  stage.openflow->after(40ms, [&] { order.push_back(2); });
  stage.openflow->after(0ms, [&] { order.push_back(1); });
  stage.openflow->after(60ms, [&] { order.push_back(3); });
  REQUIRE(stage.loop.run_until([&] { return order.size() == 2; }));
  stage.openflow.reset();
  stage.loop.run_for(100ms);
  CHECK(order == std::vector<int>{1, 2});
}
