// The replica by itself: which entry wins, what is known absent, what an address is, own ports.
#include <random>

#include <catch2/catch.hpp>

#include "fakes/watch_source.hpp"
#include "mooring/directory/directory.hpp"

using namespace mooring;
using directory::Directory;
using directory::Place;
using directory::PortKey;
using fakes::WatchSource;

namespace {

net::Vni vni(std::uint32_t value) {
  return net::Vni::from(value).value();
}
net::Ipv4Address ip(const char* text) {
  return net::Ipv4Address::parse(text).value();
}
PortKey key(const char* address, std::uint32_t number = 100) {
  return PortKey{vni(number), ip(address)};
}
ipam_api::Allocation allocation(const char* address, std::uint64_t generation) {
  ipam_api::Allocation answer;
  answer.network = "default";
  answer.address = {ip(address), 24};
  answer.mac = net::MacAddress::parse("0a:58:0a:00:00:09").value();
  answer.vni = vni(100);
  answer.generation = generation;
  return answer;
}
const ipam_api::Attachment attachment{"c9", "eth0"};

// One whole snapshot of what `fill` puts there, as of `revision`.
void take_snapshot(Directory& replica, std::vector<ipam_api::Entry> entries, ipam_api::Revision revision,
                   std::string_view incarnation = "inc-1", bool overrule = false) {
  replica.begin_snapshot(incarnation, overrule);
  std::set<ipam_api::Shard> shards;
  for (const auto& entry : entries) {
    shards.insert(entry.shard);
    replica.apply(entry);
  }
  for (const ipam_api::Shard shard : shards) {
    replica.end_of_snapshot(shard, revision);
  }
  replica.end_of_snapshots(revision, {shards.begin(), shards.end()});
}

ipam_api::Entry object_at(const std::string& kind, const std::string& name, ipam_api::Json value,
                          ipam_api::Revision revision) {
  auto entry = WatchSource::object(kind, name, std::move(value));
  entry.revision = revision;
  return entry;
}

std::vector<ipam_api::Entry> layout() {
  return {
      object_at("network", "default", {{"isolated", false}}, 1),
      object_at(
          "subnet", "pods",
          {{"network", "default"}, {"vni", 100}, {"cidr", "10.0.0.0/24"}, {"gateway", "10.0.0.1"}, {"mtu_bytes", 1450}},
          2),
      object_at(
          "subnet", "more",
          {{"network", "default"}, {"vni", 101}, {"cidr", "10.0.1.0/24"}, {"gateway", "10.0.1.1"}, {"mtu_bytes", 1450}},
          3),
      object_at("pool", "p1", {{"subnet", "pods"}, {"ranges", {"10.0.0.10-10.0.0.20"}}}, 4)};
}

}  // namespace

TEST_CASE("a port is replaced only by a higher generation, or the same one in another state") {
  Directory replica("h1");
  take_snapshot(replica, {WatchSource::port(100, "10.0.0.5", "h2", 10, "pending")}, 10);
  CHECK(replica.find(key("10.0.0.5"))->node == "h2");
  CHECK(replica.find(key("10.0.0.5"))->state == directory::PortState::pending);
  replica.take_changes();

  auto older = WatchSource::port(100, "10.0.0.5", "h3", 9);
  older.revision = 11;  // written later, bound earlier: the generation decides
  replica.apply(older);
  CHECK(replica.find(key("10.0.0.5"))->node == "h2");
  CHECK(replica.counters().ignored_older == 1);
  CHECK(replica.take_changes().ports.empty());

  auto confirmed = WatchSource::port(100, "10.0.0.5", "h2", 10, "active");
  confirmed.revision = 12;
  replica.apply(confirmed);
  CHECK(replica.find(key("10.0.0.5"))->state == directory::PortState::active);
  replica.apply(WatchSource::port(100, "10.0.0.5", "h2", 10, "pending"));  // its first state again: older
  CHECK(replica.find(key("10.0.0.5"))->state == directory::PortState::active);
  CHECK(replica.counters().ignored_older == 2);

  replica.apply(WatchSource::port(100, "10.0.0.5", "h4", 13));
  CHECK(replica.find(key("10.0.0.5"))->node == "h4");
  CHECK(replica.find(key("10.0.0.5"))->generation == 13);
  CHECK(replica.take_changes().ports == std::vector<PortKey>{key("10.0.0.5")});
  CHECK(replica.port_count() == 1);
}

