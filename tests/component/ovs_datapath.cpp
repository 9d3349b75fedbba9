// What the pipelines rely on, shown by the real userspace datapath: how the VNI crosses a patch port, and that a packet
// which two nodes send to each other is forwarded once (docs/adr/0004, docs/ovs-pipeline.md).
#include <chrono>
#include <string>

#include <catch2/catch.hpp>

#include "mooring/ovs/openflow.hpp"
#include "support/catch_result.hpp"
#include "support/ovs_sandbox.hpp"
#include "support/owner_loop.hpp"

using mooring::tests::OvsSandbox;
using mooring::tests::OwnerLoop;
using namespace mooring::ovs;
using namespace std::chrono_literals;

namespace {

constexpr const char* host_a = "172.31.0.1";
constexpr const char* host_b = "172.31.0.2";

// A ping from 10.0.0.1 to 10.0.0.6, sent to the virtual MAC.
constexpr const char* ping =
    "0a6d6f6f7201"
    "0a580a000001"
    "0800"
    "4500001c00000000400166dc"
    "0a000001"
    "0a000006"
    "0800f7ff00000000";

// br-int (patch-tun = 65000) and br-tun (patch-int = 1, vxlan0 = 2), as on a node.
class Node {
 public:
  explicit Node(const std::string& vtep) {
    initialise("mooring-tests");
    sandbox.vsctl(
        "-- add-br br-int -- set bridge br-int datapath_type=netdev fail_mode=secure"
        " -- add-br br-tun -- set bridge br-tun datapath_type=netdev fail_mode=secure"
        " -- add-port br-int patch-tun -- set interface patch-tun type=patch options:peer=patch-int "
        "ofport_request=65000"
        " -- add-port br-tun patch-int -- set interface patch-int type=patch options:peer=patch-tun ofport_request=1"
        " -- add-port br-tun vxlan0 -- set interface vxlan0 type=vxlan options:remote_ip=flow options:key=flow"
        " options:local_ip=" +
        vtep + " ofport_request=2");
  }

  void flow(const std::string& bridge, const std::string& text) { sandbox.ofctl("add-flow", bridge, text); }

  void send_ping(const std::string& bridge) {
    sandbox.ofctl("packet-out", bridge, "in_port=local packet=" + std::string(ping) + " actions=resubmit(,0)");
  }

  // Packets that hit the flow with this cookie.
  std::uint64_t hits(const std::string& bridge, int cookie) {
    const std::string dump = sandbox.ofctl("dump-aggregate", bridge, "cookie=" + std::to_string(cookie) + "/-1");
    const auto at = dump.find("packet_count=");
    REQUIRE(at != std::string::npos);
    return std::stoull(dump.substr(at + 13));
  }

  OvsSandbox sandbox;
};

// Two nodes whose underlay NICs are one veth pair.
struct Pair {
  Pair() {
    a.sandbox.run("ip link add u0 type veth peer name u0 netns " + std::to_string(b.sandbox.space().pid()));
    underlay(a, host_a);
    underlay(b, host_b);
    // Fills the tunnels' neighbour tables: a first packet without it waits for a second.
    a.sandbox.run(std::string("ping -c 1 -W 5 ") + host_b);
    b.sandbox.run(std::string("ping -c 1 -W 5 ") + host_a);
  }

  static void underlay(Node& node, const std::string& vtep) {
    node.sandbox.run(
        "echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore; ethtool -K u0 tx off >/dev/null; ip link set u0 up");
    node.sandbox.vsctl(
        "-- add-br br-phy -- set bridge br-phy datapath_type=netdev fail_mode=standalone"
        " -- add-port br-phy u0");
    node.sandbox.run("ip addr add " + vtep + "/24 dev br-phy && ip link set br-phy up");
  }

  Node a{host_a};
  Node b{host_b};
};

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit = 5s) {
  return OwnerLoop().run_until(condition, limit);
}

std::string to_tunnel(const std::string& vtep) {
  return "set_field:" + vtep + "->tun_dst,set_field:100->tun_id,";
}

}  // namespace

TEST_CASE("the VNI crosses a patch port in pkt_mark alone", "[ovs][datapath]") {
  Node node(host_a);
  node.flow("br-int",
            "table=0,ip,actions=set_field:100->reg0,set_field:100->metadata,set_field:100->tun_id,"
            "set_field:100->pkt_mark,output:65000");
  node.flow("br-tun", "table=0,priority=50,cookie=5,reg0=100,actions=drop");
  node.flow("br-tun", "table=0,priority=40,cookie=4,metadata=100,actions=drop");
  node.flow("br-tun", "table=0,priority=30,cookie=3,tun_id=100,actions=drop");
  node.flow("br-tun", "table=0,priority=20,cookie=2,in_port=1,pkt_mark=100,ip,actions=output:1,in_port");
  // And back: br-tun returns the packet through the patch.
  node.flow("br-int", "table=0,priority=60000,cookie=9,in_port=65000,pkt_mark=100,actions=drop");
  for (int i = 0; i < 5; ++i) {
    node.send_ping("br-int");
  }
  REQUIRE(eventually([&] { return node.hits("br-tun", 2) == 5; }));
  CHECK(node.hits("br-tun", 5) == 0);
  CHECK(node.hits("br-tun", 4) == 0);
  CHECK(node.hits("br-tun", 3) == 0);
  CHECK(eventually([&] { return node.hits("br-int", 9) == 5; }));
}

