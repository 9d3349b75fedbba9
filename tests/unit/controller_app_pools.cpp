// Where an address comes from: strategies, selectors, allow and deny lists, quotas, fallback, default and static pools,
// blocks of nodes, growing and shrinking.
#include <catch2/catch.hpp>

#include "fakes/controller_engine.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;
using Catch::Contains;

namespace {

class Pools : public MemoryEngine {
 public:
  Pools() { engine.usual(); }
  Pool pool(const std::string& name, const std::string& ranges) {
    Pool wanted;
    wanted.name = name;
    wanted.subnet = "web";
    wanted.ranges = {range(ranges)};
    return wanted;
  }
  Pool usual() {
    return engine.read([](const State& state) { return *state.pool("web"); });
  }
  Result<ipam_api::Allocation> add(const std::string& host, const std::string& in = "shop",
                                   const std::string& of = {}) {
    Ask ask("h1", fmt::format("c{}", ++containers), host);
    ask.in(in);
    if (!of.empty()) {
      ask.pool(of);
    }
    return engine.allocate(ask);
  }
  std::string address(const std::string& host, const std::string& in = "shop", const std::string& of = {}) {
    const auto answer = add(host, in, of);
    return answer ? answer->address.address.str() : answer.error().text();
  }
  Result<Block> lease(const std::string& of, std::uint32_t count, const std::string& node = "h1") {
    return engine.wait<Block>([&](auto done) {
      engine.ipam.lease_block(tester(), {node, of, net::Family::v4, count, 0}, done);
    });
  }
  Result<void> take_back(const Block& block, bool reported) {
    return engine.wait<void>([&](auto done) { engine.ipam.return_block(tester(), block.id, reported, done); });
  }
  template <class T>
  void check_refused(const Result<T>& answer, Errc code, const std::string& part) {
    CAPTURE(part);
    REQUIRE_FALSE(answer);
    CHECK(info(answer.error().code()).id == info(code).id);
    CHECK_THAT(answer.error().text(), Contains(part));
  }
  int containers = 0;
};

}  // namespace

TEST_CASE_METHOD(Pools, "strategies: in turn, the lowest, one at random", "[app][pools]") {
  Pool lowest = pool("lowest", "10.0.0.40-10.0.0.43");
  lowest.strategy = Strategy::lowest;
  REQUIRE(engine.pool(lowest));
  Pool random = pool("random", "10.0.0.64/26");
  random.strategy = Strategy::random;
  REQUIRE(engine.pool(random));

  CHECK(address("a") == "10.0.0.10");
  CHECK(engine.del("h1", "c1"));
  CHECK(address("b") == "10.0.0.11");  // not the one that was just given back
  CHECK(address("c", "shop", "lowest") == "10.0.0.40");
  CHECK(engine.del("h1", "c3"));
  CHECK(address("d", "shop", "lowest") == "10.0.0.40");
  int out_of_order = 0;
  for (int i = 0; i < 20; ++i) {
    const std::string one = address(fmt::format("r{}", i), "shop", "random");
    out_of_order += one != fmt::format("10.0.0.{}", 64 + i);
  }
  CHECK(out_of_order > 10);
}

TEST_CASE_METHOD(Pools, "who may use a pool, and why somebody may not", "[app][pools]") {
  Pool own = pool("bank", "10.0.0.40-10.0.0.47");
  own.allow = {"bank", "shop/till-*"};
  own.deny = {"bank/test-*"};
  REQUIRE(engine.pool(own));
  CHECK(address("db-0", "bank", "bank") == "10.0.0.40");
  CHECK(address("till-1", "shop", "bank") == "10.0.0.41");
  check_refused(add("web-1", "shop", "bank"), Errc::permission_denied,
                "it allows bank, shop/till-*, and not shop/web-1");
  check_refused(add("test-1", "bank", "bank"), Errc::permission_denied, "it denies bank/test-1 (bank/test-*)");

  Pool of_node = pool("rack", "10.0.0.48-10.0.0.55");
  of_node.selector.nodes = {"h2"};
  REQUIRE(engine.pool(of_node));
  check_refused(add("web-2", "shop", "rack"), Errc::permission_denied, "node h1 is not one of h2");
  CHECK(engine.allocate(Ask("h2", "d1", "web-3")).value().pool == "rack");  // before the default pool, unasked
  CHECK(add("web-3b").value().pool == "web");
}