TEST_CASE("a tombstone of an older generation removes nothing, one of its own does") {
  Directory replica("h1");
  take_snapshot(replica, {WatchSource::port(100, "10.0.0.5", "h2", 10)}, 10);
  auto tombstone = WatchSource::tombstone(WatchSource::port(100, "10.0.0.5", "h2", 8));
  tombstone.revision = 11;
  replica.apply(tombstone);
  CHECK(replica.find(key("10.0.0.5")));
  CHECK(replica.counters().ignored_older == 1);

  tombstone.generation = 10;
  replica.apply(tombstone);
  replica.advance(11);
  CHECK_FALSE(replica.find(key("10.0.0.5")));
  CHECK(replica.sums().total() == ipam_api::DigestSums::Sum{});
  CHECK(replica.known_absent(key("10.0.0.5"), 11));
}

TEST_CASE("absence is known only after the end of a snapshot, and only up to the revision that was seen") {
  Directory replica("h1");
  CHECK_FALSE(replica.known_absent(key("10.0.0.5"), 0));
  replica.begin_snapshot("inc-1", false);
  replica.apply(WatchSource::port(100, "10.0.0.6", "h2", 10));
  CHECK_FALSE(replica.known_absent(key("10.0.0.5"), 5));
  replica.end_of_snapshot(100, 20);
  CHECK(replica.known_absent(key("10.0.0.5"), 20));
  CHECK_FALSE(replica.known_absent(key("10.0.0.5"), 21));
  CHECK_FALSE(replica.known_absent(key("10.0.0.6"), 20));
  CHECK_FALSE(replica.known_absent(key("10.9.0.5", 200), 5));  // another shard, not ended
  CHECK_FALSE(replica.complete());
  replica.end_of_snapshots(20, {100});
  CHECK(replica.complete());
  CHECK(replica.known_absent(key("10.9.0.5", 200), 20));
  CHECK_FALSE(replica.known_absent(key("10.9.0.5", 200), 21));

  // A second snapshot withdraws the knowledge until it has ended; what is held stays.
  replica.begin_snapshot("inc-1", false);
  CHECK_FALSE(replica.known_absent(key("10.0.0.5"), 5));
  CHECK(replica.find(key("10.0.0.6")));
  replica.end_of_snapshots(30, {});
  CHECK_FALSE(replica.find(key("10.0.0.6")));
  CHECK(replica.counters().snapshot_removed == 1);
}

TEST_CASE("what a snapshot does not name goes at its end and not before") {
  Directory replica("h1");
  auto entries = layout();
  entries.push_back(WatchSource::port(100, "10.0.0.5", "h2", 10));
  entries.push_back(WatchSource::port(101, "10.0.1.5", "h2", 11));
  entries.push_back(object_at("node", "h2", {{"vtep", "172.31.0.2"}}, 5));
  take_snapshot(replica, entries, 12);
  CHECK(replica.vtep_of("h2") == ip("172.31.0.2"));
  CHECK(replica.is_vtep(ip("172.31.0.2")));

  replica.begin_snapshot("inc-1", false);
  replica.apply(WatchSource::port(100, "10.0.0.7", "h2", 13));
  CHECK(replica.find(key("10.0.0.5")));
  replica.take_changes();
  replica.end_of_snapshot(100, 20);
  CHECK_FALSE(replica.find(key("10.0.0.5")));
  CHECK(replica.find(key("10.0.1.5", 101)));
  CHECK(replica.take_changes().ports == std::vector<PortKey>{key("10.0.0.5")});
  replica.end_of_snapshots(20, {100});
  CHECK_FALSE(replica.find(key("10.0.1.5", 101)));
  CHECK(replica.subnets().empty());
  CHECK_FALSE(replica.vtep_of("h2"));
  CHECK_FALSE(replica.is_vtep(ip("172.31.0.2")));
  const auto changes = replica.take_changes();
  CHECK(changes.layout);
  CHECK(changes.nodes == std::set<std::string>{"h2"});
}