TEST_CASE("the mark must be cleared before tunnel output", "[ovs][datapath]") {
  Pair pair;
  pair.a.flow("br-int", "table=0,ip,actions=set_field:100->pkt_mark,output:65000");
  pair.b.flow("br-tun", "table=0,priority=9,cookie=9,in_port=2,tun_id=100,tun_src=172.31.0.1,ip,actions=drop");
  pair.b.flow("br-tun", "table=0,priority=8,cookie=8,in_port=2,actions=drop");

  pair.a.flow("br-tun", "table=0,cookie=1,in_port=1,pkt_mark=100,ip,actions=" + to_tunnel(host_b) +
                            "set_field:0->pkt_mark,output:2");
  for (int i = 0; i < 5; ++i) {
    pair.a.send_ping("br-int");
  }
  REQUIRE(eventually([&] { return pair.b.hits("br-tun", 9) == 5; }));

  pair.a.flow("br-tun",
              "table=0,priority=40001,cookie=2,in_port=1,pkt_mark=100,ip,actions=" + to_tunnel(host_b) + "output:2");
  for (int i = 0; i < 5; ++i) {
    pair.a.send_ping("br-int");
  }
  REQUIRE(eventually([&] { return pair.a.hits("br-tun", 2) == 5; }));
  // Sent once more with the mark cleared, so that what was sent before has had its time to arrive.
  pair.a.flow("br-tun", "table=0,priority=40002,cookie=3,in_port=1,pkt_mark=100,ip,actions=" + to_tunnel(host_b) +
                            "set_field:0->pkt_mark,output:2");
  pair.a.send_ping("br-int");
  REQUIRE(eventually([&] { return pair.b.hits("br-tun", 9) >= 6; }));
  CHECK(pair.b.hits("br-tun", 9) == 6);  // none of the five with the mark
  CHECK(pair.b.hits("br-tun", 8) == 0);
}

TEST_CASE("two nodes that each think the other has an address forward a packet once", "[ovs][datapath]") {
  Pair pair;
  const auto hairpin = [](const std::string& vtep, bool marked) {
    return "table=11,priority=100,cookie=11,tun_id=100,ip,nw_dst=10.0.0.6,actions=" +
           std::string(marked ? "set_field:0a:6d:6f:6f:72:02->eth_dst," : "") + to_tunnel(vtep) +
           "load:0->NXM_OF_IN_PORT[],output:2";
  };
  const auto program = [&](Node& node, const std::string& other, bool marked) {
    node.flow("br-tun", "table=0,cookie=1,in_port=2,actions=goto_table:10");
    node.flow("br-tun", "table=10,cookie=10,tun_src=" + other + ",actions=goto_table:11");
    node.flow("br-tun", "table=11,priority=300,cookie=12,dl_dst=0a:6d:6f:6f:72:02,actions=drop");
    node.flow("br-tun", hairpin(other, marked));
    node.flow("br-tun", "table=0,cookie=2,in_port=LOCAL,ip,actions=" + to_tunnel(other) + "output:2");
  };
  program(pair.a, host_b, true);
  program(pair.b, host_a, true);
  for (int i = 0; i < 5; ++i) {
    pair.a.send_ping("br-tun");
  }
  // A sends, B hairpins with the loop mark, A sees the mark and drops.
  REQUIRE(eventually([&] { return pair.a.hits("br-tun", 12) == 5; }));
  CHECK(eventually([&] { return pair.b.hits("br-tun", 11) == 5; }));
  CHECK(pair.a.hits("br-tun", 11) == 0);
  CHECK(pair.b.hits("br-tun", 12) == 0);

  // Without the mark the same packet goes round for ever: this test can fail.
  pair.a.flow("br-tun", hairpin(host_b, false));
  pair.b.flow("br-tun", hairpin(host_a, false));
  pair.a.send_ping("br-tun");
  CHECK(eventually([&] { return pair.b.hits("br-tun", 11) > 200; }));
  pair.a.sandbox.ofctl("del-flows", "br-tun");
}

TEST_CASE("a hairpin needs the input port cleared", "[ovs][datapath]") {
  Pair pair;
  pair.a.flow("br-tun", "table=0,in_port=LOCAL,ip,actions=" + to_tunnel(host_b) + "output:2");
  pair.a.flow("br-tun", "table=0,cookie=9,in_port=2,ip,actions=drop");
  pair.b.flow("br-tun", "table=0,cookie=1,in_port=2,ip,actions=" + to_tunnel(host_a) + "output:2");
  pair.a.send_ping("br-tun");
  REQUIRE(eventually([&] { return pair.b.hits("br-tun", 1) == 1; }));
  pair.b.flow("br-tun",
              "table=0,cookie=2,in_port=2,ip,actions=" + to_tunnel(host_a) + "load:0->NXM_OF_IN_PORT[],output:2");
  pair.a.send_ping("br-tun");
  REQUIRE(eventually([&] { return pair.a.hits("br-tun", 9) >= 1; }));
  CHECK(pair.a.hits("br-tun", 9) == 1);
}
