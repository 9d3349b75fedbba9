#include <algorithm>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "agent_flow_text.hpp"
#include "agent_world.hpp"
#include "mooring/directory/gateway_ports.hpp"
#include "ovs-agent/domain/may_delete.hpp"

using namespace mooring;
using namespace mooring::agent;
using namespace mooring::agent::test;

TEST_CASE("flows of a node that has no ports and knows nobody") {
  World world;
  LocalPorts ports;
  same_as_golden("agent_flows_empty.txt", text_of(everything(FlowPlan(world.directory, ports, h1(), world.in_use))));
}

TEST_CASE("flows of a node with a port, a peer's port and a moved port") {
  World world;
  world.begin();
  world.layout();
  world.port(100, "10.0.0.5", "h1", 41, "c1/eth0");
  world.port(100, "10.0.0.6", "h2", 42);
  world.port(100, "10.0.0.9", "h2", 44);  // nobody talks to it
  world.use(100, "10.0.0.6");
  world.port(100, "10.0.0.7", "h3", 57);  // was c2's, generation 43
  world.end(60);
  LocalPorts ports;
  ports.put(local_port("c1", 100, "10.0.0.5", 41, 7));
  ports.put(local_port("c2", 100, "10.0.0.7", 43, 8));
  same_as_golden("agent_flows_ports.txt", text_of(everything(FlowPlan(world.directory, ports, h1(), world.in_use))));
}

TEST_CASE("flows of a node with dual-stack and IPv6-only ports") {
  World world;
  world.begin();
  world.layout();
  world.layout6();
  world.port(100, "10.0.0.5", "h1", 41, "c1/eth0");
  world.port(100, "fd00::5", "h1", 41, "c1/eth0");
  world.port(101, "fd00:0:0:1::8", "h1", 44, "c3/eth0");
  world.port(100, "fd00::6", "h2", 42);
  world.use(100, "fd00::6");
  world.port(100, "fd00::7", "h3", 57);  // was c2's, generation 43
  world.end(60);
  LocalPorts ports;
  ports.put(dual_port("c1", 100, "10.0.0.5", "fd00::5", 41, 7));
  ports.put(local_port("c2", 100, "fd00::7", 43, 8));
  ports.put(local_port("c3", 101, "fd00:0:0:1::8", 44, 9));
  same_as_golden("agent_flows_ipv6.txt", text_of(everything(FlowPlan(world.directory, ports, h1(), world.in_use))));
}