TEST_CASE("a VTEP is one as long as a node or gateway says so") {
  Directory replica("h1");
  take_snapshot(replica, {object_at("node", "h2", {{"vtep", "172.31.0.2"}}, 5)}, 12);
  replica.apply(object_at("node", "h3", {{"vtep", "172.31.0.2"}}, 13));  // of another machine, for a moment
  replica.apply(object_at("node", "h2", {{"vtep", "172.31.0.4"}}, 14));
  CHECK(replica.is_vtep(ip("172.31.0.2")));
  CHECK(replica.is_vtep(ip("172.31.0.4")));
  replica.apply(WatchSource::tombstone(object_at("node", "h3", nullptr, 15)));
  CHECK_FALSE(replica.is_vtep(ip("172.31.0.2")));
  replica.apply(object_at("node", "h2", {{"vtep", "172.31.0.4"}}, 16));
  replica.apply(WatchSource::tombstone(object_at("node", "h2", nullptr, 17)));
  CHECK_FALSE(replica.is_vtep(ip("172.31.0.4")));
}

TEST_CASE("a tombstone that overtakes the snapshot's older entry wins") {
  Directory replica("h1");
  replica.begin_snapshot("inc-1", false);
  auto tombstone = WatchSource::tombstone(WatchSource::port(100, "10.0.0.5", "h2", 10));
  tombstone.revision = 21;
  replica.apply(tombstone);
  replica.advance(21);
  replica.apply(WatchSource::port(100, "10.0.0.5", "h2", 10));
  auto node = WatchSource::tombstone(object_at("node", "h2", nullptr, 22));
  replica.apply(node);
  replica.apply(object_at("node", "h2", {{"vtep", "172.31.0.2"}}, 5));
  replica.end_of_snapshot(100, 20);
  replica.end_of_snapshots(20, {100});
  CHECK_FALSE(replica.find(key("10.0.0.5")));
  CHECK_FALSE(replica.vtep_of("h2"));
  CHECK(replica.counters().ignored_older == 2);
  CHECK(replica.revision() == 21);
}

TEST_CASE("a change newer than the snapshot under way is not judged by its end") {
  Directory replica("h1");
  take_snapshot(replica, {WatchSource::port(100, "10.0.0.5", "h2", 40), WatchSource::port(100, "10.0.0.6", "h2", 39)},
                40);
  replica.begin_snapshot("inc-1", false);  // of a controller that is behind
  replica.apply(WatchSource::port(100, "10.0.0.5", "h3", 20));
  replica.end_of_snapshot(100, 30);
  replica.end_of_snapshots(30, {100});
  CHECK(replica.find(key("10.0.0.5"))->node == "h2");
  CHECK(replica.find(key("10.0.0.6")));  // not named, but newer

  // When the replica itself is the one that is wrong, the snapshot overrules.
  take_snapshot(replica, {WatchSource::port(100, "10.0.0.5", "h3", 20)}, 30, "inc-1", true);
  CHECK(replica.find(key("10.0.0.5"))->node == "h3");
  CHECK_FALSE(replica.find(key("10.0.0.6")));
}

