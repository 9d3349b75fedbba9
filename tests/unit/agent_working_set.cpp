// Which destinations have a flow, what a packet without one means, and what its sender is told: rules without a switch.
#include <catch2/catch.hpp>

#include "agent_world.hpp"
#include "ovs-agent/domain/destinations_text.hpp"
#include "ovs-agent/domain/miss.hpp"
#include "ovs-agent/domain/packet_head.hpp"

using namespace mooring;
using namespace mooring::agent;
using namespace mooring::agent::test;
using namespace std::chrono_literals;

namespace {

using Admission = WorkingSet::Admission;
constexpr WorkingSet::Time start{};

PortKey nth(std::uint32_t n) {
  return {vni(100), net::Ipv4Address(0x0a000000U + n)};
}

WorkingSet small() {
  WorkingSet::Settings settings;
  settings.capacity = 3;
  settings.idle = 100s;
  settings.protect = 10s;
  return WorkingSet(settings);
}

Miss miss_to(const char* destination, const char* source = "10.0.0.5") {
  return {vni(100), net::IpAddress::parse(source).value(), net::IpAddress::parse(destination).value()};
}

std::vector<std::uint8_t> bytes_of(std::string_view hex) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

// 10.0.0.1 -> 10.0.0.6, echo request.
constexpr const char* ping =
    "0a6d6f6f7201"
    "0a580a000001"
    "0800"
    "4500001c00000000400166dc"
    "0a000001"
    "0a000006"
    "0800f7ff00000000";
// fd00::1 -> fd00::6, UDP without data.
constexpr const char* datagram6 =
    "0a6d6f6f7201"
    "0a580a000001"
    "86dd"
    "6000000000081140"
    "fd000000000000000000000000000001"
    "fd000000000000000000000000000006"
    "1000200000080000";

// One's complement sum over 16-bit words: 0xffff where a checksum is right.
std::uint32_t folded(std::span<const std::uint8_t> bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? std::uint32_t{bytes[i]} << 8 : bytes[i];
  }
  while (sum >> 16 != 0) {
    sum = (sum & 0xffffU) + (sum >> 16);
  }
  return sum;
}

}  // namespace

TEST_CASE("a full working set gives room to a new destination by the least recently used one") {
  WorkingSet set = small();
  for (std::uint32_t n = 1; n <= 3; ++n) {
    REQUIRE(set.admit(nth(n), false, start + n * 1s).admission == Admission::admitted);
  }
  REQUIRE(set.admit(nth(1), false, start + 4s).admission == Admission::there);  // a use
  const auto admitted = set.admit(nth(4), false, start + 20s);
  REQUIRE(admitted.admission == Admission::admitted);
  REQUIRE(admitted.evicted == nth(2));
  REQUIRE(set.keys() == std::vector<PortKey>{nth(4), nth(1), nth(3)});
}

TEST_CASE("what was used a moment ago is not evicted while there is a relay") {
  WorkingSet set = small();
  for (std::uint32_t n = 1; n <= 3; ++n) {
    set.admit(nth(n), false, start);
  }
  REQUIRE(set.admit(nth(4), false, start + 9s).admission == Admission::full);
  REQUIRE(set.size() == 3);
  REQUIRE_FALSE(set.contains(nth(4)));
  const auto admitted = set.admit(nth(4), true, start + 9s);  // without a relay the packet needs a flow
  REQUIRE(admitted.admission == Admission::admitted);
  REQUIRE(admitted.evicted.has_value());
  REQUIRE(set.size() == 3);
}

