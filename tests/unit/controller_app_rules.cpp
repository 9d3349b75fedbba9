// What decides about a pod that does not say everything itself: rules in their order; two families together; extra
// addresses that move.
#include <catch2/catch.hpp>

#include "fakes/controller_engine.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;
using Catch::Contains;

namespace {

class Rules : public MemoryEngine {
 public:
  Rules() {
    engine.usual();
    engine.pool("fixed", "web", {"10.0.0.40-10.0.0.49"}).value();
    Subnet dual;
    dual.name = "dual";
    dual.vni = vni(101);
    dual.blocks = {{net::IpCidr::parse("fd00::/64").value(), {}}, {net::IpCidr::parse("10.0.1.0/24").value(), {}}};
    REQUIRE(engine.create(dual).value().blocks.front().cidr.str() == "10.0.1.0/24");  // IPv4 first
    Pool pool;
    pool.name = "dual";
    pool.subnet = "dual";
    pool.ranges = {range("10.0.1.10-10.0.1.12"), range("fd00::10-fd00::11")};
    engine.pool(pool).value();
  }
  Rule rule(const std::string& name, const std::string& namespaces, const std::string& hostnames = {}) {
    Rule wanted;
    wanted.name = name;
    wanted.selector.namespaces = {namespaces};
    if (!hostnames.empty()) {
      wanted.selector.hostnames = {hostnames};
    }
    return wanted;
  }
  template <class T>
  void check_refused(const Result<T>& answer, Errc code, const std::string& part) {
    CAPTURE(part);
    REQUIRE_FALSE(answer);
    CHECK(info(answer.error().code()).id == info(code).id);
    CHECK_THAT(answer.error().text(), Contains(part));
  }
  PoolUse use(net::Family family) {
    return engine.read([&](const State& state) { return state.use("dual", family); });
  }
  Result<ExtraAddress> move(std::string_view address, std::optional<BindingKey> to) {
    return engine.wait<ExtraAddress>([&](auto done) {
      engine.ipam.move_extra_address(tester(), {default_network, any(address), std::move(to)}, done);
    });
  }
  // The node that the directory says has the extra address; empty: no entry.
  std::string directory(const std::string& address) {
    std::string node;
    for (const ChangeSet& changes : engine.published) {
      for (const Change& change : changes.changes) {
        if (change.kind == ipam_api::entry_kind::extra && change.key == address + "/32") {
          node = change.deleted ? "" : ipam_api::Json::parse(change.text).at("value").at("node").get<std::string>();
        }
      }
    }
    return node;
  }
};

}  // namespace

TEST_CASE_METHOD(Rules, "web-* in shop is stateful, in pool fixed", "[app][rules]") {
  Rule fixed = rule("fixed", "shop", "web-*");
  fixed.wishes.kind = Kind::stateful;
  fixed.wishes.pools = {"fixed"};
  REQUIRE(engine.create(fixed));
  const auto web = engine.allocate(Ask("h1", "c1", "web-1")).value();
  CHECK(web.kind == Kind::stateful);
  CHECK(web.pool == "fixed");
  CHECK(engine.allocate(Ask("h1", "c2", "job-1")).value().pool == "web");
  CHECK(engine.allocate(Ask("h1", "c3", "web-1").in("bank")).value().pool == "web");
  // What the pod says comes first, each field by itself.
  const auto own = engine.allocate(Ask("h1", "c4", "web-2").pool("web")).value();
  CHECK(own.pool == "web");
  CHECK(own.kind == Kind::stateful);
  CHECK(engine.allocate(Ask("h1", "c5", "web-3").kind(Kind::stateless)).value().kind == Kind::stateless);
  // An address of its own, too: the rule's pool is for those who leave it open.
  const auto exact = engine.allocate(Ask("h1", "c6", "web-4").address("10.0.0.17")).value();
  CHECK(exact.address.address.str() == "10.0.0.17");
  CHECK(exact.pool == "web");
  check_refused(engine.allocate(Ask("h1", "c7", "web-5").address("10.0.0.18").pool("fixed")), Errc::conflict,
                "10.0.0.18 is not in pool fixed");
  check_refused(engine.delete_pool("fixed"), Errc::in_use, "rule fixed");
}