TEST_CASE_METHOD(Pools, "quotas count ports and bindings of a namespace", "[app][pools]") {
  Pool changed = usual();
  changed.namespace_quota = 2;
  changed.quotas = {{"bank", 1}};
  REQUIRE(engine.put(changed));
  CHECK(add("a"));
  CHECK(engine.bind("b", "10.0.0.15"));
  check_refused(add("c"), Errc::quota_exceeded, "pool web: namespace shop has 2 addresses of the 2 that it may have");
  CHECK(add("b"));  // it has one already
  CHECK(add("a", "bank"));
  check_refused(add("b", "bank"), Errc::quota_exceeded, "namespace bank has 1 addresses of the 1");
  CHECK(add("a", "other"));
  CHECK(engine.del("h1", "c1"));
  CHECK(add("c"));
}

TEST_CASE_METHOD(Pools, "pools stand in for one another, in order; the refusal says what each said", "[app][pools]") {
  REQUIRE(engine.pool(pool("second", "10.0.0.40")));
  REQUIRE(engine.pool(pool("third", "10.0.0.50")));
  Pool kept = pool("kept", "10.0.0.60");
  kept.kind = Kind::fixed_by_admin;
  REQUIRE(engine.pool(kept));
  Pool first = usual();
  first.ranges = {range("10.0.0.10")};
  first.fallback = {"kept", "second", "third"};
  REQUIRE(engine.put(first));
  CHECK(address("a") == "10.0.0.10");
  CHECK(address("b") == "10.0.0.40");  // a pool of kind static gives to nobody who does not wish for it
  CHECK(address("c") == "10.0.0.50");
  const auto refused = add("d");
  check_refused(refused, Errc::exhausted, "pool web: 0 of 1 free, 1 live");
  check_refused(refused, Errc::exhausted, "pool second: 0 of 1 free");
  check_refused(refused, Errc::exhausted, "pool kept is for static ones");
  check_refused(engine.delete_pool("second"), Errc::in_use, "b");

  CHECK(engine.del("h1", "c2"));
  check_refused(engine.delete_pool("second"), Errc::in_use, "pool web (fallback)");
}

TEST_CASE_METHOD(Pools, "what was its own comes before the pool whose turn it is", "[app][pools]") {
  Pool second = pool("second", "10.0.0.40");
  second.cooldown_seconds = 60;
  REQUIRE(engine.pool(second));
  Pool first = usual();
  first.ranges = {range("10.0.0.10")};
  first.fallback = {"second"};
  REQUIRE(engine.put(first));
  CHECK(add("a"));
  const auto b = add("b").value();
  CHECK(b.address.address.str() == "10.0.0.40");
  CHECK(engine.confirm("h1", "c2", b.generation));
  CHECK(engine.del("h1", "c2"));
  CHECK(engine.del("h1", "c1"));
  CHECK(address("b") == "10.0.0.40");
}

TEST_CASE_METHOD(Pools, "only a pool for everybody becomes the default unasked", "[app][pools]") {
  engine.network("blue").value();
  engine.subnet("blue", "10.0.0.0/24", 200, "blue").value();
  Pool kept = pool("kept", "10.0.0.10");
  kept.subnet = "blue";
  kept.kind = Kind::fixed_by_admin;
  CHECK_FALSE(engine.pool(kept).value().is_default);
  Pool some = pool("some", "10.0.0.20");
  some.subnet = "blue";
  some.selector.namespaces = {"bank"};
  CHECK_FALSE(engine.pool(some).value().is_default);
  some.cooldown_seconds = 5;
  CHECK_FALSE(engine.put(some).value().object.is_default);
  Pool all = pool("all", "10.0.0.30");
  all.subnet = "blue";
  CHECK(engine.pool(all).value().is_default);
}