TEST_CASE("a container that tries all addresses leaves the busy ones their flows") {
  WorkingSet::Settings settings;
  settings.capacity = 100;
  settings.protect = 10s;
  WorkingSet set(settings);
  std::uint64_t packets = 0;
  for (std::uint32_t n = 1; n <= 50; ++n) {
    set.admit(nth(n), false, start);
  }
  std::size_t evicted_busy = 0;
  for (std::uint32_t second = 1; second <= 60; ++second) {
    ++packets;
    for (std::uint32_t n = 1; n <= 50; ++n) {  // talked to all the time
      set.counted(nth(n), packets, start + second * 1s);
    }
    for (std::uint32_t i = 0; i < 100; ++i) {  // the scan
      const auto admitted = set.admit(nth(1000 + second * 100 + i), false, start + second * 1s);
      evicted_busy += admitted.evicted && admitted.evicted->address.low_bits() <= nth(50).address.low_bits() ? 1U : 0U;
    }
    REQUIRE(set.size() <= 100);
  }
  REQUIRE(evicted_busy == 0);
  for (std::uint32_t n = 1; n <= 50; ++n) {
    REQUIRE(set.contains(nth(n)));
  }
}

TEST_CASE("destinations go when they were idle, not all at once") {
  WorkingSet::Settings settings;
  settings.idle = 100s;
  WorkingSet set(settings);
  for (std::uint32_t n = 1; n <= 200; ++n) {
    set.admit(nth(n), false, start);
  }
  set.counted(nth(7), 1, start + 80s);
  REQUIRE(set.expire(start + 89s).empty());
  const auto early = set.expire(start + 95s).size();
  const auto half = early + set.expire(start + 100s).size();
  REQUIRE(early > 20);
  REQUIRE(half > early + 20);
  REQUIRE(half < 180);
  set.expire(start + 111s);
  REQUIRE(set.keys() == std::vector<PortKey>{nth(7)});
  set.counted(nth(7), 1, start + 150s);  // the same count: nobody used it
  REQUIRE(set.expire(start + 191s) == std::vector<PortKey>{nth(7)});
}

TEST_CASE("a flow that was made anew counts from nothing: a smaller count is a use") {
  WorkingSet set = small();
  set.admit(nth(1), false, start);
  set.counted(nth(1), 1000, start + 10s);
  set.counted(nth(1), 3, start + 90s);
  REQUIRE(set.expire(start + 120s).empty());
}

TEST_CASE("the way to a port is the newest entry's, unless the port is here") {
  World world;
  world.begin();
  world.layout();
  world.port(100, "10.0.0.5", "h1", 41, "c1/eth0");
  world.port(100, "10.0.0.6", "h2", 42);
  world.port(100, "10.0.0.7", "h9", 43);  // a node that is not known (yet)
  world.port(100, "10.0.0.8", "h2", 44);
  world.end(60);
  LocalPorts ports;
  ports.put(local_port("c1", 100, "10.0.0.5", 41, 7));
  ports.put(local_port("c8", 100, "10.0.0.8", 99, 8));  // newer than what the directory has heard
  const auto way = [&](const char* address) {
    const auto found = way_to(key(100, address), world.directory, ports, h1().vtep);
    return found ? std::optional(found->vtep) : std::nullopt;
  };
  REQUIRE(way("10.0.0.6") == ip("172.31.0.2"));
  REQUIRE_FALSE(way("10.0.0.5").has_value());
  REQUIRE_FALSE(way("10.0.0.7").has_value());
  REQUIRE_FALSE(way("10.0.0.8").has_value());
  REQUIRE_FALSE(way("10.0.0.50").has_value());
  world.port(100, "10.0.0.6", "h3", 61);
  REQUIRE(way("10.0.0.6") == ip("172.31.0.3"));
}

