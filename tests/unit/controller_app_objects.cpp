// What admins write: every rule that a bad object breaks, and what deleting needs.
#include <catch2/catch.hpp>

#include "fakes/controller_engine.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;
using Catch::Contains;

namespace {

class Usual : public MemoryEngine {
 public:
  Usual() { engine.usual(); }
};

template <class T>
void check_refused(const Result<T>& answer, Errc code, const std::string& part) {
  CAPTURE(part);
  REQUIRE_FALSE(answer);
  CHECK(info(answer.error().code()).id == info(code).id);
  CHECK_THAT(answer.error().text(), Contains(part));
}

Subnet subnet_like(const std::string& block, std::uint32_t number = 200) {
  Subnet wanted;
  wanted.name = "app";
  wanted.vni = vni(number);
  wanted.blocks = {{net::IpCidr::parse(block).value(), {}}};
  return wanted;
}

Pool pool_like(const std::vector<std::string>& ranges, const std::vector<std::string>& exclusions = {}) {
  Pool wanted;
  wanted.name = "more";
  wanted.subnet = "web";
  for (const auto& text : ranges) {
    wanted.ranges.push_back(range(text));
  }
  for (const auto& text : exclusions) {
    wanted.exclusions.push_back(range(text));
  }
  return wanted;
}

}  // namespace

TEST_CASE_METHOD(Usual, "networks have a name, once", "[app]") {
  const Network blue = engine.network("blue").value();
  CHECK(blue.revision == engine.ipam.committed_revision());
  check_refused(engine.network("blue"), Errc::already_exists, "creating network blue: network blue exists");
  for (const char* bad : {"", "Blue", "-blue", "blue-", "b.lue", "bl ue"}) {
    check_refused(engine.network(bad), Errc::invalid_argument, "is not a name");
  }
  check_refused(engine.network(std::string(64, 'a')), Errc::invalid_argument, "is not a name");
}

TEST_CASE_METHOD(Usual, "subnets keep the rules of addresses", "[app]") {
  const Subnet made = engine.subnet(subnet_like("10.1.0.0/24")).value();
  CHECK(made.blocks.at(0).gateway == ip("10.1.0.1"));
  CHECK(made.mtu_bytes == 1450);

  const auto refused = [&](const Subnet& wanted, Errc code, const std::string& part) {
    check_refused(engine.subnet(wanted), code, part);
  };
  Subnet wanted = subnet_like("10.2.0.0/24", 201);
  refused(wanted, Errc::already_exists, "subnet app exists");
  wanted.name = "app2";
  const Subnet good = wanted;

  wanted.network = "none";
  refused(wanted, Errc::not_found, "there is no network none");
  wanted = good;
  wanted.vni = net::Vni();
  refused(wanted, Errc::invalid_argument, "vni is missing");
  wanted.vni = vni(100);
  refused(wanted, Errc::conflict, "VNI 100 is that of subnet web");
  wanted = good;
  wanted.blocks = {{net::IpCidr::parse("10.0.0.128/25").value(), {}}};
  refused(wanted, Errc::conflict, "10.0.0.128/25 overlaps 10.0.0.0/24 of subnet web");
  for (const char* block : {"10.2.0.0/31", "10.2.0.0/32", "10.0.0.0/7"}) {
    wanted.blocks = {{net::IpCidr::parse(block).value(), {}}};
    wanted.network = "default";
    refused(wanted, Errc::invalid_argument, "subnets are /8 to /30");
  }
  for (const char* block : {"127.1.0.0/24", "169.254.0.0/24", "224.0.0.0/24", "240.0.0.0/24", "0.0.0.0/8"}) {
    wanted.blocks = {{net::IpCidr::parse(block).value(), {}}};
    refused(wanted, Errc::invalid_argument, "overlaps");
  }
  wanted = good;
  for (const auto& [gateway, why] :
       {std::pair{"10.3.0.1", "is not inside"}, {"10.2.0.0", "network address"}, {"10.2.0.255", "broadcast address"}}) {
    wanted.blocks[0].gateway = ip(gateway);
    refused(wanted, Errc::invalid_argument, why);
  }
  wanted = good;
  for (const std::uint32_t mtu : {0U, 575U, 9217U}) {
    wanted.mtu_bytes = mtu;
    refused(wanted, Errc::invalid_argument, "is not between 576 and 9216");
  }
  wanted = good;
  wanted.dns.nameservers = {"10.2.0.2", "ns.example"};
  refused(wanted, Errc::invalid_argument, "'ns.example' is not an IP address");
  Subnet office = subnet_like("10.7.0.0/24", 207);
  office.name = "office";
  office.bridged = Bridging{12};
  REQUIRE(engine.subnet(office));
  Subnet six = subnet_like("10.8.0.0/24", 208);
  six.name = "six";
  six.bridged = Bridging{13};
  six.blocks = {{net::IpCidr::parse("fd00:8::/64").value(), {}}};
  CHECK(engine.subnet(six));  // of IPv6 alone
  wanted = good;
  wanted.bridged = Bridging{12};
  refused(wanted, Errc::conflict, "bridged: VLAN 12 is that of subnet office");
  wanted = good;
  wanted.dns.search = {"bad domain"};
  refused(wanted, Errc::invalid_argument, "dns domain");
  wanted = good;
  wanted.routes = {{cidr("0.0.0.0/0"), std::nullopt}};
  refused(wanted, Errc::invalid_argument, "is the default route");
  wanted.routes = {{cidr("10.2.0.64/26"), std::nullopt}};
  refused(wanted, Errc::invalid_argument, "is inside the subnet");
  wanted.routes = {{cidr("192.168.0.0/16"), ip("10.9.0.1")}};
  refused(wanted, Errc::invalid_argument, "which is no address of 10.2.0.0/24");
  wanted.routes = {{cidr("192.168.0.0/16"), std::nullopt}, {cidr("192.168.0.0/16"), ip("10.2.0.9")}};
  refused(wanted, Errc::invalid_argument, "is there twice");

  wanted = good;
  wanted.mtu_bytes = 9216;
  wanted.routes = {{cidr("192.168.0.0/16")}, {cidr("192.168.0.0/16"), ip("10.2.0.9"), 7}};
  CHECK(engine.subnet(wanted).value().routes == wanted.routes);
  SECTION("another network may use the same addresses") {
    engine.network("blue").value();
    CHECK(engine.subnet("blue", "10.0.0.0/24", 300, "blue"));
  }
}