TEST_CASE("a port with limits has meters, and its flows go through them") {
  World world;
  world.begin();
  world.layout();
  world.layout6();
  world.port(100, "10.0.0.5", "h1", 41, "c1/eth0");
  world.port(100, "fd00::5", "h1", 41, "c1/eth0");
  world.end(60);
  LocalPort port = dual_port("c1", 100, "10.0.0.5", "fd00::5", 41, 7);
  port.record.bandwidth.ingress = {8'000'000, 0};
  port.record.bandwidth.egress = {100'000, 5'000'000};
  LocalPorts ports;
  ports.put(port);
  FlowGroup group;
  group.kind = FlowGroup::Kind::port;
  group.attachment = port.record.attachment;
  const auto lines = FlowPlan(world.directory, ports, h1(), world.in_use).lines(group);
  const std::string text = text_of(lines);
  for (const char* flow : {"nw_src=10.0.0.5 cookie=0x4d00000000002902 actions=meter:15,set_field:0a:6d:6f:6f:72:01",
                           "ipv6_src=fd00::5 cookie=0x4d00000000002902 actions=meter:15,set_field:0a:6d:6f:6f:72:01",
                           "nw_dst=10.0.0.5 cookie=0x4d00000000002902 actions=meter:14,set_field:0a:58:0a:00:00:05",
                           "ipv6_dst=fd00::5 cookie=0x4d00000000002902 actions=meter:14,set_field:0a:58:0a:00:00:05"}) {
    CHECK_THAT(text, Catch::Contains(flow));
  }
  REQUIRE(lines.br_int_meters.size() == 2);
  CHECK(lines.br_int_meters[0].str() == "meter=14,kbps,burst,bands=type=drop,rate=8000,burst_size=1600");
  CHECK(lines.br_int_meters[1].str() == "meter=15,kbps,burst,bands=type=drop,rate=100,burst_size=5000");
  CHECK(record_from([&] {
          const auto ids = external_ids_of(port.record);
          return ExternalIds(ids.begin(), ids.end());
        }())
            .value() == port.record);
}

TEST_CASE("what a DHCP server answers passes the spoof guard for pods that are named, and for no others") {
  World world;
  world.begin();
  world.layout();
  world.layout6();
  world.port(100, "10.0.0.5", "h1", 41, "c1/eth0");
  world.port(100, "fd00::5", "h1", 41, "c1/eth0");
  world.end(60);
  LocalPorts ports;
  ports.put(dual_port("c1", 100, "10.0.0.5", "fd00::5", 41, 7));
  FlowGroup group;
  group.kind = FlowGroup::Kind::port;
  group.attachment = ports.all().begin()->first;
  const auto with = [&](const char* pattern) {
    HostSettings settings = h1();
    settings.dhcp_servers = {"else/where", pattern};
    return text_of(FlowPlan(world.directory, ports, settings, world.in_use).lines(group));
  };
  for (const char* named : {"ns/c1", "ns/*", "*/c?"}) {
    CAPTURE(named);
    const std::string text = with(named);
    CHECK_THAT(text, Catch::Contains(
                         "priority=115,udp,in_port=7,dl_src=0a:58:0a:00:00:05,nw_src=10.0.0.5,tp_src=67,tp_dst=68 "));
    CHECK_THAT(text,
               Catch::Contains(
                   "priority=115,udp6,in_port=7,dl_src=0a:58:0a:00:00:05,ipv6_src=fd00::5,tp_src=547,tp_dst=546 "));
  }
  for (const char* other : {"ns/c", "*", "ns/c1*1"}) {  // a * does not reach over the slash
    CAPTURE(other);
    CHECK_THAT(with(other), !Catch::Contains("tp_src=67"));
  }
}

TEST_CASE("only the flows of what changed are computed anew") {
  World world;
  world.begin();
  world.layout();
  world.port(100, "10.0.0.6", "h2", 42);
  world.use(100, "10.0.0.6");
  world.end(60);
  world.directory.take_changes();
  LocalPorts ports;
  ports.put(local_port("c1", 100, "10.0.0.5", 41, 7));
  FlowPlan plan(world.directory, ports, h1(), world.in_use);

  world.port(100, "10.0.0.6", "h3", 61);
  world.port(100, "10.0.0.9", "h3", 62);  // of nobody's interest here
  const auto groups = plan.affected_by(world.directory.take_changes());
  const FlowGroup destination = destination_group(key(100, "10.0.0.6"));
  REQUIRE(groups == FlowGroups{destination});
  REQUIRE(plan.lines(destination).br_tun.size() == 1);
  REQUIRE(plan.lines(destination).br_tun.front().find("172.31.0.3") != std::string::npos);
}

TEST_CASE("an extra address is its holder's, and moves alone") {
  World world;
  world.begin();
  world.layout();
  world.layout6();
  world.port(100, "10.0.0.5", "h1", 41, "c1/eth0");
  world.port(100, "10.0.0.6", "h1", 42, "c2/eth0");
  world.extra(100, "10.0.0.30", "h1", 43, "c1/eth0");
  world.extra(100, "fd00::30", "h1", 43, "c1/eth0");
  world.end(60);
  LocalPorts ports;
  ports.put(local_port("c1", 100, "10.0.0.5", 41, 7));
  ports.put(local_port("c2", 100, "10.0.0.6", 42, 8));
  FlowPlan plan(world.directory, ports, h1(), world.in_use);
  const auto text = [&] { return text_of(everything(plan)); };
  const std::string speaks = "ip,in_port=7,dl_src=0a:58:0a:00:00:05,nw_src=10.0.0.30 cookie=0x4d00000000002b02";
  REQUIRE(text().find(speaks) != std::string::npos);
  REQUIRE(text().find("ipv6,in_port=7,dl_src=0a:58:0a:00:00:05,ipv6_src=fd00::30 ") != std::string::npos);
  REQUIRE(text().find("ip,reg0=0x64,nw_dst=10.0.0.30 cookie=0x4d00000000002b02") != std::string::npos);
  REQUIRE(text().find("ip,tun_id=0x64,nw_dst=10.0.0.30 ") != std::string::npos);
  world.directory.take_changes();

  SECTION("to another port of this node") {
    world.extra(100, "10.0.0.30", "h1", 61, "c2/eth0");
    REQUIRE(text().find("in_port=7,dl_src=0a:58:0a:00:00:05,nw_src=10.0.0.30 ") == std::string::npos);
    REQUIRE(text().find("in_port=8,dl_src=0a:58:0a:00:00:05,nw_src=10.0.0.30 ") != std::string::npos);
  }
  SECTION("to another node") {
    world.extra(100, "10.0.0.30", "h2", 61, "c9/eth0");
    FlowGroup extra;
    extra.kind = FlowGroup::Kind::extra;
    extra.key = key(100, "10.0.0.30");
    const auto of_entry = groups_of_entry(extra.key);
    REQUIRE(std::find(of_entry.begin(), of_entry.end(), extra) != of_entry.end());
    REQUIRE(plan.lines(extra) == FlowLines{});
    const auto left = world.directory.take_changes().left;
    REQUIRE(left.contains(extra.key));
    REQUIRE_FALSE(left.contains(key(100, "fd00::30")));  // of the other family: it stays
    REQUIRE(plan.lines(hairpin_group(extra.key)) == FlowLines{});
    ports.has_departed(extra.key);
    REQUIRE(plan.lines(hairpin_group(extra.key)).br_tun.size() == 1);
    world.use(100, "10.0.0.30");
    REQUIRE(text().find("nw_src=10.0.0.30") == std::string::npos);
    REQUIRE(text().find("pkt_mark=0x64,ip,nw_dst=10.0.0.30 cookie=0x4d00000000003d03") != std::string::npos);
  }
  SECTION("its holder's gate shuts") {
    world.port(100, "10.0.0.5", "h2", 61);
    REQUIRE(text().find("10.0.0.30") == std::string::npos);
  }
}

TEST_CASE("of several gateways those of the network are in the group, each by a port that its VTEP tells") {
  World world;
  world.begin();
  world.layout();
  world.object("gateway", "gw2", R"({"vtep":"172.31.0.101","network":"default"})");
  world.object("gateway", "gw3", R"({"vtep":"172.31.234.196","network":"default"})");  // would get gw1's number
  world.object("gateway", "other", R"({"vtep":"172.31.0.102","network":"other"})");
  world.port(100, "10.0.0.5", "h1", 41, "c1/eth0");
  world.end(60);
  LocalPorts ports;
  ports.put(local_port("c1", 100, "10.0.0.5", 41, 7));
  const FlowPlan plan(world.directory, ports, h1(), world.in_use);
  const auto gateways = directory::gateway_ports(world.directory);
  REQUIRE(gateways.size() == 4);
  std::set<std::uint32_t> numbers;
  for (const auto& gateway : gateways) {
    numbers.insert(gateway.ofport);
    CHECK(gateway.ofport >= directory::first_gateway_port);
    CHECK(gateway.ofport <= directory::last_gateway_port);
  }
  CHECK(numbers.size() == 4);
  CHECK(gateways.front().interface == "gw-ac1f0064");
  const auto lines = everything(plan);
  REQUIRE(lines.br_tun_groups.size() == 6);  // two VNIs
  const std::string& live = lines.br_tun_groups.front();
  for (const auto& gateway : gateways) {
    CHECK((live.find(fmt::format("watch_port:{},", gateway.ofport)) != std::string::npos) ==
          (gateway.network == "default"));
    const auto classified = fmt::format("in_port={},actions=goto_table:10", gateway.ofport);
    CHECK(std::any_of(lines.br_tun.begin(), lines.br_tun.end(),
                      [&](const auto& line) { return line.find(classified) != std::string::npos; }));
  }
  CHECK(text_of(lines).find("group_id=33554532,type=ff,bucket=bucket_id:1,watch_group:16777316,actions=group:16777316,"
                            "bucket=bucket_id:2,watch_port:1,actions=resubmit(,23)") != std::string::npos);
}

TEST_CASE("without a gateway what has no flow goes to the agent") {
  World world;
  world.begin();
  world.layout();
  world.layout6();
  world.port(100, "10.0.0.5", "h1", 41, "c1/eth0");
  world.end(60);
  LocalPorts ports;
  ports.put(local_port("c1", 100, "10.0.0.5", 41, 7));
  FlowPlan plan(world.directory, ports, h1(), world.in_use);
  const auto text = [&] { return text_of(everything(plan)); };
  const std::string relayed =
      "table=20,priority=20,pkt_mark=0x64,ip,nw_dst=10.0.0.0/24 cookie=0x4d00000000000004 actions=";
  REQUIRE(text().find(relayed + "goto_table:21") != std::string::npos);
  const std::string relayed6 = "ipv6_dst=fd00::/64 cookie=0x4d00000000000004 actions=";
  REQUIRE(text().find(relayed6 + "goto_table:21") != std::string::npos);
  for (const char* protocol : {"ip", "ipv6"}) {
    REQUIRE(text().find(fmt::format("table=20,priority=10,pkt_mark=0x64,{} ", protocol)) != std::string::npos);
  }
  world.gone("gateway", "gw1");
  REQUIRE(text().find(relayed + "goto_table:23") != std::string::npos);
  REQUIRE(text().find(relayed6 + "goto_table:23") != std::string::npos);
  REQUIRE(text().find("table=20,priority=10,") == std::string::npos);
  REQUIRE(text().find("table=22,priority=100,pkt_mark") == std::string::npos);
}

TEST_CASE("a node's new VTEP moves all its destinations") {
  World world;
  world.begin();
  world.layout();
  world.port(100, "10.0.0.6", "h2", 42);
  world.port(100, "10.0.0.8", "h2", 43);
  world.port(100, "10.0.0.9", "h2", 44);
  world.use(100, "10.0.0.6");
  world.use(100, "10.0.0.8");
  world.end(60);
  world.directory.take_changes();
  LocalPorts ports;
  FlowPlan plan(world.directory, ports, h1(), world.in_use);
  world.object("node", "h2", R"({"vtep":"172.31.0.22"})");
  int moved = 0;
  for (const auto& group : plan.affected_by(world.directory.take_changes())) {
    for (const auto& line : plan.lines(group).br_tun) {
      moved += group.kind == FlowGroup::Kind::destination && line.find("172.31.0.22") != std::string::npos ? 1 : 0;
    }
  }
  REQUIRE(moved == 2);
}

TEST_CASE("an isolated network routes nothing between its subnets") {
  World world;
  world.begin();
  world.layout();
  world.object("network", "default", R"({"isolated":true})");
  world.port(100, "10.0.0.5", "h1", 41, "c1/eth0");
  world.end(60);
  LocalPorts ports;
  ports.put(local_port("c1", 100, "10.0.0.5", 41, 7));
  const auto text = text_of(everything(FlowPlan(world.directory, ports, h1(), world.in_use)));
  REQUIRE(text.find("nw_dst=10.0.1.0/24 cookie=0x4d00000000000004 actions=drop") != std::string::npos);
  REQUIRE(text.find("dec_ttl") == std::string::npos);
}

TEST_CASE("an isolated network routes no IPv6 between its subnets") {
  World world;
  world.begin();
  world.layout();
  world.layout6();
  world.object("network", "default", R"({"isolated":true})");
  world.port(100, "fd00::5", "h1", 41, "c1/eth0");
  world.end(60);
  LocalPorts ports;
  ports.put(local_port("c1", 100, "fd00::5", 41, 7));
  const auto text = text_of(everything(FlowPlan(world.directory, ports, h1(), world.in_use)));
  REQUIRE(text.find("ipv6_dst=fd00:0:0:1::/64 cookie=0x4d00000000000004 actions=drop") != std::string::npos);
  REQUIRE(text.find("dec_ttl") == std::string::npos);
}

TEST_CASE("flows are deleted on knowledge only") {
  ovs::initialise("agent_unit_tests");
  World world;
  LocalPorts ports;
  const auto destination = ovs::parse_flow(
                               "table=20,priority=100,cookie=0x4d00000000002a03,ip,pkt_mark=100,nw_dst=10.0.0.6,"
                               "actions=set_field:172.31.0.2->tun_dst,output:2")
                               .value();
  REQUIRE(generation_of(destination.cookie) == 42);
  REQUIRE(destination_of(destination.key.match) == key(100, "10.0.0.6"));
  const auto destination6 = ovs::parse_flow(
                                "table=20,priority=100,cookie=0x4d00000000002a03,ipv6,pkt_mark=100,ipv6_dst=fd00::6,"
                                "actions=set_field:172.31.0.2->tun_dst,output:2")
                                .value();
  REQUIRE(destination_of(destination6.key.match) == key(100, "fd00::6"));
  const auto layout = ovs::parse_flow("table=10,cookie=0x4d00000000000004,tun_src=1.2.3.4,actions=drop").value();
  const auto local = ovs::parse_flow("table=0,cookie=0x4d00000000002902,in_port=7,actions=drop").value();
  const auto foreign = ovs::parse_flow("table=0,priority=0,actions=NORMAL").value();

  SECTION("nothing is known") {
    REQUIRE_FALSE(may_delete(destination, world.directory, true));
    REQUIRE_FALSE(may_delete(layout, world.directory, true));
    REQUIRE_FALSE(may_delete(local, world.directory, false));
    REQUIRE(may_delete(local, world.directory, true));
    REQUIRE(may_delete(foreign, world.directory, false));
  }
  SECTION("the snapshot ended without it") {
    world.begin();
    world.layout();
    REQUIRE_FALSE(may_delete(destination, world.directory, true));
    REQUIRE_FALSE(may_delete(destination6, world.directory, true));
    world.end(60);
    REQUIRE(may_delete(destination, world.directory, true));
    REQUIRE(may_delete(destination6, world.directory, true));
    REQUIRE(may_delete(layout, world.directory, true));
    REQUIRE_FALSE(may_delete(layout, world.directory, false));
  }
  SECTION("it has moved") {
    world.begin();
    world.layout();
    world.port(100, "10.0.0.6", "h3", 43);
    REQUIRE(may_delete(destination, world.directory, true));
  }
  SECTION("it comes on demand") {
    world.begin();
    world.layout();
    world.port(100, "10.0.0.6", "h2", 42);
    REQUIRE(may_delete(destination, world.directory, true));
    const auto hairpin = ovs::parse_flow(
                             "table=11,priority=100,cookie=0x4d00000000002a03,ip,tun_id=100,nw_dst=10.0.0.6,"
                             "actions=set_field:172.31.0.2->tun_dst,output:2")
                             .value();
    REQUIRE_FALSE(may_delete(hairpin, world.directory, true));
  }
  SECTION("a copy of the directory that is older than the flow proves nothing") {
    world.begin();
    world.layout();
    world.port(100, "10.0.0.6", "h3", 30);
    world.end(41);
    REQUIRE_FALSE(may_delete(destination, world.directory, true));
  }
  SECTION("a snapshot older than the flow proves nothing") {
    world.begin();
    world.layout();
    world.end(41);
    REQUIRE_FALSE(may_delete(destination, world.directory, true));
  }
}
