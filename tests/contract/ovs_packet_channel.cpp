// What the agent relies on of the second connection, asked of the real switch: which packets come, with what of them,
// what a packet-out does, how flows' uses are counted, and that a switch that dies and comes back is found again.
#include <algorithm>
#include <chrono>
#include <optional>

#include <catch2/catch.hpp>

#include "mooring/ovs/packet_channel.hpp"
#include "support/catch_result.hpp"
#include "support/ovs_sandbox.hpp"
#include "support/owner_loop.hpp"

using mooring::Errc;
using mooring::Result;
using namespace mooring::ovs;
using namespace mooring::tests;
using namespace std::chrono_literals;

namespace {

// Ethernet, IPv4, 10.0.0.1 -> 10.0.0.6, UDP with 600 bytes of nothing.
Bytes datagram() {
  Bytes bytes = {0x0a, 0x6d, 0x6f, 0x6f, 0x72, 1,    0x0a, 0x58, 0x0a, 0, 0,  1,
                 8,    0,    0x45, 0,    2,    0x74, 0,    0,    0,    0, 64, 17};
  bytes.insert(bytes.end(), {0x64, 0x03, 10, 0, 0, 1, 10, 0, 0, 6, 0x10, 0, 0x20, 0, 2, 0x60, 0, 0});
  bytes.resize(14 + 20 + 608);
  return bytes;
}

class Bridge {
 public:
  Bridge() {
    initialise("mooring-tests");
    make();
    channel = std::make_unique<OpenFlowPackets>("unix:" + sandbox.directory() + "/br0.mgmt", loop_.post(),
                                                [this](std::vector<PacketIn> batch) {
                                                  for (auto& packet : batch) {
                                                    packets.push_back(std::move(packet));
                                                  }
                                                });
    REQUIRE(until([this] { return channel->connected(); }));
  }
  void make() { sandbox.vsctl("--may-exist add-br br0 -- set bridge br0 datapath_type=netdev fail_mode=secure"); }
  void flow(const std::string& text) { sandbox.ofctl("add-flow", "br0", text); }
  // Packets go into the pipeline as if they came in by port 7, marked 100.
  void inject() {
    PacketOut packet;
    packet.in_port = 7;
    packet.actions = "set_field:100->pkt_mark,resubmit(,20)";
    packet.data = datagram();
    channel->send(std::move(packet));
  }
  bool until(const std::function<bool()>& condition) { return loop_.run_until(condition, 10s); }
  Result<std::vector<FlowUse>> uses(std::uint64_t cookie, std::uint64_t mask) {
    std::optional<Result<std::vector<FlowUse>>> answer;
    channel->uses(20, cookie, mask, 5s, [&](Result<std::vector<FlowUse>> result) { answer = std::move(result); });
    REQUIRE(until([&] { return answer.has_value(); }));
    return *answer;
  }

  OvsSandbox sandbox;
  std::vector<PacketIn> packets;

 private:
  OwnerLoop loop_;

 public:
  std::unique_ptr<OpenFlowPackets> channel;
};

}  // namespace

TEST_CASE("a packet that the pipeline sends us comes with its mark and its user data") {
  Bridge bridge;
  bridge.flow("table=20,ip,pkt_mark=100,actions=controller(max_len=128,userdata=01.ff),goto_table:21");
  bridge.flow("table=21,actions=controller(max_len=65535,userdata=02)");
  bridge.inject();
  REQUIRE(bridge.until([&] { return bridge.packets.size() == 2; }));

  const PacketIn& copy = bridge.packets[0];
  CHECK(copy.table == 20);
  CHECK(copy.in_port == 7);
  CHECK(copy.pkt_mark == 100);
  CHECK(copy.userdata == Bytes{0x01, 0xff});
  CHECK(copy.whole_size == datagram().size());
  const Bytes whole = datagram();
  REQUIRE(copy.data.size() >= 128);  // OVS 3.1 does not cut
  CHECK(std::equal(copy.data.begin(), copy.data.begin() + 128, whole.begin()));
  CHECK(bridge.packets[1].userdata == Bytes{0x02});
  CHECK(bridge.packets[1].data == whole);
  CHECK(bridge.channel->counters().received == 2);
  CHECK(bridge.channel->counters().sent == 1);
}

TEST_CASE("the uses of flows are counted by cookie") {
  Bridge bridge;
  bridge.flow("table=20,priority=100,ip,pkt_mark=100,nw_dst=10.0.0.6,cookie=0x4d00000000002a03,actions=drop");
  bridge.flow("table=20,priority=100,ip,pkt_mark=100,nw_dst=10.0.0.7,cookie=0x4d00000000002b03,actions=drop");
  bridge.flow("table=20,priority=0,cookie=0x4d00000000000001,actions=drop");
  REQUIRE(bridge.uses(3, 0xff)->size() == 2);
  for (int i = 0; i < 3; ++i) {
    bridge.inject();
  }
  REQUIRE(bridge.until([&] {
    std::uint64_t used = 0;
    for (const FlowUse& use : *bridge.uses(3, 0xff)) {
      used += use.packets;
      CHECK(use.packets ==
            (use.key.match == "pkt_mark=0x64,ip,nw_dst=10.0.0.6" || use.key.match == "ip,pkt_mark=0x64,nw_dst=10.0.0.6"
                 ? used
                 : 0));
    }
    return used == 3;
  }));
}

TEST_CASE("actions that mean nothing are counted, not sent") {
  Bridge bridge;
  PacketOut packet;
  packet.actions = "output:no-such-port";
  packet.data = datagram();
  bridge.channel->send(std::move(packet));
  CHECK(bridge.until([&] { return bridge.channel->counters().not_sent == 1; }));
  CHECK(bridge.channel->connected());
}

TEST_CASE("packets come again from a switch that was killed and started") {
  Bridge bridge;
  bridge.sandbox.kill_vswitchd();
  REQUIRE(bridge.until([&] { return !bridge.channel->connected(); }));
  const auto away = bridge.uses(3, 0xff);
  REQUIRE(away.has_error());
  CHECK(away.error().code() == Errc::unavailable);
  bridge.sandbox.start_vswitchd();
  REQUIRE(bridge.until([&] { return bridge.channel->connected(); }));
  bridge.flow("table=20,actions=controller(max_len=128,userdata=01)");
  REQUIRE(bridge.until([&] {
    bridge.inject();
    return !bridge.packets.empty();
  }));
}
