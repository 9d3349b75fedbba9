// The rules of an allocation, one by one.
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
  // The error of a request that must be refused.
  Error refused(const ipam_api::AllocateRequest& request) {
    const auto answer = engine.allocate(request);
    REQUIRE_FALSE(answer);
    return answer.error();
  }
};

}  // namespace

TEST_CASE_METHOD(Usual, "an allocation says all that a container needs", "[app]") {
  Subnet wanted;
  wanted.name = "app";
  wanted.vni = vni(200);
  wanted.blocks = {{net::IpCidr::parse("10.1.0.0/16").value(), ip("10.1.255.254")}};
  wanted.mtu_bytes = 1400;
  wanted.dns.nameservers = {"10.1.0.2"};
  wanted.routes = {{cidr("192.168.0.0/16"), ip("10.1.0.3")}};
  engine.subnet(wanted).value();
  engine.pool("app", "app", {"10.1.2.0-10.1.2.9"}).value();

  const auto got = engine.allocate(Ask("h1", "c1", "web-7").uid("A").pool("app")).value();
  CHECK(got.network == "default");
  CHECK(got.subnet == "app");
  CHECK(got.pool == "app");
  CHECK(got.namespace_ == "shop");
  CHECK(got.hostname == "web-7");
  CHECK(got.kind == Kind::stateless);
  CHECK(got.address.str() == "10.1.2.0/16");
  CHECK(got.gateway == ip("10.1.255.254"));
  CHECK(got.mac == mac("0a:58:0a:01:02:00"));
  CHECK(got.vni == vni(200));
  CHECK(got.mtu_bytes == 1400);
  CHECK(got.dns.nameservers == std::vector<std::string>{"10.1.0.2"});
  REQUIRE(got.routes.size() == 1);
  CHECK(got.routes[0].destination == cidr("192.168.0.0/16"));
  CHECK(got.generation == engine.ipam.committed_revision());
  CHECK(got.port_id == port_id_of(got.generation));

  const auto port = engine.port("10.1.2.0", 200);
  REQUIRE(port);
  CHECK(port->state == PortState::pending);
  CHECK(port->node == "h1");
  CHECK(port->pod_uid == "A");
}

TEST_CASE_METHOD(Usual, "the same attachment again gets the same answer, and changes nothing", "[app]") {
  const auto first = engine.allocate(Ask("h1", "c1", "web-7").uid("A")).value();
  const auto revision = engine.ipam.committed_revision();
  const auto again = engine.allocate(Ask("h1", "c1", "web-7").uid("A")).value();
  CHECK(to_json(again) == to_json(first));
  CHECK(engine.ipam.committed_revision() == revision);
  CHECK(engine.use("web").allocated == 1);

  SECTION("after it was confirmed, too: the port stays active") {
    REQUIRE(engine.confirm("h1", "c1", first.generation));
    CHECK(engine.allocate(Ask("h1", "c1", "web-7").uid("A")).value().generation == first.generation);
    CHECK(engine.port("10.0.0.10")->state == PortState::active);
  }
  SECTION("after a restart, too") {
    Engine restarted(loop, store);
    CHECK(to_json(restarted.allocate(Ask("h1", "c1", "web-7").uid("A")).value()) == to_json(first));
  }
  SECTION("but not for another hostname") {
    const Error error = refused(Ask("h1", "c1", "web-8"));
    CHECK(error.code() == Errc::conflict);
    CHECK_THAT(error.message(), Contains("c1/eth0") && Contains("10.0.0.10") && Contains("shop/web-7"));
  }
  SECTION("the same container id on another node is another attachment") {
    CHECK(engine.allocate(Ask("h2", "c1", "web-8")).value().address.address == ip("10.0.0.11"));
    CHECK(engine.del("h2", "c1"));
    CHECK(engine.port("10.0.0.10"));
  }
}

TEST_CASE_METHOD(Usual, "a node that is not registered gets nothing", "[app]") {
  const Error error = refused(Ask("h9", "c1", "web-7"));
  CHECK(error.code() == Errc::not_found);
  CHECK_THAT(error.message(), Contains("h9"));
  CHECK_THAT(error.hint(), Contains("register first"));
}

