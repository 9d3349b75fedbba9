// On-demand destinations from packet to flow and back, with switches in memory.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "agent_world.hpp"
#include "fakes/fake_switch.hpp"
#include "mooring/ovs/library.hpp"
#include "ovs-agent/app/destinations.hpp"
#include "ovs-agent/domain/may_delete.hpp"

using namespace mooring;
using namespace mooring::agent;
using namespace mooring::agent::test;
using mooring::tests::FakeSwitch;
using namespace std::chrono_literals;

namespace {

class FakePackets final : public ovs::PacketChannel {
 public:
  void send(ovs::PacketOut packet) override { sent.push_back(std::move(packet)); }
  void uses(std::uint8_t, std::uint64_t, std::uint64_t, std::chrono::milliseconds, Uses done) override { done(used); }
  Counters counters() const override { return {}; }
  bool connected() const override { return true; }

  std::vector<ovs::PacketOut> sent;
  Result<std::vector<ovs::FlowUse>> used = std::vector<ovs::FlowUse>{};
};

// h1 with a port 10.0.0.5; h2 has 10.0.0.6 to 10.0.0.99.
struct Node {
  explicit Node(WorkingSet::Settings settings = {}) : state(io.get_executor(), "h1", "boot-1", settings) {
    ovs::initialise("agent_unit_tests");
    world.begin();
    world.layout();
    world.port(100, "10.0.0.5", "h1", 41, "c1/eth0");
    for (int n = 6; n < 100; ++n) {
      world.port(100, "10.0.0." + std::to_string(n), "h2", 42);
    }
    world.end(60);
    state.ports.put(local_port("c1", 100, "10.0.0.5", 41, 7));
    state.directory.take_changes();
  }
  void start() {
    flows.refresh_all();
    integration.connect();
    tunnel.connect();
    settle();
  }
  void settle() {
    integration.run();
    tunnel.run();
  }
  void changed() {
    const auto changes = state.directory.take_changes();
    flows.directory_changed(changes);
    destinations.directory_changed(changes);
    settle();
  }
  // A packet that br-tun had no flow for.
  void miss(int last, std::uint8_t kind = packet_kind::relayed) {
    ovs::PacketIn packet;
    packet.pkt_mark = 100;
    packet.userdata = {kind};
    packet.data = {0x0a, 0x6d, 0x6f, 0x6f, 0x72, 1,  0x0a, 0x58, 0, 0,  0, 1, 8, 0,    0x45, 0,    0, 28, 0, 0, 0,
                   0,    64,   17,   0,    0,    10, 0,    0,    5, 10, 0, 0, 0, 0x10, 0,    0x20, 0, 0,  8, 0, 0};
    packet.data[33] = static_cast<std::uint8_t>(last);
    destinations.received({packet});
    settle();
  }
  void look() {
    asio::co_spawn(io, destinations.look(), asio::detached);
    io.restart();
    io.run();
    settle();
  }
  // Of br-tun, for destinations: "10.0.0.6 > 172.31.0.2", one a line.
  std::string destinations_text() const {
    std::string text;
    for (const auto& line : lines(tunnel.flows.text())) {
      if (line.starts_with("table=20,priority=100,")) {
        const auto to = line.substr(line.find("nw_dst=") + 7);
        const auto way = line.substr(line.find("set_field:172") + 10);
        text += to.substr(0, to.find(' ')) + " > " + way.substr(0, way.find("->")) + "\n";
      }
    }
    return text;
  }
  static std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> found;
    for (std::size_t begin = 0; begin < text.size();) {
      const auto end = std::min(text.find('\n', begin), text.size());
      found.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    return found;
  }
  ovs::FlowSync::Options options(bool of_tunnel) {
    ovs::FlowSync::Options made;
    made.may_delete = [this](const ovs::Flow& flow) { return may_delete(flow, state.directory, true); };
    if (of_tunnel) {
      made.found = [this](const ovs::DesiredFlows& actual) { destinations.take_up(actual); };
    }
    return made;
  }

