// The text of ofproto/trace, as Open vSwitch 3.1 wrote it, and what is made of it.
#include <catch2/catch.hpp>

#include "mooring/trace/walk.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using trace::Walk;

namespace {

constexpr const char* through_tunnel =
    R"(Flow: icmp,in_port=7,vlan_tci=0x0000,dl_src=0a:58:0a:00:00:05,nw_src=10.0.0.5,nw_dst=10.0.0.6

bridge("br-int")
----------------
 0. in_port=7, priority 100, cookie 0x4d00000000002902
    set_field:0x64->reg0
    set_field:0x1->reg1
    goto_table:10
10. ip,in_port=7,dl_src=0a:58:0a:00:00:05,nw_src=10.0.0.5, priority 100, cookie 0x4d00000000002902
    set_field:0a:6d:6f:6f:72:01->eth_src
    goto_table:50
50. priority 0, cookie 0x4d00000000000001
    set_field:0a:6d:6f:6f:72:01->eth_dst
    move:NXM_NX_REG0[]->NXM_NX_PKT_MARK[]
     -> NXM_NX_PKT_MARK[] is now 0x64
    output:65000

bridge("br-tun")
----------------
 0. in_port=1, priority 100, cookie 0x4d00000000000001
    goto_table:20
20. pkt_mark=0x64,ip,nw_dst=10.0.0.6, priority 100, cookie 0x4d00000000002a03
    set_field:0->pkt_mark
    set_field:172.31.9.2->tun_dst
    set_field:0x64->tun_id
    output:2
     -> output to native tunnel
     -> tunneling to 172.31.9.2 via br-phy
     -> tunneling from 32:a0:db:72:28:49 172.31.9.1 to 0a:00:00:00:00:02 172.31.9.2

bridge("br-phy")
----------------
 0. priority 0
    NORMAL
     -> no learned MAC for destination, flooding

Final flow: pkt_mark=0x64,icmp
Megaflow: pkt_mark=0,recirc_id=0,eth,icmp
Datapath actions: set(eth(src=0a:6d:6f:6f:72:01))
)";

constexpr const char* head = "Flow: icmp,in_port=7\n\nbridge(\"br-int\")\n----------------\n";
constexpr const char* tail = "\nFinal flow: icmp\nMegaflow: recirc_id=0\nDatapath actions: drop\n";

Walk walk_of(const std::string& text) {
  const auto walk = trace::parse_walk(text);
  REQUIRE(walk);
  return *walk;
}

}  // namespace

TEST_CASE("trace text: a packet that goes through a tunnel") {
  const Walk walk = walk_of(through_tunnel);
  CHECK(walk.end == Walk::End::tunnel);
  CHECK(walk.tunnel_to == "172.31.9.2");
  CHECK(walk.tunnel_id == 100);
  CHECK(walk.destination_mac == "0a:6d:6f:6f:72:01");
  CHECK(walk.obstacle.empty());
  REQUIRE(walk.last() != nullptr);
  CHECK(walk.last()->match == "pkt_mark=0x64,ip,nw_dst=10.0.0.6");
  CHECK(walk.last()->cookie == 0x4d00000000002a03);
  CHECK(trace::tables_text(walk) == "br-int 0 -> 10 -> 50, br-tun 0 -> 20, br-phy 0");
}

TEST_CASE("trace text: a group whose live bucket the datapath chooses, and one that is dead") {
  const std::string to_group = std::string(head) +
                               R"(21. ip,nw_src=10.0.0.5, priority 100, cookie 0x4d00000000002902
    controller(userdata=01,max_len=128,meter_id=15)
    goto_table:22
22. pkt_mark=0x64,ip, priority 100, cookie 0x4d00000000000004
    group:33554532
)";
  const Walk spread = walk_of(to_group + "     -> using bucket 1\n    bucket 1\n            group:16777316\n" +
                              "             -> no live bucket\n" + tail);
  CHECK(spread.end == Walk::End::spread);
  CHECK(spread.group == 16777316);
  const Walk asked = walk_of(to_group + "     -> bucket 1: not live due to port 16777316\n     -> using bucket 2\n" +
                             "    bucket 2\n            resubmit(,23)\n        23. ip,nw_src=10.0.0.1, priority 100\n" +
                             "            controller(userdata=02)\n" + tail);
  CHECK(asked.end == Walk::End::punted);
  const Walk resort = walk_of(to_group + "     -> using bucket 2\n    bucket 2\n            set_field:0->pkt_mark\n" +
                              "            set_field:172.31.0.9->tun_dst\n            output:2\n" + tail);
  CHECK(resort.end == Walk::End::tunnel);
  CHECK(resort.tunnel_to == "172.31.0.9");
}

TEST_CASE("trace text: a tunnel whose other end is not known yet") {
  std::string text = through_tunnel;
  const std::string good = "tunneling from 32:a0:db:72:28:49 172.31.9.1 to 0a:00:00:00:00:02 172.31.9.2";
  text.replace(text.find(good), good.size(),
               "neighbor cache miss for 172.31.9.2 on bridge br-phy, sending ARP request");
  CHECK(walk_of(text).obstacle == "neighbor cache miss for 172.31.9.2 on bridge br-phy, sending ARP request");
}