TEST_CASE_METHOD(Usual, "stateless: an address in turn, free again at release", "[app]") {
  const auto first = engine.allocate(Ask("h1", "c1", "a")).value();
  CHECK(first.address.address == ip("10.0.0.10"));
  CHECK(engine.confirm("h1", "c1", first.generation));
  CHECK(engine.allocate(Ask("h1", "c2", "b")).value().address.address == ip("10.0.0.11"));
  CHECK(engine.del("h1", "c1"));
  CHECK(engine.allocate(Ask("h1", "c3", "c")).value().address.address == ip("10.0.0.12"));
  CHECK(engine.allocate(Ask("h1", "c4", "a")).value().address.address == ip("10.0.0.13"));
  CHECK_FALSE(engine.binding(owner("a")));
  const PoolUse use = engine.use("web");
  CHECK(use.size == 10);
  CHECK(use.allocated == 3);
  CHECK(use.bound == 0);
  CHECK(use.free == 7);
}

TEST_CASE_METHOD(Usual, "stateful: bound at first use, and for good", "[app]") {
  const auto first = engine.allocate(Ask("h1", "c1", "db-0").uid("A").kind(Kind::stateful)).value();
  CHECK(first.kind == Kind::stateful);
  CHECK(engine.del("h1", "c1"));
  CHECK_FALSE(engine.port("10.0.0.10"));
  REQUIRE(engine.binding(owner("db-0")));
  CHECK(engine.use("web").bound == 1);
  CHECK(engine.allocate(Ask("h2", "x1", "other")).value().address.address == ip("10.0.0.11"));

  const auto second = engine.allocate(Ask("h2", "c2", "db-0").uid("B")).value();  // the kind is the binding's
  CHECK(second.address == first.address);
  CHECK(second.mac == first.mac);
  CHECK(second.kind == Kind::stateful);
  CHECK(second.generation > first.generation);
}

TEST_CASE_METHOD(Usual, "a pool's kind is that of a pod that does not say", "[app]") {
  engine.subnet("data", "10.2.0.0/24", 300).value();
  engine.pool("data", "data", {}, Kind::stateful).value();
  CHECK(engine.allocate(Ask("h1", "c1", "db-0").pool("data")).value().kind == Kind::stateful);
  CHECK(engine.allocate(Ask("h1", "c2", "job").pool("data").kind(Kind::stateless)).value().kind == Kind::stateless);
  CHECK(engine.binding(owner("db-0")));
  CHECK_FALSE(engine.binding(owner("job")));
}

TEST_CASE_METHOD(Usual, "static: only with an admin's binding", "[app]") {
  const Error error = refused(Ask("h1", "c1", "vm-1").kind(Kind::fixed_by_admin));
  CHECK(error.code() == Errc::not_found);
  CHECK_THAT(error.message(), Contains("shop/vm-1") && Contains("no static binding"));
  CHECK_THAT(error.hint(), Contains("mooringctl create binding"));

  engine.bind("vm-1", "10.0.0.50").value();
  const auto got = engine.allocate(Ask("h1", "c1", "vm-1").kind(Kind::fixed_by_admin)).value();
  CHECK(got.address.address == ip("10.0.0.50"));
  CHECK(got.pool.empty());
  CHECK(got.kind == Kind::fixed_by_admin);

  engine.subnet("vms", "10.3.0.0/24", 400).value();
  engine.pool("vms", "vms", {}, Kind::fixed_by_admin).value();
  CHECK_THAT(refused(Ask("h1", "c2", "vm-2").pool("vms")).message(), Contains("pool vms is for static ones"));
  CHECK(refused(Ask("h1", "c2", "vm-2").subnet("vms")).code() == Errc::not_found);
}

TEST_CASE_METHOD(Usual, "a namespace of its own has a hostname of its own", "[app]") {
  const auto shop = engine.allocate(Ask("h1", "c1", "db-0").kind(Kind::stateful)).value();
  const auto bank = engine.allocate(Ask("h1", "c2", "db-0").in("bank").kind(Kind::stateful)).value();
  const auto second = engine.allocate(Ask("h1", "c3", "db-0").interface(1).kind(Kind::stateful)).value();
  CHECK(shop.address != bank.address);
  CHECK(shop.address != second.address);
}