TEST_CASE_METHOD(Usual, "pools keep inside their subnet and off each other", "[app]") {
  const auto refused = [&](const Pool& wanted, Errc code, const std::string& part) {
    check_refused(engine.pool(wanted), code, part);
  };
  refused(pool_like({"10.0.0.19-10.0.0.25"}), Errc::conflict, "overlaps 10.0.0.10-10.0.0.19 of pool web");
  refused(pool_like({}), Errc::conflict, "of pool web");  // the whole subnet
  refused(pool_like({"10.0.0.250-10.0.1.5"}), Errc::invalid_argument, "is not inside 10.0.0.0/24");
  refused(pool_like({"10.0.0.30-10.0.0.40", "10.0.0.40-10.0.0.50"}), Errc::invalid_argument, "overlaps");
  refused(pool_like({"10.0.0.30-10.0.0.40"}, {"10.0.0.60"}), Errc::invalid_argument, "is outside of the pool's ranges");
  refused(pool_like({"10.0.0.30"}, {"10.0.0.30"}), Errc::invalid_argument, "nothing is left");
  refused(pool_like({"10.0.0.0-10.0.0.1"}), Errc::invalid_argument, "nothing is left");
  Pool wanted = pool_like({"10.0.0.30-10.0.0.40"});
  wanted.subnet = "none";
  refused(wanted, Errc::not_found, "there is no subnet none");
  wanted.subnet = "web";
  wanted.name = "web";
  refused(wanted, Errc::already_exists, "pool web exists");
  wanted.name = "Bad";
  refused(wanted, Errc::invalid_argument, "is not a name");

  const Pool made = engine.pool(pool_like({"10.0.0.31-10.0.0.40", "10.0.0.30", "10.0.0.50-10.0.0.55"})).value();
  CHECK(made.ranges == std::vector{range("10.0.0.30-10.0.0.40"), range("10.0.0.50-10.0.0.55")});  // sorted, joined
  CHECK(engine.use("more").size == 17);
}