TEST_CASE_METHOD(Pools, "a pool grows while it is used, and does not shrink from under anybody", "[app][pools]") {
  CHECK(add("a"));
  CHECK(engine.bind("b", "10.0.0.15"));
  Pool changed = usual();
  changed.ranges = {range("10.0.0.10-10.0.0.29")};
  CHECK(engine.put(changed));
  CHECK(engine.use("web").size == 20);
  CHECK(engine.use("web").allocated == 1);
  CHECK(engine.use("web").bound == 1);
  changed.ranges = {range("10.0.0.11-10.0.0.14")};
  check_refused(engine.put(changed), Errc::in_use, "10.0.0.10 of shop/a on node h1");
  check_refused(engine.put(changed), Errc::in_use, "10.0.0.15 of shop/b");
  changed.ranges = {range("10.0.0.10-10.0.0.29")};
  changed.exclusions = {range("10.0.0.15")};
  check_refused(engine.put(changed), Errc::in_use, "10.0.0.15 of shop/b");
  changed.exclusions = {range("10.0.0.16")};
  CHECK(engine.put(changed));
  CHECK(engine.use("web").size == 19);
}

TEST_CASE_METHOD(Pools, "what only is tried takes nobody's turn", "[app][pools]") {
  Caller trying = tester();
  trying.dry_run = true;
  const auto would =
      engine.wait<ipam_api::Allocation>([&](auto done) { engine.ipam.allocate(trying, Ask("h1", "try", "a"), done); });
  CHECK(would.value().address.address.str() == "10.0.0.10");
  CHECK(engine.use("web").allocated == 0);
  CHECK(address("b") == "10.0.0.10");
}

TEST_CASE_METHOD(Pools, "blocks count as used, never overlap, and come back when the node has said so",
                 "[app][blocks]") {
  Pool changed = usual();
  changed.ranges = {range("10.0.0.8-10.0.0.15")};
  REQUIRE(engine.put(changed));
  const Block one = lease("web", 3).value();
  CHECK(one.range.str() == "10.0.0.8-10.0.0.11");
  CHECK(engine.use("web").leased == 4);
  check_refused(lease("web", 8), Errc::exhausted, "no block of 8 addresses is free (4 of 8 addresses are)");
  CHECK(lease("web", 2, "h2").value().range.str() == "10.0.0.12-10.0.0.13");
  CHECK(address("a") == "10.0.0.14");
  CHECK(address("b") == "10.0.0.15");
  check_refused(add("c"), Errc::exhausted, "6 in blocks of nodes");
  check_refused(engine.bind("d", "10.0.0.9"), Errc::address_taken, "is in block 10.0.0.8-10.0.0.11 leased to node h1");

  // Its own pods may have them; another node's may not.
  CHECK(engine.allocate(Ask("h1", "e", "e").address("10.0.0.9")));
  check_refused(engine.allocate(Ask("h2", "f", "f").address("10.0.0.10")), Errc::address_taken, "leased to node h1");
  CHECK(take_back(one, false));
  CHECK(engine.read([&](const State& state) { return state.block(one.id)->returning; }));
  check_refused(take_back(one, true), Errc::in_use, "10.0.0.9 is that of shop/e");
  CHECK(engine.del("h1", "e"));
  CHECK(take_back(one, true));
  CHECK(engine.use("web").free == 4);
}

TEST_CASE_METHOD(Pools, "a node gets no block of what it cannot judge", "[app][blocks]") {
  Pool limited = pool("limited", "10.0.0.40-10.0.0.47");
  limited.namespace_quota = 3;
  REQUIRE(engine.pool(limited));
  check_refused(lease("limited", 2), Errc::conflict, "the pool is not for everybody");
  Pool rack = pool("rack", "10.0.0.48-10.0.0.55");
  rack.selector.nodes = {"h2"};
  REQUIRE(engine.pool(rack));
  check_refused(lease("rack", 2), Errc::permission_denied, "node h1 is not one of h2");
  CHECK(lease("rack", 2, "h2"));
}