TEST_CASE("only who asks for a free address of a pool is told that there is no such host") {
  World world;
  world.begin();
  world.layout();
  world.layout6();
  world.port(100, "10.0.0.5", "h1", 41, "c1/eth0");
  world.port(101, "10.0.1.8", "h1", 42, "c8/eth0");
  LocalPorts ports;
  ports.put(local_port("c1", 100, "10.0.0.5", 41, 7));
  const auto refusal = [&](const Miss& miss) { return refusal_of(miss, world.directory, ports); };
  REQUIRE_FALSE(refusal(miss_to("10.0.0.50")).has_value());  // the directory is not whole
  world.end(60);
  const auto told = refusal(miss_to("10.0.0.50"));
  REQUIRE(told.has_value());
  REQUIRE(told->vni == vni(100));
  REQUIRE(told->router == net::IpAddress(ip("10.0.0.1")));
  REQUIRE_FALSE(refusal(miss_to("10.0.0.200")).has_value());             // in no pool: it may be on the physical side
  REQUIRE_FALSE(refusal(miss_to("192.0.2.1")).has_value());              // not ours
  REQUIRE_FALSE(refusal(miss_to("10.0.0.50", "10.0.0.9")).has_value());  // no container of this node
  Miss from_other_subnet = miss_to("10.0.0.50", "10.0.1.8");
  ports.put(local_port("c8", 101, "10.0.1.8", 42, 8));
  REQUIRE(refusal(from_other_subnet)->vni == vni(101));
  world.port(100, "10.0.0.50", "h2", 61);
  REQUIRE_FALSE(refusal(miss_to("10.0.0.50")).has_value());
}

TEST_CASE("in a bridged subnet whatever is no container's may be a machine beyond the gateways") {
  World world;
  world.begin();
  world.layout();
  world.layout6();
  world.object("subnet", "office",
               R"({"network":"default","vni":102,"cidr":"10.0.2.0/24","gateway":"10.0.2.1","mtu_bytes":1450,
                   "bridged_vlan":7})");
  world.object("subnet6", "office",
               R"({"network":"default","vni":102,"cidr":"fd00:2::/64","gateway":"fd00:2::1","mtu_bytes":1450,
                   "bridged_vlan":7})");
  world.object("pool6", "office", R"({"subnet":"office","ranges":["fd00:2::10-fd00:2::ff"]})");
  world.port(102, "10.0.2.5", "h2", 41);
  world.port(102, "fd00:2::15", "h2", 42);
  world.end(60);
  const LocalPorts ports;
  const auto beyond = [&](std::uint32_t segment, const char* address) {
    return beyond_gateways(key(segment, address), world.directory, ports);
  };
  for (const char* machine : {"10.0.2.9", "fd00:2::9", "fd00:2::16", "fd00:2::ffff:ffff:ffff:ffff"}) {
    CHECK(beyond(102, machine));
  }
  for (const char* nobody : {"10.0.2.0", "10.0.2.1", "10.0.2.255", "fd00:2::", "fd00:2::1", "10.0.2.5", "fd00:2::15"}) {
    CHECK_FALSE(beyond(102, nobody));
  }
  CHECK_FALSE(beyond(100, "10.0.0.9"));  // not bridged
  CHECK_FALSE(beyond(100, "fd00::9"));
  world.gone("gateway", "gw1");
  CHECK_FALSE(beyond(102, "fd00:2::9"));
}

TEST_CASE("a sender is told after a second of trying, once a second") {
  RefusalPace pace;
  int told = 0;
  for (int ms = 0; ms <= 5000; ms += 10) {
    told += pace.due(miss_to("10.0.0.50"), start + ms * 1ms) ? 1 : 0;
  }
  REQUIRE(told == 5);
  SECTION("one that tries all addresses is never told") {
    for (std::uint32_t n = 0; n < 10000; ++n) {
      Miss miss = miss_to("10.0.0.50", "10.0.0.77");
      miss.destination = nth(n).address;
      REQUIRE_FALSE(pace.due(miss, start + n * 1ms));
    }
  }
  SECTION("senders are forgotten, and are not more than it may remember") {
    for (std::uint32_t n = 0; n < 5000; ++n) {
      Miss miss = miss_to("10.0.0.50");
      miss.source = nth(n).address;
      pace.due(miss, start + 20s);
    }
    REQUIRE(pace.senders() == RefusalPace::most_senders);
    REQUIRE_FALSE(pace.due(miss_to("10.0.0.60", "10.9.9.9"), start + 30s));
    REQUIRE(pace.senders() == 1);
  }
}