TEST_CASE("another incarnation's entries win over higher generations of the former one") {
  Directory replica("h1");
  take_snapshot(replica, {WatchSource::port(100, "10.0.0.5", "h2", 90), WatchSource::port(100, "10.0.0.6", "h2", 91)},
                100);
  replica.begin_snapshot("inc-2", false);
  CHECK(replica.find(key("10.0.0.5"))->node == "h2");
  replica.apply(WatchSource::port(100, "10.0.0.5", "h3", 7));
  CHECK(replica.find(key("10.0.0.5"))->node == "h3");
  CHECK(replica.find(key("10.0.0.6")));
  replica.end_of_snapshot(100, 8);
  replica.end_of_snapshots(8, {100});
  CHECK_FALSE(replica.find(key("10.0.0.6")));
  CHECK(replica.revision() == 8);
  CHECK(replica.incarnation() == "inc-2");
}

TEST_CASE("an own port is there at once, and the stream confirms it") {
  Directory replica("h1");
  take_snapshot(replica, {WatchSource::port(100, "10.0.0.5", "h2", 10)}, 20);
  CHECK(replica.apply_own(allocation("10.0.0.5", 21), attachment) == Directory::Applied::provisional);
  auto port = replica.find(key("10.0.0.5"));
  CHECK(port->node == "h1");
  CHECK(port->own);
  CHECK(port->provisional);
  CHECK(port->attachment == "c9/eth0");
  CHECK(port->generation == 21);
  CHECK(replica.port_count() == 1);
  CHECK_FALSE(replica.known_absent(key("10.0.0.5"), 20));
  // The digest is still that of the stream.
  CHECK(replica.sums().shard(100).count == 1);
  CHECK(replica.sums().total().digest == ipam_api::entry_digest(WatchSource::port(100, "10.0.0.5", "h2", 10)));

  SECTION("it is visited once, in place of what it replaces") {
    int visits = 0;
    replica.for_each_port([&](const directory::Port& one) {
      ++visits;
      CHECK(one.generation == 21);
    });
    CHECK(visits == 1);
  }
  SECTION("its own tombstone ends it, also while a snapshot is under way") {
    replica.begin_snapshot("inc-1", false);
    auto gone = WatchSource::tombstone(WatchSource::port(100, "10.0.0.5", "h1", 21));
    gone.revision = 22;
    replica.apply(gone);
    CHECK_FALSE(replica.find(key("10.0.0.5")));
  }
  SECTION("older frames change nothing that is seen") {
    auto older = WatchSource::tombstone(WatchSource::port(100, "10.0.0.5", "h2", 10));
    older.revision = 20;
    replica.apply(older);
    replica.advance(20);
    CHECK(replica.find(key("10.0.0.5"))->generation == 21);
  }
  SECTION("nor does a snapshot that is older than it") {
    take_snapshot(replica, {WatchSource::port(100, "10.0.0.5", "h2", 10)}, 20, "inc-1", true);
    CHECK(replica.find(key("10.0.0.5"))->generation == 21);
    take_snapshot(replica, {}, 20);
    CHECK(replica.find(key("10.0.0.5"))->generation == 21);
  }
  SECTION("the stream shows the same generation") {
    replica.apply(WatchSource::port(100, "10.0.0.5", "h1", 21, "active", "c9/eth0"));
    replica.advance(21);
    port = replica.find(key("10.0.0.5"));
    CHECK_FALSE(port->provisional);
    CHECK(port->attachment == "c9/eth0");
    CHECK(replica.apply_own(allocation("10.0.0.5", 21), attachment) == Directory::Applied::confirmed);
  }
  SECTION("the stream shows a newer one: another node took it over") {
    replica.apply(WatchSource::port(100, "10.0.0.5", "h3", 22));
    CHECK(replica.find(key("10.0.0.5"))->node == "h3");
    CHECK(replica.apply_own(allocation("10.0.0.5", 21), attachment) == Directory::Applied::superseded);
  }
  SECTION("the stream passes its revision without it: it was released again") {
    auto gone = WatchSource::tombstone(WatchSource::port(100, "10.0.0.5", "h1", 21));
    gone.revision = 22;
    replica.apply(gone);
    replica.advance(22);
    CHECK_FALSE(replica.find(key("10.0.0.5")));
    // The answer to an earlier call that arrives only now must not revive it.
    CHECK(replica.apply_own(allocation("10.0.0.5", 21), attachment) == Directory::Applied::superseded);
  }
  SECTION("it is forgotten by its generation only") {
    replica.forget_own(key("10.0.0.5"), 20);
    CHECK(replica.find(key("10.0.0.5"))->own);
    replica.forget_own(key("10.0.0.5"), 21);
    CHECK(replica.find(key("10.0.0.5"))->node == "h2");
  }
}