TEST_CASE_METHOD(Rules, "namespace rules, then workload rules, by order, then the configuration", "[app][rules]") {
  Rule of_namespace = rule("z-namespace", "shop");
  of_namespace.order = 900;
  of_namespace.wishes.workload = "of-namespace";
  Rule late = rule("a-late", "shop", "*");
  late.order = 200;
  late.wishes.workload = "late";
  late.wishes.kind = Kind::stateless;
  late.wishes.labels = {{"tier", "late"}, {"app", "x"}};
  Rule early = rule("b-early", "shop", "*");
  early.order = 10;
  early.wishes.kind = Kind::stateful;
  early.wishes.labels = {{"tier", "early"}};
  for (const Rule& one : {of_namespace, late, early}) {
    REQUIRE(engine.create(one));
  }
  Ask ask("h1", "c1", "web-1");
  ask.configured.pools = {"fixed"};
  ask.configured.kind = Kind::fixed_by_admin;
  const auto answer = engine.allocate(ask).value();
  CHECK(answer.kind == Kind::stateful);
  CHECK(answer.pool == "fixed");
  const Binding made = *engine.binding(owner("web-1"));
  CHECK(made.workload == "of-namespace");
  CHECK(made.labels == Labels{{"tier", "early"}, {"app", "x"}});
}

TEST_CASE_METHOD(Rules, "pools see the labels that rules put on a pod", "[app][rules]") {
  Rule gold = rule("gold", "shop");
  gold.wishes.labels = {{"tier", "gold"}};
  REQUIRE(engine.create(gold));
  Pool pool;
  pool.name = "gold";
  pool.subnet = "web";
  pool.ranges = {range("10.0.0.60")};
  pool.selector.labels = {{"tier", "gold"}};
  REQUIRE(engine.pool(pool));
  CHECK(engine.allocate(Ask("h1", "c1", "a")).value().pool == "gold");
  CHECK(engine.allocate(Ask("h1", "c2", "a").in("bank")).value().pool == "web");
}

TEST_CASE_METHOD(Rules, "two live claims of different workloads are refused, unless a rule allows it", "[app][rules]") {
  Ask old("h1", "c1", "proxy");
  old.uid("A").wishes.workload = "edge";
  const auto live = engine.allocate(old).value();
  Ask other("h2", "c2", "proxy");
  other.uid("B").wishes.workload = "mesh";
  const auto refused = engine.allocate(other);
  check_refused(refused, Errc::conflict, "it is live with 10.0.0.10 for workload edge on node h1");
  check_refused(refused, Errc::conflict, "maxSurge: 0");
  Rule allowing = rule("takeover", "shop", "proxy");
  allowing.takeover = true;
  REQUIRE(engine.create(allowing));
  const auto taken = engine.allocate(other).value();
  CHECK(taken.address == live.address);
  CHECK(taken.generation > live.generation);
  check_refused(engine.allocate(Ask("h1", "c3", "proxy").uid("A")), Errc::superseded, "superseded by UID B on h2");
}