TEST_CASE_METHOD(Usual, "a wished address is given, or it is said why not", "[app]") {
  SECTION("free and in the pool") {
    CHECK(engine.allocate(Ask("h1", "c1", "a").address("10.0.0.15")).value().address.address == ip("10.0.0.15"));
  }
  SECTION("live with somebody else") {
    engine.allocate(Ask("h2", "c1", "a").address("10.0.0.15")).value();
    const Error error = refused(Ask("h1", "c2", "b").address("10.0.0.15"));
    CHECK(error.code() == Errc::address_taken);
    CHECK_THAT(error.message(), Contains("10.0.0.15 belongs to shop/a on node h2"));
  }
  SECTION("bound to somebody who is not live") {
    engine.bind("vm-1", "10.0.0.15").value();
    const Error error = refused(Ask("h1", "c2", "b").address("10.0.0.15"));
    CHECK(error.code() == Errc::address_taken);
    CHECK_THAT(error.message(), Contains("shop/vm-1 (static binding without a live port)"));
    CHECK_THAT(error.hint(), Contains("mooringctl delete binding vm-1 -n shop"));
  }
  SECTION("in the subnet, in no pool") {
    const Error error = refused(Ask("h1", "c1", "a").address("10.0.0.99"));
    CHECK(error.code() == Errc::conflict);
    CHECK_THAT(error.message(), Contains("10.0.0.99 is in no pool of subnet web"));
  }
  SECTION("in no subnet") {
    const Error error = refused(Ask("h1", "c1", "a").address("192.0.2.1"));
    CHECK(error.code() == Errc::conflict);
    CHECK_THAT(error.message(), Contains("192.0.2.1 is in no subnet of network default"));
  }
  SECTION("not in the wished pool") {
    engine.pool("other", "web", {"10.0.0.30-10.0.0.39"}).value();
    CHECK_THAT(refused(Ask("h1", "c1", "a").pool("other").address("10.0.0.15")).message(),
               Contains("10.0.0.15 is not in pool other (10.0.0.30-10.0.0.39)"));
    CHECK(engine.allocate(Ask("h1", "c1", "a").address("10.0.0.35")).value().pool == "other");
  }
  SECTION("excluded") {
    Pool cut;
    cut.name = "cut";
    cut.subnet = "web";
    cut.ranges = {range("10.0.0.40-10.0.0.49")};
    cut.exclusions = {range("10.0.0.45")};
    engine.pool(cut).value();
    CHECK_THAT(refused(Ask("h1", "c1", "a").address("10.0.0.45")).message(), Contains("excluded from pool cut"));
  }
  SECTION("the gateway, the network, the broadcast address") {
    CHECK_THAT(refused(Ask("h1", "c1", "a").address("10.0.0.1")).message(), Contains("gateway address"));
    CHECK_THAT(refused(Ask("h1", "c1", "a").address("10.0.0.0")).message(), Contains("network address"));
    CHECK_THAT(refused(Ask("h1", "c1", "a").address("10.0.0.255")).message(), Contains("broadcast address"));
  }
  SECTION("the hostname is bound to another one") {
    engine.bind("vm-1", "10.0.0.50").value();
    const Error error = refused(Ask("h1", "c1", "vm-1").address("10.0.0.15"));
    CHECK(error.code() == Errc::conflict);
    CHECK_THAT(error.message(), Contains("is bound to address 10.0.0.50, and the wish is address 10.0.0.15"));
    CHECK(engine.allocate(Ask("h1", "c1", "vm-1").address("10.0.0.50")));
  }
  SECTION("the hostname is live with another one") {
    engine.allocate(Ask("h1", "c1", "a")).value();
    CHECK_THAT(refused(Ask("h2", "c2", "a").address("10.0.0.15")).message(),
               Contains("is live with address 10.0.0.10, and the wish is address 10.0.0.15"));
  }
  // Nothing that was refused left a trace.
  CHECK(engine.use("web").free + engine.use("web").allocated + engine.use("web").bound == 10);
}

TEST_CASE_METHOD(Usual, "a wished MAC is given, once in a subnet", "[app]") {
  CHECK(engine.allocate(Ask("h1", "c1", "a").mac("02:00:00:00:00:01")).value().mac == mac("02:00:00:00:00:01"));
  const Error error = refused(Ask("h1", "c2", "b").mac("02:00:00:00:00:01"));
  CHECK(error.code() == Errc::conflict);
  CHECK_THAT(error.message(), Contains("02:00:00:00:00:01 is that of shop/a"));
  CHECK(refused(Ask("h1", "c2", "b").mac("0a:58:0a:00:00:63")).code() == Errc::conflict);
  CHECK(refused(Ask("h1", "c2", "b").mac("0a:6d:6f:6f:72:01")).code() == Errc::conflict);
  CHECK(engine.del("h1", "c1"));
  CHECK(engine.allocate(Ask("h1", "c2", "b").mac("02:00:00:00:00:01")));
}