  asio::io_context io;
  FakeSwitch integration, tunnel;
  FakePackets packets;
  bool controller_there = true;
  NodeState state;
  World world{state.directory};
  ovs::FlowSync br_int{integration.dial(), options(false)}, br_tun{tunnel.dial(), options(true)};
  FlowProgram flows{io.get_executor(), FlowPlan(state.directory, state.ports, h1(), state.destinations), br_int,
                    br_tun};
  std::vector<PortKey> remembered;
  Destinations destinations{state, flows, packets, [this] { return controller_there; },
                            [this](const std::vector<PortKey>& keys) { remembered = keys; }};
};

WorkingSet::Settings room_for(std::size_t capacity, std::chrono::milliseconds idle = 300s) {
  WorkingSet::Settings settings;
  settings.capacity = capacity;
  settings.idle = idle;
  settings.protect = 0ms;
  return settings;
}

}  // namespace

TEST_CASE("a destination has a flow from its first packet on, by one change of one flow") {
  Node node;
  node.start();
  REQUIRE(node.destinations_text().empty());
  const auto bundles = node.tunnel.seen.size();
  node.miss(6);
  REQUIRE(node.destinations_text() == "10.0.0.6 > 172.31.0.2\n");
  REQUIRE(node.tunnel.seen.size() == bundles + 1);
  REQUIRE(node.tunnel.seen.back().size() == 1);
  REQUIRE(node.packets.sent.empty());  // the gateway has the packet
  node.miss(6);
  REQUIRE(node.tunnel.seen.size() == bundles + 1);

  node.world.port(100, "10.0.0.6", "h3", 61);
  node.changed();
  REQUIRE(node.destinations_text() == "10.0.0.6 > 172.31.0.3\n");
  REQUIRE(node.tunnel.seen.back().size() == 1);
  node.world.port(100, "10.0.0.7", "h3", 62);  // nobody talks to that one
  node.changed();
  REQUIRE(node.destinations_text() == "10.0.0.6 > 172.31.0.3\n");
  node.world.port_gone(100, "10.0.0.6", 63);
  node.state.directory.advance(63);
  node.changed();
  REQUIRE(node.destinations_text().empty());
  REQUIRE(node.state.destinations.size() == 0);
}

TEST_CASE("a packet that nobody else has is sent on its way") {
  Node node;
  node.start();
  node.miss(6, packet_kind::whole);
  REQUIRE(node.destinations_text() == "10.0.0.6 > 172.31.0.2\n");
  REQUIRE(node.packets.sent.size() == 1);
  REQUIRE(node.packets.sent[0].actions ==
          "set_field:0->pkt_mark,set_field:172.31.0.2->tun_dst,set_field:100->tun_id,output:2");
  REQUIRE(node.packets.sent[0].data.size() == 42);
  node.miss(6, packet_kind::whole);  // it was on its way while the flow was installed
  REQUIRE(node.packets.sent.size() == 2);
}

TEST_CASE("nothing is installed for what is not there, and packets of any form do no harm") {
  Node node;
  node.start();
  const auto before = node.tunnel.flows.text();
  node.miss(100);
  node.miss(5);  // ours
  node.miss(200, packet_kind::whole);
  ovs::PacketIn packet;
  node.destinations.received({packet});
  packet.pkt_mark = 0xffffffff;
  packet.data.assign(200, 0xff);
  packet.userdata = {9};
  node.destinations.received({packet});
  node.settle();
  REQUIRE(node.tunnel.flows.text() == before);
  REQUIRE(node.packets.sent.empty());
  REQUIRE(node.destinations.counters().unknown == 3);
  REQUIRE(node.destinations.counters().unreadable == 2);
}