TEST_CASE("an own port before the first snapshot survives a snapshot that is older, and ends with a newer one") {
  Directory replica("h1");
  CHECK(replica.apply_own(allocation("10.0.0.5", 50), attachment) == Directory::Applied::provisional);
  take_snapshot(replica, {}, 49);
  CHECK(replica.find(key("10.0.0.5")));
  replica.begin_snapshot("inc-1", false);
  replica.end_of_snapshot(101, 50);
  CHECK(replica.find(key("10.0.0.5")));
  replica.end_of_snapshot(100, 50);  // its own shard decides, not the whole stream
  CHECK_FALSE(replica.find(key("10.0.0.5")));
}

TEST_CASE("own ports of a former incarnation end with the first snapshot of the next") {
  Directory replica("h1");
  take_snapshot(replica, {}, 40);
  replica.apply_own(allocation("10.0.0.5", 50), attachment);
  take_snapshot(replica, {}, 3, "inc-2");
  CHECK_FALSE(replica.find(key("10.0.0.5")));
}

TEST_CASE("attachments are kept for ports of the own node only") {
  Directory replica("h1");
  take_snapshot(replica,
                {WatchSource::port(100, "10.0.0.5", "h1", 10, "active", "mine/eth0"),
                 WatchSource::port(100, "10.0.0.6", "h2", 11, "active", "theirs/eth0")},
                12);
  CHECK(replica.find(key("10.0.0.5"))->attachment == "mine/eth0");
  CHECK(replica.find(key("10.0.0.6"))->attachment.empty());
  replica.apply(WatchSource::port(100, "10.0.0.5", "h2", 13, "active", "moved/eth0"));
  CHECK(replica.find(key("10.0.0.5"))->attachment.empty());
}

TEST_CASE("an address is located by its longest prefix within its network") {
  Directory replica("h1");
  auto entries = layout();
  entries.push_back(WatchSource::port(100, "10.0.0.12", "h2", 10));
  entries.push_back(WatchSource::port(101, "10.0.1.5", "h2", 11));
  entries.push_back(object_at("gateway", "gw1", {{"vtep", "172.31.0.9"}, {"network", "default"}}, 12));
  take_snapshot(replica, entries, 12);

  CHECK(replica.locate(vni(100), ip("10.0.0.12")).what == Place::What::port);
  CHECK(replica.locate(vni(100), ip("10.0.0.13")).what == Place::What::pool_range);
  CHECK(replica.locate(vni(100), ip("10.0.0.13")).pool->name == "p1");
  CHECK(replica.locate(vni(100), ip("10.0.0.21")).what == Place::What::subnet);
  CHECK(replica.locate(vni(100), ip("10.0.0.1")).what == Place::What::subnet);
  CHECK(replica.locate(vni(100), ip("192.0.2.1")).what == Place::What::outside);
  const Place other = replica.locate(vni(100), ip("10.0.1.5"));
  CHECK(other.what == Place::What::port);
  CHECK(other.port->key.vni == vni(101));
  CHECK(replica.locate(vni(999), ip("10.0.0.12")).what == Place::What::outside);
  CHECK(replica.network_of(vni(101)) == "default");
  CHECK(replica.gateways_of("default").size() == 1);
  CHECK(replica.gateways_of("other").empty());
}

