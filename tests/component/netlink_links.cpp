// Links on the real kernel, in namespaces that end with the test.
#include <catch2/catch.hpp>

#include "mooring/netlink/interface_settings.hpp"
#include "mooring/netlink/socket.hpp"
#include "support/throwaway_netns.hpp"

namespace {

using namespace mooring;
using namespace mooring::netlink;
using tests::ThrowawayNetns;

const net::MacAddress mac({0x0a, 0x58, 10, 0, 0, 5});

struct TwoNamespaces {
  ThrowawayNetns here, there;
  NetworkNamespace here_ns = here.open(), there_ns = there.open();
  NetlinkSocket host = NetlinkSocket::open_in(here_ns).value();
  NetlinkSocket container = NetlinkSocket::open_in(there_ns).value();

  VethPair pair() const { return {{"mohost", {}, 1450}, {"eth0", mac, 1450}, true, there_ns.fd(), 7}; }
};

}  // namespace

TEST_CASE("a veth pair is born with its far end in the other namespace, by one request") {
  TwoNamespaces t;
  REQUIRE(t.host.create_veth(t.pair()));

  const Link host = t.host.find_link("mohost").value();
  CHECK(host.kind == "veth");
  CHECK(host.mtu_bytes == 1450);
  CHECK(host.group == 7);
  CHECK(host.up);
  CHECK_FALSE(host.carrier);

  const Link inside = t.container.find_link("eth0").value();
  CHECK(inside.mac == mac);
  CHECK(inside.mtu_bytes == 1450);
  CHECK_FALSE(inside.up);
  CHECK(host.peer_index == inside.index);
  CHECK(t.host.find_link("eth0").error().code() == Errc::not_found);
  CHECK(t.container.find_link(inside.index).value().name == "eth0");
}

TEST_CASE("a second pair of either name is refused and leaves nothing") {
  TwoNamespaces t;
  REQUIRE(t.host.create_veth(t.pair()));
  const auto links = t.host.list_links().value().size();

  const auto same = t.host.create_veth(t.pair());
  CHECK(same.error().code() == Errc::already_exists);
  CHECK(same.error().message().find("creating veth pair mohost - eth0: File exists") == 0);

  VethPair taken_inside = t.pair();
  taken_inside.here.name = "moother";
  CHECK(t.host.create_veth(taken_inside).error().code() == Errc::already_exists);
  CHECK(t.host.list_links().value().size() == links);
  CHECK(t.container.list_links().value().size() == 2);  // lo and eth0
}

TEST_CASE("MAC, MTU, group, alias and up change in one request") {
  TwoNamespaces t;
  REQUIRE(t.host.create_veth(t.pair()));
  const int index = t.container.find_link("eth0").value().index;
  const net::MacAddress other({0x0a, 0x58, 10, 0, 0, 6});
  LinkChange change;
  change.mac = other;
  change.mtu_bytes = 1400;
  change.up = true;
  change.alias = "db-0";
  change.group = 9;
  REQUIRE(t.container.change_link(index, change));
  const Link link = t.container.find_link(index).value();
  CHECK(link.mac == other);
  CHECK(link.mtu_bytes == 1400);
  CHECK(link.up);
  CHECK(link.carrier);
  CHECK(link.alias == "db-0");
  CHECK(link.group == 9);

  LinkChange away;
  away.up = false;
  REQUIRE(t.container.change_link(index, away));
  LinkChange renamed;
  renamed.name = "net1";
  REQUIRE(t.container.change_link(index, renamed));
  CHECK(t.container.find_link("net1").value().index == index);
  CHECK_FALSE(t.container.find_link("net1").value().up);
}

TEST_CASE("an MTU that no device can have is refused") {
  TwoNamespaces t;
  VethPair pair = t.pair();
  pair.here.mtu_bytes = 20;
  const auto refused = t.host.create_veth(pair);
  CHECK(refused.error().message() == "creating veth pair mohost - eth0: Invalid argument");
  CHECK(t.host.list_links().value().size() == 1);
}

