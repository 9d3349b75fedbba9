// What agents and gateways tell Prometheus: the text, sums that only grow, and what each drop is called.
#include <fstream>
#include <limits>

#include <catch2/catch.hpp>

#include "mooring/metrics/exposition.hpp"
#include "mooring/metrics/flow_tally.hpp"
#include "ovs-agent/domain/flow_meaning.hpp"

using namespace mooring;
using metrics::Exposition;
using metrics::FlowMeaning;
using metrics::FlowTally;

namespace {

ovs::FlowEntry entry(std::uint16_t priority, std::uint64_t packets, std::uint32_t seconds) {
  ovs::FlowEntry made;
  made.flow.key = {10, priority, ""};
  made.packets = packets;
  made.bytes = packets * 100;
  made.duration_seconds = seconds;
  return made;
}

FlowMeaning by_priority(const ovs::Flow& flow) {
  return flow.key.priority == 0   ? FlowMeaning{FlowMeaning::Kind::drop, "spoofed"}
         : flow.key.priority == 1 ? FlowMeaning{FlowMeaning::Kind::drop, "not-here"}
         : flow.key.priority == 2 ? FlowMeaning{FlowMeaning::Kind::forward, "direct"}
                                  : FlowMeaning{};
}

// "table=10,priority=120,icmp6 cookie=0x4d actions=drop"
ovs::Flow flow_of(const std::string& line) {
  ovs::Flow flow;
  flow.key.table = static_cast<std::uint8_t>(std::stoi(line.substr(line.find('=') + 1)));
  flow.key.priority = static_cast<std::uint16_t>(std::stoi(line.substr(line.find("priority=") + 9)));
  flow.actions = line.substr(line.find("actions=") + 8);
  return flow;
}

}  // namespace

TEST_CASE("metrics text: families, labels and what must be escaped") {
  Exposition out;
  out.counter("mooring_x_total", "X").sample(std::uint64_t{3}, {{"pod", "a\"b\\c\nd"}}).sample(0.5);
  out.gauge("mooring_y", "Y").sample(std::numeric_limits<double>::infinity());
  CHECK(out.take() ==
        "# HELP mooring_x_total X\n# TYPE mooring_x_total counter\n"
        "mooring_x_total{pod=\"a\\\"b\\\\c\\nd\"} 3\nmooring_x_total 0.5\n"
        "# HELP mooring_y Y\n# TYPE mooring_y gauge\nmooring_y +Inf\n");
}

TEST_CASE("metrics text: large counts keep all their digits") {
  Exposition out;
  out.counter("c_total", "C").sample(std::uint64_t{1234567890123});
  CHECK(out.take().find("c_total 1234567890123\n") != std::string::npos);
}

TEST_CASE("metrics text: a histogram's buckets count what is at most their bound") {
  metrics::Histogram took({0.001, 0.01});
  took.observe(0.001);
  took.observe(0.002);
  took.observe(5.0);
  Exposition out;
  out.histogram("t_seconds", "T", took);
  const std::string text = out.take();
  CHECK(text.find("t_seconds_bucket{le=\"0.001\"} 1\nt_seconds_bucket{le=\"0.01\"} 2\n"
                  "t_seconds_bucket{le=\"+Inf\"} 3\nt_seconds_sum 5.003\nt_seconds_count 3\n") != std::string::npos);
}

TEST_CASE("flow tally: sums grow by what is more, and never shrink") {
  FlowTally tally(&by_priority);
  tally.take({entry(0, 10, 5), entry(2, 100, 5), entry(7, 1, 5)});
  CHECK(tally.drops().at("spoofed").packets == 10);
  CHECK(tally.forwarded().at("direct").bytes == 10'000);
  CHECK(tally.flows_by_table() == std::map<std::uint8_t, std::size_t>{{10, 3}});
  tally.take({entry(0, 15, 6), entry(2, 100, 6)});
  CHECK(tally.drops().at("spoofed").packets == 15);
  // Open vSwitch was restarted: everything counts from nought.
  tally.take({entry(0, 2, 1), entry(2, 100, 1)});
  CHECK(tally.drops().at("spoofed").packets == 17);
  CHECK(tally.forwarded().at("direct").packets == 200);
  // A flow that went and came back.
  tally.take({entry(2, 100, 2)});
  tally.take({entry(0, 3, 9), entry(2, 100, 3)});
  CHECK(tally.drops().at("spoofed").packets == 20);
  CHECK(tally.forwarded().at("direct").packets == 200);
}

TEST_CASE("flow meanings: every drop of the golden pipelines has a reason of its own") {
  for (const char* name : {"agent_flows_empty.txt", "agent_flows_ports.txt", "agent_flows_ipv6.txt"}) {
    std::ifstream file(std::string(MOORING_SOURCE_DIR "/tests/golden/") + name);
    std::string bridge;
    std::size_t drops = 0;
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("# ")) {
        bridge = line.substr(2);
      }
      if (!line.starts_with("table=") || !line.ends_with("actions=drop")) {
        continue;
      }
      INFO(name << ": " << bridge << " " << line);
      const FlowMeaning meaning = agent::flow_meaning(bridge, flow_of(line));
      CHECK(meaning.kind == FlowMeaning::Kind::drop);
      CHECK(meaning.label != "other");
      ++drops;
    }
    CHECK(drops > 20);
  }
}

TEST_CASE("flow meanings: the spoof guard, unknown senders and paths between nodes") {
  const auto label = [](const char* bridge, const char* line) {
    return agent::flow_meaning(bridge, flow_of(line)).label;
  };
  CHECK(label("br-int", "table=10,priority=0 actions=drop") == "spoofed");
  CHECK(label("br-int", "table=10,priority=110,icmp6,icmp_type=134 actions=drop") == "not-allowed");
  CHECK(label("br-int", "table=30,priority=200,ip,nw_dst=10.0.1.0/24 actions=drop") == "isolated");
  CHECK(label("br-tun", "table=10,priority=0 actions=drop") == "unknown-sender");
  CHECK(label("br-tun", "table=11,priority=150 actions=drop") == "loop-mark");
  CHECK(label("br-tun", "table=20,priority=100 actions=set_field:172.31.0.2->tun_dst,output:2") == "direct");
  CHECK(label("br-tun", "table=22,priority=100 actions=set_field:172.31.0.9->tun_dst,output:2") == "relay");
  CHECK(label("br-tun", "table=20,priority=10,ip,pkt_mark=100 actions=group:50331748") == "relay");
  CHECK(label("br-tun", "table=11,priority=100 actions=set_field:172.31.0.3->tun_dst,output:2") == "hairpin");
  CHECK(agent::flow_meaning("br-int", flow_of("table=40,priority=50 actions=goto_table:50")).kind ==
        FlowMeaning::Kind::nothing);
}