TEST_CASE("trace text: a gateway hands a bridged subnet's packet to the one that was elected") {
  const Walk walk = walk_of(std::string(head) + R"(30. ip,nw_dst=10.130.0.0/24, priority 50, cookie 0x4d00000000000004
    set_field:0x12c->reg8
    resubmit(,61)
    61. reg8=0x12c, priority 100, cookie 0x4d0000ac1f01ca05
            load:0x2->NXM_NX_REG9[]
            load:0xac1f01ca->NXM_NX_REG10[]
    goto_table:62
62. ip,reg8=0x12c,reg9=0x2, priority 100, cookie 0x4d00000000000004
    set_field:0a:6d:62:00:01:2c->eth_dst
    move:NXM_NX_REG10[]->NXM_NX_TUN_IPV4_DST[]
    set_field:0x12c->tun_id
    load:0->NXM_OF_IN_PORT[]
    output:2
     -> output to native tunnel
)" + tail);
  CHECK(walk.end == Walk::End::tunnel);
  CHECK(walk.tunnel_to == "172.31.1.202");
  CHECK(walk.tunnel_id == 300);
}

TEST_CASE("trace text: drops, by a flow and for want of one") {
  const Walk spoofed = walk_of(std::string(head) +
                               " 0. in_port=7, priority 100, cookie 0x4d00000000002902\n    goto_table:10\n"
                               "10. priority 0, cookie 0x4d00000000000001\n    drop\n" +
                               tail);
  CHECK(spoofed.end == Walk::End::dropped);
  CHECK(spoofed.last()->table == 10);
  CHECK(spoofed.last()->priority == 0);
  CHECK(spoofed.last()->match.empty());
  const Walk missing =
      walk_of(std::string(head) + " 0. in_port=7, priority 100\n    goto_table:40\n40. No match.\n    drop\n" + tail);
  CHECK(missing.end == Walk::End::dropped);
  CHECK_FALSE(missing.last()->matched);
  const Walk empty = walk_of(std::string(head) +
                             " 0. in_port=7, priority 100\n    goto_table:10\n"
                             "10. No match, and a \"packet-in\" is called for.\n    controller(reason=)\n" +
                             tail);
  CHECK(empty.end == Walk::End::dropped);
  CHECK(empty.last()->table == 10);
  CHECK_FALSE(empty.last()->matched);
}

TEST_CASE("trace text: delivered here, answered on the spot, and asked of the agent") {
  const std::string begin = std::string(head) + " 0. in_port=7, priority 100\n    goto_table:40\n";
  const Walk delivered =
      walk_of(begin + "40. ip,nw_dst=10.0.0.5, priority 100\n    set_field:0a:58:0a:00:00:05->eth_dst\n" +
              "    output:9\n" + tail);
  CHECK(delivered.end == Walk::End::port);
  CHECK(delivered.port == 9);
  CHECK(delivered.destination_mac == "0a:58:0a:00:00:05");
  CHECK(walk_of(begin + "40. arp, priority 100\n    IN_PORT\n" + tail).end == Walk::End::returned);
  CHECK(walk_of(begin + "40. priority 5\n    CONTROLLER:128\n" + tail).end == Walk::End::punted);
}

TEST_CASE("trace text: what is no trace is refused") {
  for (const char* text : {"", "Bad openflow flow syntax", "bridge(\"br-int\")\n", "Datapath actions: drop\n"}) {
    INFO(text);
    CHECK_FALSE(trace::parse_walk(text));
  }
}

TEST_CASE("trace question: the packet in the switch's words") {
  ipam_api::TracedPacket packet;
  packet.source = *net::IpAddress::parse("10.0.0.5");
  packet.destination = *net::IpAddress::parse("10.0.0.6");
  CHECK(trace::flow_text(packet) == "icmp,nw_src=10.0.0.5,nw_dst=10.0.0.6,nw_ttl=64,icmp_type=8,icmp_code=0");
  packet.protocol = ipam_api::TraceProtocol::tcp;
  packet.port = 80;
  packet.source = *net::IpAddress::parse("fd00::5");
  packet.destination = *net::IpAddress::parse("fd00::6");
  CHECK(trace::flow_text(packet) ==
        "tcp6,ipv6_src=fd00::5,ipv6_dst=fd00::6,nw_ttl=64,tcp_src=40000,tcp_dst=80,tcp_flags=0x002");
}

TEST_CASE("trace question: goes over the wire and is read strictly") {
  ipam_api::TracedPacket packet;
  packet.vni = *net::Vni::from(100);
  packet.source = *net::IpAddress::parse("10.0.0.5");
  packet.destination = *net::IpAddress::parse("10.0.0.6");
  packet.from_vtep = "172.31.0.1";
  packet.mac = "0a:6d:6f:6f:72:02";
  const auto read = ipam_api::traced_packet_from(to_json(packet));
  REQUIRE(read);
  CHECK(read->from_vtep == "172.31.0.1");
  for (const auto& [field, value] : {std::pair("destination", "fd00::1"), std::pair("mac", "no mac"),
                                     std::pair("from_vtep", "x,actions=drop"), std::pair("protocol", "sctp")}) {
    ipam_api::Json wrong = to_json(packet);
    wrong[field] = value;
    INFO(wrong.dump());
    CHECK_FALSE(ipam_api::traced_packet_from(wrong));
  }
}
