// Bridged mode: the flows as text, keepalived's configuration, and what the gateway asks the segment.
#include <algorithm>
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

net::IpAddress ip(const char* text) {
  return net::IpAddress::parse(text).value();
}
net::IpCidr block(const char* text) {
  return net::IpCidr::parse(text).value();
}

BridgedSubnet office() {
  return {"office", net::Vni::from(0x010203).value(), 100, {{block("10.0.0.0/24"), ip("10.0.0.1")}}};
}
BridgedSubnet untagged() {
  return {"plain", net::Vni::from(102).value(), 0, {{block("10.0.2.0/24"), ip("10.0.2.1")}}};
}
BridgedSubnet six() {
  return {"six", net::Vni::from(103).value(), 103, {{block("fd00:103::/64"), ip("fd00:103::1")}}};
}

BridgeFacts facts_of(std::vector<BridgedSubnet> bridged) {
  BridgeFacts facts;
  facts.bridged = std::move(bridged);
  facts.subnets = {block("10.0.0.0/24"), block("10.0.1.0/24"), block("fd00:103::/64"), block("fd00:104::/64")};
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

std::string groups_text() {
  std::string text = "# groups of br-tun\n";
  for (const ovs::Group& group : bridge_groups()) {
    text += group.text + "\n";
  }
  return text;
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
                    bridge_block_lines(office(), block("10.0.0.64/28"))});
  now += groups_text();
  CHECK(now == in_file("gateway_flows_bridged.txt", now));
}

TEST_CASE("the flows of a bridged subnet of IPv6 addresses, as text") {
  std::string now = "# br-tun\n";
  now += canonical({bridge_lines(facts_of({six()})), candidacy_lines({six()}, v4("172.31.0.9")),
                    bridged_port_lines(six(), ip("fd00:103::5"), 40),
                    bridge_block_lines(six(), block("fd00:103::40/122"))});
  now += groups_text();
  CHECK(now == in_file("gateway_flows_bridged_ipv6.txt", now));
}

TEST_CASE("a bridged subnet of both families has the flows of both, and one election") {
  BridgedSubnet both = office();
  both.blocks.push_back({block("fd00:103::/64"), ip("fd00:103::1")});
  const std::string text = canonical({bridge_lines(facts_of({both}))});
  CHECK(text.find("table=30,priority=50,ip,nw_dst=10.0.0.0/24 ") != std::string::npos);
  CHECK(text.find("table=30,priority=50,ipv6,ipv6_dst=fd00:103::/64 ") != std::string::npos);
  CHECK(both.block_of(ip("fd00:103::7")) == &both.blocks[1]);
  CHECK(both.block_of(ip("fd00:104::7")) == nullptr);
  CHECK(machine_cookie(both.vni, net::Family::v6) != machine_cookie(both.vni));
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
  const auto frame = neighbour_question(speaker_of(office()), ip("10.0.0.1"), ip("10.0.0.77"));
  const Frame wanted{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0a, 0x6d, 0x62, 0x01, 0x02, 0x03, 0x81, 0x00, 0x00, 0x64,
                     0x08, 0x06, 0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01, 0x0a, 0x6d, 0x62, 0x01, 0x02, 0x03,
                     10,   0,    0,    1,    0,    0,    0,    0,    0,    0,    10,   0,    0,    77};
  CHECK(frame == wanted);
  CHECK(neighbour_question(speaker_of(untagged()), ip("10.0.2.1"), ip("10.0.2.9")).size() == wanted.size() - 4);
}

TEST_CASE("an IPv6 question goes to the group of the address' last 24 bits, an announcement to everybody") {
  const Speaker speaker{net::MacAddress::parse("02:00:00:00:00:09").value()};
  const Frame question = neighbour_question(speaker, ip("fd00::1"), ip("fd00::12:3456"));
  const Frame asked{0x33, 0x33, 0xff, 0x12, 0x34, 0x56, 0x02, 0x00, 0x00, 0x00, 0x00,
                    0x09, 0x86, 0xdd, 0x60, 0x00, 0x00, 0x00, 0x00, 0x20, 0x3a, 0xff};
  REQUIRE(question.size() == 86);
  CHECK(std::equal(asked.begin(), asked.end(), question.begin()));
  CHECK(question[54] == 135);
  CHECK(question[78] == 1);  // where the asker is
  CHECK_FALSE(neighbour_in(question));

  const Frame told = neighbour_announcement(speaker, ip("fd00::5"), true);
  CHECK(told[54] == 136);
  CHECK(told[58] == 0xa0);  // router, override; nobody asked
  CHECK(neighbour_announcement(speaker, ip("fd00::5"), false)[58] == 0x20);
  CHECK(neighbour_in(told) == Neighbour{ip("fd00::5"), speaker.mac});
  for (std::size_t size = 0; size < 78; ++size) {
    CHECK_FALSE(neighbour_in(Frame(told.begin(), told.begin() + static_cast<Frame::difference_type>(size))));
  }
}

TEST_CASE("who answers an ARP question says where he is, whoever sends the frame") {
  Frame answer =
      neighbour_question({net::MacAddress::parse("02:00:00:00:00:09").value()}, ip("10.0.0.7"), ip("10.0.0.1"));
  CHECK_FALSE(neighbour_in(answer));  // a question
  answer[21] = 2;
  CHECK(neighbour_in(answer) == Neighbour{ip("10.0.0.7"), net::MacAddress::parse("02:00:00:00:00:09").value()});
  Frame group = answer;
  group[22] = 0x03;  // a group's MAC
  CHECK_FALSE(neighbour_in(group));
  answer[11] = 8;
  CHECK(neighbour_in(answer)->mac.str() == "02:00:00:00:00:09");
}

TEST_CASE("what the switch has learned is never deleted, and meters follow what is bridged") {
  directory::Directory replica("");
  replica.begin_snapshot("inc-1", false);
  replica.end_of_snapshots(9, {});
  CHECK_FALSE(may_delete(learned_flow(), replica));
  CHECK(owner_of(machine_cookie(office().vni)) == FlowOwner::learned);
  CHECK(bridge_meters({}).empty());
  REQUIRE(bridge_meters({office()}).size() == 3);
  CHECK(bridge_meters({office()}).front().id == 70'100);
  CHECK(bridge_groups().size() == 3);
}