TEST_CASE("the head of a packet is read with distrust") {
  const auto head = read_head(bytes_of(ping));
  REQUIRE(head.has_value());
  REQUIRE(head->source.str() == "10.0.0.1");
  REQUIRE(head->destination.str() == "10.0.0.6");
  REQUIRE(head->may_be_answered);
  const auto head6 = read_head(bytes_of(datagram6));
  REQUIRE(head6.has_value());
  REQUIRE(head6->destination.str() == "fd00::6");
  REQUIRE(head6->may_be_answered);

  for (const char* text : {ping, datagram6}) {  // cut anywhere
    const auto whole = bytes_of(text);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const auto cut = std::span(whole).first(size);
      const auto read = read_head(cut);
      REQUIRE((!read || read->destination == read_head(whole)->destination));
      REQUIRE((read || host_unreachable(cut, head->source).empty()));
    }
  }
  const auto with = [](std::size_t at, std::uint8_t value) {
    auto frame = bytes_of(ping);
    frame[at] = value;
    return frame;
  };
  REQUIRE_FALSE(read_head(with(13, 6)).has_value());          // ARP
  REQUIRE_FALSE(read_head(with(14, 0x44)).has_value());       // a header of 16 bytes
  REQUIRE_FALSE(read_head(with(14, 0x4f)).has_value());       // a header longer than the packet
  REQUIRE_FALSE(read_head(with(17, 10)).has_value());         // a packet shorter than its header
  REQUIRE_FALSE(read_head(with(34, 3))->may_be_answered);     // an ICMP error
  REQUIRE_FALSE(read_head(with(21, 1))->may_be_answered);     // a later fragment
  REQUIRE_FALSE(read_head(with(26, 0xe0))->may_be_answered);  // from a multicast address
  REQUIRE_FALSE(read_head(with(30, 0xff))->may_be_answered);  // broadcast
}

TEST_CASE("the answer 'no such host' is a valid packet") {
  const auto frame = bytes_of(ping);
  const auto answer = host_unreachable(frame, ip("10.0.0.254"));
  const std::span<const std::uint8_t> packet = std::span(answer).subspan(14);
  REQUIRE(packet.size() == 20 + 8 + 28);
  REQUIRE(folded(packet.first(20)) == 0xffff);
  REQUIRE(folded(packet.subspan(20)) == 0xffff);
  const auto head = read_head(answer);
  REQUIRE(head->source.str() == "10.0.0.254");
  REQUIRE(head->destination.str() == "10.0.0.1");
  REQUIRE_FALSE(head->may_be_answered);
  REQUIRE(packet[20] == 3);
  REQUIRE(packet[21] == 1);
  REQUIRE(std::equal(packet.begin() + 28, packet.end(), frame.begin() + 14));

  const auto answer6 = host_unreachable(bytes_of(datagram6), net::IpAddress::parse("fd00::ff").value());
  const std::span<const std::uint8_t> packet6 = std::span(answer6).subspan(14);
  REQUIRE(packet6.size() == 40 + 8 + 48);
  REQUIRE(packet6[40] == 1);
  REQUIRE(packet6[41] == 3);
  // The pseudo header: both addresses, the length, the protocol.
  REQUIRE(folded(packet6.subspan(40), folded(packet6.subspan(8, 32)) + 56 + 58) == 0xffff);
  REQUIRE(host_unreachable(bytes_of(datagram6), ip("10.0.0.1")).empty());
}

TEST_CASE("the destinations in use survive as text; what is damaged costs what stands behind it") {
  const std::vector<PortKey> keys = {key(100, "10.0.0.5"), key(101, "10.0.1.6"), key(100, "fd00::7")};
  const std::string text = write_destinations(keys);
  CHECK(read_destinations(text, 4096) == keys);
  CHECK(read_destinations(text, 2).size() == 2);
  CHECK(read_destinations("", 4096).empty());
  CHECK(read_destinations("mooring-destinations 2\n100 10.0.0.5\n", 4096).empty());
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    const auto some = read_destinations(std::string_view(text).substr(0, cut), 4096);
    CHECK(std::equal(some.begin(), some.end(), keys.begin()));
    std::string flipped = text;
    flipped[cut] = static_cast<char>(flipped[cut] ^ 0x15);
    CHECK(read_destinations(flipped, 4096).size() <= keys.size());
  }
}