TEST_CASE_METHOD(Usual, "a pool without ranges is the whole subnet without its own addresses", "[app]") {
  engine.subnet("app", "10.1.0.0/29", 200).value();
  const Pool made = engine.pool("app", "app").value();
  CHECK(made.ranges == std::vector{range("10.1.0.2-10.1.0.6")});
  CHECK(engine.use("app").size == 5);
}

TEST_CASE_METHOD(Usual, "a network has one default pool: the first, or the one that was made so", "[app]") {
  const auto usual = [&] {
    return engine.read([](const State& state) { return state.default_pool("default")->name; });
  };
  CHECK(usual() == "web");
  Pool wanted = pool_like({"10.0.0.30-10.0.0.40"});
  CHECK_FALSE(engine.pool(wanted).value().is_default);
  CHECK(usual() == "web");
  wanted.name = "newer";
  wanted.ranges = {range("10.0.0.50-10.0.0.60")};
  wanted.is_default = true;
  CHECK(engine.pool(wanted).value().is_default);
  CHECK(usual() == "newer");
  CHECK_FALSE(engine.read([](const State& state) { return state.pool("web")->is_default; }));
  CHECK(engine.allocate(Ask("h1", "c1", "a")).value().pool == "newer");

  Engine restarted(loop, store);
  CHECK(restarted.read([](const State& state) { return state.default_pool("default")->name; }) == "newer");
}

TEST_CASE_METHOD(Usual, "a binding takes the address that it names, or the next", "[app]") {
  NewBinding wanted;
  wanted.owner = owner("vm-1");
  const Binding next = engine.bind(wanted).value();
  CHECK(next.addresses == any("10.0.0.10"));
  CHECK(next.pool == "web");
  CHECK(next.mac == mac("0a:58:0a:00:00:0a"));
  CHECK(next.kind == Kind::fixed_by_admin);
  CHECK(engine.bind("vm-2", "10.0.0.50").value().pool.empty());  // outside of every pool
  CHECK(engine.bind("vm-3", "10.0.0.11").value().pool == "web");
  CHECK(engine.allocate(Ask("h1", "c1", "a")).value().address.address == ip("10.0.0.12"));

  const auto refused = [&](const NewBinding& bad, Errc code, const std::string& part) {
    check_refused(engine.bind(bad), code, part);
  };
  refused(wanted, Errc::already_exists, "binding shop/vm-1: it is bound to 10.0.0.10");
  wanted.owner = owner("vm-9");
  wanted.addresses = any("10.0.0.50");
  refused(wanted, Errc::address_taken, "10.0.0.50 belongs to shop/vm-2");
  wanted.addresses = any("10.0.0.12");
  refused(wanted, Errc::address_taken, "10.0.0.12 belongs to shop/a on node h1");
  wanted.addresses = any("10.0.0.1");
  refused(wanted, Errc::conflict, "gateway address");
  wanted.addresses = any("192.0.2.1");
  refused(wanted, Errc::conflict, "in no subnet of network default");
  wanted.addresses = any("10.0.0.60");
  wanted.pool = "web";
  refused(wanted, Errc::conflict, "10.0.0.60 is not in pool web");
  wanted.pool = "none";
  refused(wanted, Errc::not_found, "there is no pool none");
  wanted.pool = "";
  wanted.mac = mac("0a:58:0a:00:00:0a");
  refused(wanted, Errc::conflict, "MAC");
  wanted.mac = std::nullopt;
  wanted.kind = Kind::stateless;
  refused(wanted, Errc::invalid_argument, "a stateless address has no binding");
  wanted.kind = Kind::fixed_by_admin;
  wanted.owner.network = "none";
  refused(wanted, Errc::not_found, "there is no network none");
  wanted.owner = owner("bad_name");
  refused(wanted, Errc::invalid_argument, "is not a hostname");
  wanted.owner = owner("vm-9", "Bad");
  refused(wanted, Errc::invalid_argument, "is not a name");
  wanted.owner = owner("VM-9");
  wanted.mac = mac("02:00:00:00:00:09");
  const Binding folded = engine.bind(wanted).value();
  CHECK(folded.owner.hostname == "vm-9");
  const auto got = engine.allocate(Ask("h1", "c9", "vm-9")).value();
  CHECK(got.mac == mac("02:00:00:00:00:09"));
}