TEST_CASE("the IPv6 halves of objects are places of their own") {
  Directory replica("h1");
  auto entries = layout();
  const ipam_api::Json block6 = {{"network", "default"}, {"vni", 100}, {"cidr", "fd00::/64"}, {"gateway", "fd00::1"}};
  entries.push_back(object_at("subnet6", entries[1].key, block6, 5));
  entries.push_back(object_at("pool6", "p1", {{"subnet", entries[1].key}, {"ranges", {"fd00::10-fd00::20"}}}, 6));
  auto half = WatchSource::port(100, "10.0.0.12", "h2", 10);
  entries.push_back(half);
  half.kind = "port6";
  half.key = "fd00::12/128";
  entries.push_back(half);
  take_snapshot(replica, entries, 12);

  const auto six = [](const char* text) { return net::IpAddress::parse(text).value(); };
  CHECK(replica.counters().malformed == 0);
  CHECK(replica.port_count() == 2);
  CHECK(replica.find({vni(100), six("fd00::12")})->generation == 10);
  CHECK(replica.locate(vni(100), six("fd00::12")).what == Place::What::port);
  CHECK(replica.locate(vni(100), six("fd00::13")).pool->ranges.front().str() == "fd00::10-fd00::20");
  CHECK(replica.locate(vni(100), six("fd00::99")).what == Place::What::subnet);
  CHECK(replica.locate(vni(100), six("2001:db8::1")).what == Place::What::outside);

  // Both halves of one port go with one generation; one half of a subnet can go alone.
  half.deleted = true;
  half.value = nullptr;
  half.revision = 13;
  replica.apply(half);
  CHECK_FALSE(replica.find({vni(100), six("fd00::12")}));
  CHECK(replica.find(key("10.0.0.12")));
  auto gone = object_at("subnet6", entries[1].key, nullptr, 14);
  gone.deleted = true;
  replica.apply(gone);
  CHECK(replica.subnets(net::Family::v6).empty());
  CHECK(replica.locate(vni(100), ip("10.0.0.12")).what == Place::What::port);
}

TEST_CASE("an extra address is an entry of its own, found by its holder") {
  Directory replica("h1");
  auto entries = layout();
  auto extra = WatchSource::port(100, "10.0.0.30", "h1", 10);
  extra.kind = "extra";
  extra.value.erase("state");
  extra.value["attachment"] = "c1/eth0";
  entries.push_back(extra);
  take_snapshot(replica, entries, 12);
  CHECK(replica.find(key("10.0.0.30"))->extra);
  CHECK(replica.extras_of("c1/eth0") == std::vector{key("10.0.0.30")});

  // A port that once had the address is gone: that is another entry.
  auto gone = WatchSource::port(100, "10.0.0.30", "h1", 12);
  gone.deleted = true;
  gone.value = nullptr;
  replica.apply(gone);
  CHECK(replica.find(key("10.0.0.30")));

  extra.generation = extra.revision = 13;
  extra.value["node"] = "h2";
  replica.apply(extra);
  CHECK(replica.extras_of("c1/eth0").empty());
  CHECK(replica.find(key("10.0.0.30"))->node == "h2");
  extra.deleted = true;
  extra.value = nullptr;
  extra.revision = 14;
  replica.apply(extra);
  CHECK_FALSE(replica.find(key("10.0.0.30")));
  CHECK(replica.sums().total().count == layout().size());
}

TEST_CASE("a family's entry with another family's address is not read") {
  Directory replica("h1");
  auto port = WatchSource::port(100, "10.0.0.5", "h2", 10);
  port.kind = "port6";
  const ipam_api::Json block = {{"network", "default"}, {"vni", 100}, {"cidr", "10.0.0.0/24"}, {"gateway", "10.0.0.1"}};
  take_snapshot(replica, {port, object_at("subnet6", "pods", block, 11)}, 12);
  CHECK(replica.port_count() == 0);
  CHECK(replica.subnets(net::Family::v6).empty());
  CHECK(replica.counters().malformed == 2);
}