TEST_CASE_METHOD(Usual, "wishes that contradict are refused, both named", "[app]") {
  engine.network("blue").value();
  engine.subnet("blue", "10.0.0.0/24", 101, "blue").value();
  engine.pool("blue", "blue").value();
  CHECK(engine.allocate(Ask("h1", "c1", "a").network("blue")).value().pool == "blue");
  CHECK(engine.allocate(Ask("h1", "c2", "b").subnet("blue")).value().network == "blue");
  CHECK(engine.allocate(Ask("h1", "c3", "c").pool("blue")).value().network == "blue");
  CHECK_THAT(refused(Ask("h1", "c4", "d").pool("blue").network("default")).message(),
             Contains("subnet blue is in network blue, and the wish is network default"));
  CHECK_THAT(refused(Ask("h1", "c4", "d").pool("blue").subnet("web")).message(),
             Contains("pool blue is in subnet blue, and the wish is subnet web"));
  CHECK(refused(Ask("h1", "c4", "d").pool("none")).code() == Errc::not_found);
  CHECK(refused(Ask("h1", "c4", "d").subnet("none")).code() == Errc::not_found);
  CHECK(refused(Ask("h1", "c4", "d").network("none")).code() == Errc::not_found);
}

TEST_CASE_METHOD(Usual, "without a wish, a binding's network is taken", "[app]") {
  engine.network("blue").value();
  engine.subnet("blue", "10.9.0.0/24", 101, "blue").value();
  engine.pool("blue", "blue").value();
  NewBinding wanted;
  wanted.owner = owner("vm-1", "shop", "blue");
  wanted.addresses = any("10.9.0.50");
  engine.bind(wanted).value();
  CHECK(engine.allocate(Ask("h1", "c1", "vm-1")).value().address.address == ip("10.9.0.50"));

  engine.network("green").value();
  engine.subnet("green", "10.8.0.0/24", 102, "green").value();
  wanted.owner = owner("vm-2", "shop", "green");
  wanted.addresses = any("10.8.0.50");
  engine.bind(wanted).value();
  wanted.owner = owner("vm-2", "shop", "blue");
  wanted.addresses = any("10.9.0.51");
  engine.bind(wanted).value();
  CHECK_THAT(refused(Ask("h1", "c2", "vm-2")).message(), Contains("network blue") && Contains("network green"));
  CHECK(engine.allocate(Ask("h1", "c2", "vm-2").network("green")).value().address.address == ip("10.8.0.50"));
}

TEST_CASE_METHOD(Usual, "without a pool there is nothing to give", "[app]") {
  engine.network("empty").value();
  CHECK_THAT(refused(Ask("h1", "c1", "a").network("empty")).message(), Contains("network empty has no default pool"));
  MemoryEngine bare;
  bare.engine.node("h1", "172.31.0.1").value();
  const auto answer = bare.engine.allocate(Ask("h1", "c1", "a"));
  REQUIRE_FALSE(answer);
  CHECK_THAT(answer.error().text(), Contains("no network default") && Contains("mooringctl create network default"));
}

TEST_CASE_METHOD(Usual, "an exhausted pool says what is in it, and the way out", "[app]") {
  engine.bind("vm-1", "10.0.0.10").value();
  engine.bind("vm-2", "10.0.0.11").value();
  for (int i = 0; i < 8; ++i) {
    engine.allocate(Ask("h1", "c" + std::to_string(i), "web-" + std::to_string(i))).value();
  }
  const Error error = refused(Ask("h1", "c9", "web-9"));
  CHECK(error.code() == Errc::exhausted);
  CHECK_THAT(error.message(), Contains("allocating an address for shop/web-9 on node h1") &&
                                  Contains("pool web: 0 of 10 free, 8 live, 2 bound without a live port"));
  CHECK_THAT(error.hint(), Contains("mooringctl get bindings"));
  CHECK(engine.allocate(Ask("h1", "c9", "vm-1")));  // who is bound gets in

  SECTION("a wished subnet offers all of its pools") {
    engine.pool("more", "web", {"10.0.0.30-10.0.0.30"}).value();
    CHECK(refused(Ask("h1", "x", "web-9")).code() == Errc::exhausted);
    CHECK(engine.allocate(Ask("h1", "x", "web-9").subnet("web")).value().pool == "more");
    CHECK_THAT(refused(Ask("h1", "y", "web-10").subnet("web")).message(),
               Contains("pool web: 0 of 10 free") && Contains("pool more: 0 of 1 free"));
  }
}