TEST_CASE_METHOD(Usual, "a pod that is live can be bound as it is", "[app]") {
  const auto live = engine.allocate(Ask("h1", "c1", "web-7").uid("A")).value();
  engine.published.clear();
  check_refused(engine.bind("web-7", "10.0.0.15"), Errc::conflict, "it is live with 10.0.0.10 on node h1");
  NewBinding wanted;
  wanted.owner = owner("web-7");
  CHECK(engine.bind(wanted).value().addresses == any("10.0.0.10"));
  CHECK(engine.published.empty());  // the directory's entry did not change
  CHECK(engine.port("10.0.0.10")->kind == Kind::fixed_by_admin);
  CHECK(engine.port("10.0.0.10")->revision == live.generation);
  CHECK(engine.del("h1", "c1"));
  CHECK(engine.allocate(Ask("h2", "c2", "web-7").uid("B")).value().address == live.address);
}

TEST_CASE_METHOD(Usual, "an unbound address is free again, a live one when its port ends", "[app]") {
  engine.bind("vm-1", "10.0.0.10").value();
  CHECK(engine.use("web").bound == 1);
  CHECK(engine.unbind(owner("vm-1")));
  CHECK(engine.use("web").free == 10);
  check_refused(engine.unbind(owner("vm-1")), Errc::not_found, "there is none");

  engine.bind("vm-2", "10.0.0.11").value();
  engine.allocate(Ask("h1", "c1", "vm-2").uid("A")).value();
  engine.allocate(Ask("h1", "c2", "vm-2").uid("B")).value();
  check_refused(engine.unbind(owner("vm-2")), Errc::in_use, "10.0.0.11 is live on node h1");
  CHECK(engine.unbind(owner("vm-2"), true));
  REQUIRE(engine.port("10.0.0.11"));
  CHECK(engine.port("10.0.0.11")->kind == Kind::stateless);
  check_refused(engine.allocate(Ask("h1", "c3", "vm-2").uid("A")), Errc::superseded, "superseded by UID B");
  CHECK(engine.del("h1", "c2"));
  CHECK(engine.use("web").free == 10);
  CHECK(engine.read([](const State& state) { return state.fenced_uids(owner("vm-2")); }).empty());
}

TEST_CASE_METHOD(Usual, "what is in use is not deleted, and its users are named", "[app]") {
  engine.allocate(Ask("h1", "c1", "a")).value();
  engine.bind("vm-2", "10.0.0.50").value();
  check_refused(engine.delete_network("default"), Errc::in_use, "subnet web");
  check_refused(engine.delete_subnet("web"), Errc::in_use, "pool web");
  check_refused(engine.delete_pool("web"), Errc::in_use, "of shop/a");
  check_refused(engine.delete_node("h1"), Errc::in_use, "it has 1 live port");
  CHECK(engine.del("h1", "c1"));
  CHECK(engine.delete_pool("web"));
  check_refused(engine.delete_subnet("web"), Errc::in_use, "binding shop/vm-2");
  CHECK(engine.unbind(owner("vm-2")));
  CHECK(engine.delete_subnet("web"));
  CHECK(engine.delete_network("default"));
  CHECK(engine.delete_node("h1"));
  check_refused(engine.delete_network("default"), Errc::not_found, "there is no such network");
  check_refused(engine.delete_subnet("web"), Errc::not_found, "there is no such subnet");
  check_refused(engine.delete_pool("web"), Errc::not_found, "there is no such pool");
  check_refused(engine.delete_node("h1"), Errc::not_found, "there is no such node");
  check_refused(engine.delete_gateway("gw1"), Errc::not_found, "there is no such gateway");
  check_refused(engine.delete_port("p1"), Errc::not_found, "there is no such port");
}

TEST_CASE_METHOD(Usual, "a pool put around bound addresses knows them", "[app]") {
  engine.bind("vm-2", "10.0.0.50").value();
  engine.allocate(Ask("h1", "c1", "vm-2")).value();
  engine.bind("vm-3", "10.0.0.51").value();
  engine.pool(pool_like({"10.0.0.50-10.0.0.53"})).value();
  const PoolUse use = engine.use("more");
  CHECK(use.allocated == 1);
  CHECK(use.bound == 1);
  CHECK(use.free == 2);
  CHECK(engine.allocate(Ask("h1", "c2", "a").pool("more")).value().address.address == ip("10.0.0.52"));
}