TEST_CASE("deleting one end takes the other, and what is away is not_found") {
  TwoNamespaces t;
  REQUIRE(t.host.create_veth(t.pair()));
  REQUIRE(t.host.delete_link("mohost"));
  CHECK(t.container.find_link("eth0").error().code() == Errc::not_found);
  CHECK(t.host.delete_link("mohost").error().code() == Errc::not_found);
  CHECK(t.host.delete_link(4711).error().code() == Errc::not_found);
  CHECK(t.host.delete_link(0).error().code() == Errc::invalid_argument);
  CHECK(t.host.change_link(4711, LinkChange{}).error().code() == Errc::not_found);
}

TEST_CASE("a group of links is deleted by one request") {
  TwoNamespaces t;
  for (const char* name : {"mo1", "mo2", "mo3"}) {
    VethPair pair = t.pair();
    pair.here.name = name;
    pair.peer.name = name;
    REQUIRE(t.host.create_veth(pair));
  }
  CHECK(t.host.delete_link_group(0).error().code() == Errc::invalid_argument);
  CHECK(t.host.list_links().value().size() == 4);
  REQUIRE(t.host.delete_link_group(7));
  CHECK(t.host.list_links().value().size() == 1);
  CHECK(t.host.delete_link_group(7).error().code() == Errc::not_found);
}

TEST_CASE("names that the kernel cannot hold are refused before it is asked") {
  TwoNamespaces t;
  const std::string too_long(16, 'x');
  VethPair pair = t.pair();
  pair.here.name = too_long;
  CHECK(t.host.create_veth(pair).error().code() == Errc::invalid_argument);
  CHECK(t.host.find_link(too_long).error().code() == Errc::invalid_argument);
  CHECK(t.host.find_link("").error().code() == Errc::invalid_argument);
  CHECK(t.host.delete_link("").error().code() == Errc::invalid_argument);
}

TEST_CASE("transmit checksum offload is switched off in another namespace") {
  TwoNamespaces t;
  REQUIRE(t.host.create_veth(t.pair()));
  const auto state = [&] { return t.there_ns.run([] { return transmit_checksum_offload("eth0"); }).value(); };
  CHECK(state());
  REQUIRE(set_transmit_checksum_offload(t.there_ns, "eth0", false));
  CHECK_FALSE(state());
  REQUIRE(set_transmit_checksum_offload(t.there_ns, "eth0", true));
  CHECK(state());
  CHECK(set_transmit_checksum_offload(t.there_ns, "eth7", false).error().code() == Errc::not_found);
}

TEST_CASE("settings below net/ belong to the namespace that is entered") {
  TwoNamespaces t;
  const char* name = "net/ipv4/conf/all/arp_ignore";
  const std::string own = read_sysctl(name).value();
  REQUIRE(write_sysctl(t.there_ns, name, "2"));
  CHECK(t.there_ns.run([&] { return read_sysctl(name); }).value() == "2");
  CHECK(t.here_ns.run([&] { return read_sysctl(name); }).value() == "0");
  CHECK(read_sysctl(name).value() == own);
  CHECK(write_sysctl(t.there_ns, "net/ipv4/no_such_thing", "1").error().code() == Errc::not_found);
  CHECK(write_sysctl(t.there_ns, name, "nonsense").error().code() == Errc::io);
}

TEST_CASE("a visit to a namespace ends where it began, also by an exception") {
  TwoNamespaces t;
  const auto before = NetworkNamespace::current().value();
  REQUIRE_THROWS(t.there_ns.run([]() -> Result<void> { throw std::runtime_error("on the way"); }));
  CHECK(NetworkNamespace::current().value().same_as(before));
  const bool was_there =
      t.there_ns.run([&]() -> Result<bool> { return NetworkNamespace::current().value().same_as(t.there_ns); }).value();
  CHECK(was_there);
  CHECK_FALSE(t.there_ns.same_as(t.here_ns));
  CHECK(NetworkNamespace::current().value().same_as(before));
}

TEST_CASE("what is no network namespace is refused") {
  CHECK(NetworkNamespace::open("/run/netns/there-is-none").error().code() == Errc::not_found);
  CHECK(NetworkNamespace::open("/etc/hostname").error().code() == Errc::invalid_argument);
  CHECK(NetworkNamespace::open("/proc/self/ns/mnt").error().code() == Errc::invalid_argument);
  CHECK(NetworkNamespace::open("").error().code() == Errc::not_found);
}
