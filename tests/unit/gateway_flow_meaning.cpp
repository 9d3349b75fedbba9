// What a gateway's flows are counted as.
#include <fstream>

#include <catch2/catch.hpp>

#include "overlay-gateway/app/path_trace.hpp"
#include "overlay-gateway/domain/flow_meaning.hpp"

using namespace mooring;
using metrics::FlowMeaning;

namespace {

ovs::Flow flow_of(const std::string& line) {
  ovs::Flow flow;
  flow.key.table = static_cast<std::uint8_t>(std::stoi(line.substr(line.find('=') + 1)));
  flow.key.priority = static_cast<std::uint16_t>(std::stoi(line.substr(line.find("priority=") + 9)));
  flow.actions = line.substr(line.find("actions=") + 8);
  return flow;
}

}  // namespace

TEST_CASE("gateway meanings: every drop of the golden pipelines has a reason, every way on a name") {
  for (const char* name : {"gateway_flows_default.txt", "gateway_flows_isolated.txt"}) {
    std::ifstream file(std::string(MOORING_SOURCE_DIR "/tests/golden/") + name);
    std::size_t drops = 0;
    std::size_t ways = 0;
    for (std::string line; std::getline(file, line);) {
      if (!line.starts_with("table=")) {
        continue;
      }
      INFO(name << ": " << line);
      const FlowMeaning meaning = gateway::flow_meaning(flow_of(line));
      CHECK((meaning.kind == FlowMeaning::Kind::drop) == line.ends_with("actions=drop"));
      CHECK(meaning.label != "other");
      drops += meaning.kind == FlowMeaning::Kind::drop ? 1U : 0U;
      ways += meaning.kind == FlowMeaning::Kind::forward ? 1U : 0U;
    }
    CHECK(drops > 10);
    CHECK(ways >= 2);
  }
}

TEST_CASE("gateway meanings: what is not carried between a segment and its containers") {
  const auto label = [](const char* line) { return gateway::flow_meaning(flow_of(line)).label; };
  CHECK(label("table=65,priority=61,dl_vlan=100 actions=drop") == "broadcast");
  CHECK(label("table=65,priority=0 actions=drop") == "not-for-overlay");
  CHECK(label("table=30,priority=61,ip,nw_dst=10.0.0.255 actions=drop") == "broadcast");
  CHECK(label("table=30,priority=60,ip,nw_dst=10.0.0.1 actions=drop") == "no-destination");
  CHECK(label("table=73,priority=110,icmp6 actions=drop") == "spoofed");
}

namespace {

std::string no_rule(std::uint64_t) {
  return {};
}

}  // namespace

TEST_CASE("gateway trace: relayed, handed to the kernel, or dropped with the reason") {
  trace::Step step;
  step.bridge = "br-tun";
  step.table = 30;
  step.priority = 100;
  step.actions = {"output:2"};
  trace::Walk walk;
  walk.steps = {step};
  walk.end = trace::Walk::End::tunnel;
  walk.tunnel_to = "172.31.0.2";
  CHECK(gateway::read_walk(walk, no_rule).outcome == ipam_api::TraceAnswer::Outcome::tunnel);
  walk.end = trace::Walk::End::port;
  walk.port = 3;
  CHECK(gateway::read_walk(walk, no_rule).outcome == ipam_api::TraceAnswer::Outcome::physical);
  walk.end = trace::Walk::End::dropped;
  walk.steps.back().table = 10;
  walk.steps.back().priority = 0;
  const auto dropped = gateway::read_walk(walk, no_rule);
  CHECK(dropped.outcome == ipam_api::TraceAnswer::Outcome::stops);
  CHECK(dropped.why == "br-tun drops it in table 10: the sender's VTEP belongs to no known node or gateway");
}