TEST_CASE("entries that cannot be read count for the digest and for nothing else") {
  Directory replica("h1");
  auto broken = WatchSource::port(100, "10.0.0.5", "h2", 10);
  broken.value["mac"] = "not a MAC";
  auto odd = WatchSource::port(100, "10.0.0.0", "h2", 11);
  odd.key = "10.0.0.0/24";
  auto future = object_at("lantern", "x", {{"light", 1}}, 12);
  auto subnet = layout()[1];
  subnet.value["cidr"] = "10.0.0.1/24";
  take_snapshot(replica, {broken, odd, future, subnet}, 12);
  CHECK(replica.port_count() == 0);
  CHECK(replica.subnets().empty());
  CHECK(replica.counters().malformed == 3);
  CHECK(replica.sums().total().count == 4);

  // Repaired, it is read.
  auto repaired = WatchSource::port(100, "10.0.0.5", "h2", 10);
  repaired.revision = 13;
  replica.apply(repaired);
  CHECK(replica.find(key("10.0.0.5")));
  CHECK(replica.sums().total().count == 4);

  // Broken again: its old place is wrong, so it has none.
  broken.revision = 14;
  replica.apply(broken);
  CHECK_FALSE(replica.find(key("10.0.0.5")));
  CHECK(replica.sums().total().count == 4);
  auto gone = WatchSource::tombstone(WatchSource::port(100, "10.0.0.5", "h2", 10));
  gone.revision = 15;
  replica.apply(gone);
  CHECK(replica.sums().total().count == 3);
}

TEST_CASE("the replica equals the source after any mix of changes and snapshots") {
  std::mt19937 random(20261121);
  const auto pick = [&random](unsigned below) { return std::uniform_int_distribution<unsigned>(0, below - 1)(random); };
  for (int round = 0; round < 30; ++round) {
    WatchSource source;
    Directory replica("h1");
    take_snapshot(replica, {}, 0);
    std::map<std::string, std::uint64_t> live;
    for (int step = 0; step < 200; ++step) {
      const std::string address = "10.0.0." + std::to_string(pick(20));
      const unsigned shard = 100 + pick(3);
      const std::string name = std::to_string(shard) + address;
      ipam_api::Entry entry;
      if (live.contains(name) && pick(2) == 0) {
        entry = WatchSource::tombstone(WatchSource::port(shard, address, "", live[name]));
        live.erase(name);
      } else {
        entry = WatchSource::port(shard, address, "h" + std::to_string(pick(4)), source.revision + 1);
        live[name] = source.revision + 1;
      }
      const auto frame = ipam_api::parse_frame(source.commit({entry})).value();
      if (pick(10) == 0) {  // the change is lost with the connection; a snapshot makes up for it
        for (const std::string& line : source.snapshot()) {
          const auto part = ipam_api::parse_frame(line).value();
          if (const auto* hello = std::get_if<ipam_api::Hello>(&part)) {
            replica.begin_snapshot(hello->incarnation, false);
          } else if (const auto* entries = std::get_if<ipam_api::Entries>(&part)) {
            for (const auto& one : entries->entries) {
              replica.apply(one);
            }
          } else if (const auto* end = std::get_if<ipam_api::EndOfSnapshot>(&part)) {
            replica.end_of_snapshot(end->shard, end->revision);
          } else if (const auto* all = std::get_if<ipam_api::EndOfSnapshots>(&part)) {
            replica.end_of_snapshots(all->revision, all->shards);
          }
        }
      } else {
        for (const auto& one : std::get<ipam_api::Changes>(frame).changes) {
          replica.apply(one);
        }
        replica.advance(source.revision);
      }
      REQUIRE(replica.sums().total() == source.sums().total());
      REQUIRE(replica.port_count() == live.size());
    }
  }
}