TEST_CASE("more destinations than there is room for are left to the relay, or push out the idle") {
  Node node(room_for(10));
  node.start();
  for (int n = 6; n < 100; ++n) {
    node.miss(n);
    REQUIRE(node.state.destinations.size() <= 10);
  }
  REQUIRE(Node::lines(node.destinations_text()).size() == 10);
  REQUIRE(node.destinations.counters().evicted == 84);
  REQUIRE(node.br_tun.counters().held == 0);
}

TEST_CASE("what nobody uses goes, and comes back with the next packet") {
  Node node(room_for(100, 0ms));
  node.start();
  node.miss(6);
  node.packets.used = Error(Errc::unavailable, "the switch is away");
  node.look();
  REQUIRE(node.destinations_text() == "10.0.0.6 > 172.31.0.2\n");  // nothing is known of its uses
  node.packets.used = std::vector<ovs::FlowUse>{};
  node.look();
  REQUIRE(node.destinations_text().empty());
  node.miss(6);
  REQUIRE(node.destinations_text() == "10.0.0.6 > 172.31.0.2\n");
}

TEST_CASE("a restarted agent keeps the flows that are in use, a restarted switch gets them again") {
  ovs::DesiredFlows left;
  {
    Node before;
    before.start();
    before.miss(6);
    before.miss(7);
    left = before.tunnel.flows;
    before.tunnel.disconnect();
    before.tunnel.flows.clear();
    before.tunnel.connect();
    before.settle();
    REQUIRE(before.tunnel.flows == left);
  }
  Node node;
  node.world.port_gone(100, "10.0.0.7", 61);  // while the agent was away
  node.state.directory.take_changes();
  node.tunnel.flows = left;
  node.start();
  REQUIRE(node.destinations_text() == "10.0.0.6 > 172.31.0.2\n");
  REQUIRE(node.destinations.counters().taken_up == 1);
  for (const auto& bundle : node.tunnel.seen) {
    for (const auto& change : bundle) {
      REQUIRE(change.flow.key.match.find("10.0.0.6") == std::string::npos);  // it was never touched
    }
  }
}

TEST_CASE("a restarted agent still sends on what comes for an address that left") {
  const std::string hairpin =
      "table=11,priority=100,cookie=0x4d00000000002a03,ip,tun_id=100,nw_dst=10.0.0.6,"
      "actions=set_field:0a:6d:6f:6f:72:02->eth_dst,set_field:172.31.0.2->tun_dst,set_field:100->tun_id,"
      "load:0->NXM_OF_IN_PORT[],output:2";
  Node node;
  REQUIRE(node.tunnel.flows.add(hairpin).has_value());
  node.start();
  REQUIRE(node.state.ports.departed({*net::Vni::from(100), *net::IpAddress::parse("10.0.0.6")}));
  REQUIRE(node.tunnel.flows.text().find("tun_id=0x64,nw_dst=10.0.0.6 ") != std::string::npos);
  node.world.port(100, "10.0.0.6", "h3", 100);  // and it moves on
  node.changed();
  REQUIRE(node.tunnel.flows.text().find("set_field:172.31.0.3->tun_dst") != std::string::npos);
}

TEST_CASE("flows that are newer than the copy of the directory are left alone") {
  Node node;
  REQUIRE(node.tunnel.flows
              .add("table=20,priority=100,cookie=0x4d00000000006303,ip,pkt_mark=100,nw_dst=10.0.0.6,"
                   "actions=set_field:0->pkt_mark,set_field:172.31.0.3->tun_dst,set_field:100->tun_id,"
                   "output:2")
              .has_value());  // generation 99
  node.start();
  REQUIRE(node.destinations_text() == "10.0.0.6 > 172.31.0.3\n");
  REQUIRE(node.br_tun.counters().held == 1);
  node.world.port(100, "10.0.0.6", "h1", 99, "c7/eth0");
  node.world.port(100, "10.0.0.6", "h2", 100);
  node.destinations.take_up(node.br_tun.actual());
  node.changed();
  REQUIRE(node.destinations_text() == "10.0.0.6 > 172.31.0.2\n");
  REQUIRE(node.br_tun.counters().held == 0);
}