TEST_CASE_METHOD(Rules, "a port of a dual-stack pool has both addresses or none", "[app][dual]") {
  const auto both = engine.allocate(Ask("h1", "c1", "a").pool("dual")).value();
  CHECK(both.address.str() == "10.0.1.10/24");
  CHECK(both.address6->str() == "fd00::10/64");
  CHECK(both.gateway6->str() == "fd00::1");
  CHECK(engine.port("fd00::10", 101)->owner.hostname == "a");
  // One that is wished for brings one of the other family.
  const auto wished = engine.allocate(Ask("h1", "c2", "b").pool("dual").address("fd00::11")).value();
  CHECK(wished.address.str() == "10.0.1.11/24");
  CHECK(wished.address6->str() == "fd00::11/64");
  // IPv6 is used up: no IPv4 address alone.
  check_refused(engine.allocate(Ask("h1", "c3", "c").pool("dual")), Errc::exhausted, "pool dual: 0 of 2 free, 2 live");
  CHECK(use(net::Family::v4).free == 1);
  CHECK(engine.del("h1", "c2"));
  CHECK(use(net::Family::v4).free == 2);
  CHECK(use(net::Family::v6).free == 1);
  NewBinding half;
  half.owner = owner("d");
  half.addresses = any("10.0.1.12");
  CHECK(engine.bind(half).value().addresses.str() == "10.0.1.12, fd00::11");
}

TEST_CASE_METHOD(Rules, "a subnet and its pool gain a family while they are used", "[app][dual]") {
  CHECK(engine.allocate(Ask("h1", "c1", "a")));
  Subnet web = engine.read([](const State& state) { return *state.subnet("web"); });
  web.blocks.push_back({net::IpCidr::parse("fd01::/64").value(), {}});
  REQUIRE(engine.put(web));
  Pool pool = engine.read([](const State& state) { return *state.pool("web"); });
  pool.ranges.push_back(range("fd01::10-fd01::1f"));
  REQUIRE(engine.put(pool));
  CHECK(engine.allocate(Ask("h1", "c2", "b")).value().address6->str() == "fd01::10/64");
  CHECK_FALSE(engine.allocate(Ask("h2", "c3", "a")).value().address6);  // it keeps what it has
  web.blocks.push_back({net::IpCidr::parse("fd02::/64").value(), {}});
  check_refused(engine.put(web), Errc::invalid_argument, "there is another IPv6 block");
}

TEST_CASE_METHOD(Rules, "an extra address moves, and follows its port", "[app][extra]") {
  ExtraAddress wanted;
  wanted.network = default_network;
  wanted.address = any("10.0.0.19");
  wanted.namespace_ = "shop";
  wanted.hostnames = {"lb-*"};
  REQUIRE(engine.create(wanted));
  CHECK(engine.use("web").bound == 1);
  check_refused(engine.allocate(Ask("h1", "x", "x").address("10.0.0.19")), Errc::address_taken, "an extra address");
  CHECK(engine.allocate(Ask("h1", "c1", "lb-0")));
  CHECK(engine.allocate(Ask("h2", "c2", "lb-1")));
  CHECK(engine.allocate(Ask("h2", "c3", "web-1")));
  check_refused(move("10.0.0.19", owner("web-1")), Errc::permission_denied, "shop/web-1 is not one of those");
  check_refused(move("10.0.0.19", owner("lb-9")), Errc::not_found, "shop/lb-9 has no live port");
  const auto first = move("10.0.0.19", owner("lb-0")).value();
  CHECK(directory("10.0.0.19") == "h1");
  const auto second = move("10.0.0.19", owner("lb-1")).value();
  CHECK(second.generation > first.generation);
  CHECK(directory("10.0.0.19") == "h2");
  CHECK(engine.allocate(Ask("h3", "c4", "lb-1")));  // the holder moves
  CHECK(directory("10.0.0.19") == "h3");
  CHECK(engine.del("h3", "c4"));
  CHECK(directory("10.0.0.19").empty());
  CHECK(engine.allocate(Ask("h1", "c5", "lb-1")));
  CHECK(directory("10.0.0.19") == "h1");
  wanted.hostnames = {"lb-0"};
  check_refused(engine.put(wanted), Errc::in_use, "shop/lb-1 holds it");
  CHECK(move("10.0.0.19", std::nullopt));
  CHECK(directory("10.0.0.19").empty());
  CHECK(engine.remove<ExtraAddress>({vni(100), any("10.0.0.19")}));
  CHECK(engine.use("web").bound == 0);
}
