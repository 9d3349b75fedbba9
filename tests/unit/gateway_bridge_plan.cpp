// Bridged mode: the flows as text, keepalived's configuration, and what the gateway asks the segment.
#include <cstdlib>
#include <fstream>
#include <iterator>

#include <catch2/catch.hpp>

#include "mooring/ovs/flow_table.hpp"
#include "mooring/ovs/library.hpp"
#include "overlay-gateway/domain/flow_plan.hpp"

using namespace mooring;
using namespace mooring::gateway;

namespace {

net::Ipv4Address v4(const char* text) {
  return net::Ipv4Address::parse(text).value();
}

BridgedSubnet office() {
  return {"office", net::Vni::from(0x010203).value(), net::Cidr::parse("10.0.0.0/24").value(), v4("10.0.0.1"), 100};
}
BridgedSubnet untagged() {
  return {"plain", net::Vni::from(102).value(), net::Cidr::parse("10.0.2.0/24").value(), v4("10.0.2.1"), 0};
}

BridgeFacts facts_of(std::vector<BridgedSubnet> bridged) {
  BridgeFacts facts;
  facts.bridged = std::move(bridged);
  facts.subnets = {net::Cidr::parse("10.0.0.0/24").value(), net::Cidr::parse("10.0.1.0/24").value()};
  facts.gateways = {v4("172.31.0.10")};
  return facts;
}

std::string canonical(const std::vector<std::vector<std::string>>& parts) {
  ovs::initialise("mooring-tests");
  ovs::DesiredFlows flows;
  for (const auto& lines : parts) {
    for (const std::string& line : lines) {
      INFO(line);
      REQUIRE(flows.add(line));
    }
  }
  return flows.text();
}

std::string in_file(const std::string& name, const std::string& now) {
  const std::string path = std::string(MOORING_SOURCE_DIR) + "/tests/golden/" + name;
  if (std::getenv("MOORING_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << now;
  }
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

ovs::Flow learned_flow() {
  ovs::Flow flow;
  flow.cookie = elected_cookie(v4("172.31.0.9"));
  return flow;
}

}  // namespace

TEST_CASE("the flows of a bridged subnet, as text") {
  std::string now = "# br-tun\n";
  now += canonical({bridge_lines(facts_of({office()})), candidacy_lines({office()}, v4("172.31.0.9")),
                    bridged_port_lines(office(), v4("10.0.0.5"), 40),
                    bridge_block_lines(office(), net::Cidr::parse("10.0.0.64/28").value())});
  now += "# groups of br-tun\n";
  for (const ovs::Group& group : bridge_groups()) {
    now += group.text + "\n";
  }
  CHECK(now == in_file("gateway_flows_bridged.txt", now));
}

TEST_CASE("no bridged subnet, no flows; without a tag none is made and none is expected") {
  CHECK(bridge_lines(facts_of({})).empty());
  CHECK(candidacy_lines({}, v4("172.31.0.9")).empty());
  const std::string text =
      canonical({bridge_lines(facts_of({untagged()})), candidacy_lines({untagged()}, v4("172.31.0.9"))});
  CHECK(text.find("push_vlan") == std::string::npos);
  CHECK(text.find("pop_vlan") == std::string::npos);
  CHECK(text.find("vlan_tci=0x0000") != std::string::npos);
}

TEST_CASE("in an isolated network nothing goes from a segment to another subnet") {
  BridgeFacts facts = facts_of({office()});
  facts.isolated = true;
  const std::string text = canonical({bridge_lines(facts)});
  CHECK(text.find("table=71,priority=190,ip,reg8=0x10203,nw_dst=10.0.1.0/24 cookie=0x4d00000000000004 actions=drop") !=
        std::string::npos);
}

TEST_CASE("each VLAN has an election of its own") {
  CHECK(office().mac() == "0a:6d:62:01:02:03");
  CHECK(office().election_port() == "mooring-v100");
  CHECK(office().election_ofport() == 60'300);
  const std::string text = keepalived_config("gw1", {office(), untagged()}, v4("172.31.0.9"), 77);
  CHECK(text.find("vrrp_instance mooring-v100 {\n  interface mooring-v100\n  state BACKUP\n  nopreempt\n"
                  "  virtual_router_id 77\n  priority 100\n  advert_int 0.2\n  mcast_src_ip 172.31.0.9\n") !=
        std::string::npos);
  CHECK(text.find("vrrp_instance mooring-v0 {") != std::string::npos);
  CHECK(text.find("169.254.96.100/32") != std::string::npos);
}

TEST_CASE("a question for a machine is an ARP request of the subnet's gateway, with the tag of its VLAN") {
  const auto frame = arp_question(office(), v4("10.0.0.77"));
  const std::vector<std::uint8_t> wanted{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0a, 0x6d, 0x62, 0x01, 0x02, 0x03,
                                         0x81, 0x00, 0x00, 0x64, 0x08, 0x06, 0x00, 0x01, 0x08, 0x00, 0x06, 0x04,
                                         0x00, 0x01, 0x0a, 0x6d, 0x62, 0x01, 0x02, 0x03, 10,   0,    0,    1,
                                         0,    0,    0,    0,    0,    0,    10,   0,    0,    77};
  CHECK(frame == wanted);
  CHECK(arp_question(untagged(), v4("10.0.2.9")).size() == wanted.size() - 4);
}

TEST_CASE("what the switch has learned is never deleted, and meters follow what is bridged") {
  directory::Directory replica("");
  replica.begin_snapshot("inc-1", false);
  replica.end_of_snapshots(9, {});
  CHECK_FALSE(may_delete(learned_flow(), replica));
  CHECK(owner_of(machine_cookie(office().vni)) == FlowOwner::learned);
  CHECK(bridge_meters({}).empty());
  REQUIRE(bridge_meters({office()}).size() == 2);
  CHECK(bridge_meters({office()}).front().id == 70'100);
  CHECK(bridge_groups().size() == 2);
}
