// Plans: what they say is what happens when it is done, and nothing has changed until then.
#include <random>

#include <catch2/catch.hpp>

#include "fakes/controller_engine.hpp"
#include "fakes/controller_state_text.hpp"
#include "ipam-controller/app/plan.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;
using Catch::Contains;

namespace {

using Planning = std::function<Result<Plan>(Transaction&)>;

class Plans : public MemoryEngine {
 public:
  Plans() {
    engine.usual();
    engine.pool("small", "web", {"10.0.0.40-10.0.0.42"}, Kind::stateful).value();
  }
  Result<Plan> plan(const Planning& planning, bool dry_run = true) {
    Caller caller = tester();
    caller.dry_run = dry_run;
    return engine.wait<Plan>([&](auto done) { engine.ipam.run<Plan>(caller, planning, done); });
  }
  // A plan that must leave everything as it was.
  Plan planned(const Planning& planning) {
    const std::string before = text();
    Plan made = plan(planning).value();
    CHECK(text() == before);
    return made;
  }
  std::string text() {
    return engine.read([](const State& state) { return state_text(state); });
  }
  Plan statefulset(const ReplicasRequest& request) {
    return planned([&](Transaction& tx) { return plan_statefulset(tx, request, false); });
  }
  Plan drain(const std::string& node, const std::vector<std::string>& to) {
    return planned([&](Transaction& tx) { return plan_drain(tx, node, to); });
  }
  void zone(const std::string& node, std::string_view vtep, const std::string& name) {
    const ipam_api::Registration registration{"machine-of-" + node, ip(vtep), "1", "", name, {}, ""};
    engine
        .wait<ipam_api::RegistrationAnswer>(
            [&](auto done) { engine.ipam.register_node(tester(), node, registration, done); })
        .value();
  }
  ipam_api::Allocation live(const Ask& ask) {
    auto given = engine.allocate(ask).value();
    engine.confirm(ask.node, ask.attachment.container_id, given.generation).value();
    return given;
  }
};

ReplicasRequest replicas(const std::string& workload, std::uint64_t count, const std::string& pool = {}) {
  ReplicasRequest request;
  request.namespace_ = "shop";
  request.workload = workload;
  request.replicas = count;
  if (!pool.empty()) {
    request.wishes.pools = {pool};
  }
  return request;
}

std::string outcomes(const Plan& plan) {
  std::string text;
  for (const PlanItem& item : plan.items) {
    text += (text.empty() ? "" : " ") + to_string(item.outcome);
  }
  return text;
}

}  // namespace

TEST_CASE_METHOD(Plans, "a plan tells bound, live, new and refused replicas apart", "[app][plan]") {
  engine.bind("redis-0", "10.0.0.41").value();
  live(Ask("h2", "c1", "redis-1").pool("small"));
  const Plan plan = statefulset(replicas("redis", 4, "small"));
  CHECK(outcomes(plan) == "bound live new refused");
  CHECK_FALSE(plan.fits());
  CHECK(plan.items[0].addresses.str() == "10.0.0.41");
  CHECK(plan.items[0].because == "static binding, Never");
  CHECK(plan.items[1].node == "h2");
  CHECK(plan.items[2].addresses.str() == "10.0.0.40");
  CHECK(plan.items[2].because == "wish");
  CHECK_THAT(plan.items[3].error->message(), Contains("pool small: 0 of 3 free"));
  REQUIRE(plan.pools.size() == 1);
  CHECK(plan.pools[0].free == 1);
  CHECK(plan.pools[0].free_after == 0);
}

TEST_CASE_METHOD(Plans, "reserving binds what was planned, all or nothing", "[app][plan]") {
  const auto reserve = [&](std::uint64_t count, bool dry_run) {
    return plan([=](Transaction& tx) { return plan_statefulset(tx, replicas("redis", count, "small"), true); }, dry_run)
        .value();
  };
  const std::string before = text();
  CHECK(reserve(4, false).reserved == 0);
  CHECK(text() == before);
  CHECK(reserve(3, true).reserved == 3);
  CHECK(text() == before);
  const Plan made = reserve(3, false);
  CHECK(made.reserved == 3);
  for (const PlanItem& item : made.items) {
    const Binding binding = engine.binding(*item.owner).value();
    CHECK(binding.addresses == item.addresses);
    CHECK(binding.origin == Origin::plan);
    CHECK(binding.kind == Kind::stateful);
    CHECK(binding.retention.str() == "WithWorkload");
    const auto given = engine.allocate(Ask("h1", "c-" + item.owner->hostname, item.owner->hostname)).value();
    CHECK(given.address.address.str() == item.addresses.str());
  }
  CHECK(outcomes(reserve(3, false)) == "live live live");
}

TEST_CASE_METHOD(Plans, "what was planned is what allocation gives next", "[app][plan]") {
  std::mt19937 random(4711);  // NOLINT: the same every time
  const auto chance = [&](unsigned of) { return random() % of == 0; };
  for (int round = 0; round < 40; ++round) {
    MemoryEngine world;
    Engine& ipam = world.engine;
    ipam.usual();
    Pool pool;
    pool.name = "p";
    pool.subnet = "web";
    pool.ranges = {range("10.0.0.100-10.0.0.107")};
    pool.strategy = chance(3) ? Strategy::random : chance(2) ? Strategy::lowest : Strategy::next;
    pool.kind = chance(2) ? Kind::stateful : Kind::stateless;
    pool.cooldown_seconds = chance(2) ? 60 : 0;
    pool.fallback = chance(2) ? std::vector<std::string>{"web"} : std::vector<std::string>{};
    if (chance(3)) {
      pool.namespace_quota = 5;
    }
    ipam.pool(pool).value();
    Rule rule;
    rule.name = "r";
    rule.selector.hostnames = {"w-*"};
    rule.wishes.pools = {"p"};
    ipam.create(rule).value();
    // A history: some came, some of them went.
    for (int i = 0; i < 8; ++i) {
      const std::string container = "c" + std::to_string(i);
      const auto given = ipam.allocate(Ask("h2", container, "w-" + std::to_string(random() % 6)));
      if (given && chance(2)) {
        ipam.confirm("h2", container, given->generation).value();
      }
      if (chance(2)) {
        ipam.del("h2", container);
      }
    }
    Caller dry = tester();
    dry.dry_run = true;
    const Plan plan =
        ipam.wait<Plan>([&](auto done) {
              ipam.ipam.run<Plan>(
                  dry, [](Transaction& tx) { return plan_statefulset(tx, replicas("w", 10), false); }, done);
            })
            .value();
    const std::string world_text = ipam.read([](const State& state) { return state_text(state); });
    CAPTURE(round, world_text);
    REQUIRE(plan.items.size() == 10);
    for (std::size_t i = 0; i < plan.items.size(); ++i) {
      const PlanItem& item = plan.items[i];
      CAPTURE(item.subject);
      if (item.outcome == PlanOutcome::live) {
        continue;  // asking would take it over
      }
      const auto given = ipam.allocate(Ask("h1", "n" + std::to_string(i), "w-" + std::to_string(i)));
      REQUIRE(given.has_value() == (item.outcome != PlanOutcome::refused));
      if (given) {
        CHECK(given->address.address.str() == item.addresses.str());
        CHECK(given->pool == item.pool);
        CHECK(given->kind == item.kind);
        CHECK(given->mac == item.mac);
      } else {
        CHECK_THAT(given.error().message(), Contains(item.error->message()));
      }
    }
  }
}

TEST_CASE_METHOD(Plans, "a drain finds addresses elsewhere, by zone, and fixed ones go along", "[app][plan]") {
  zone("h1", "172.31.0.1", "a");
  zone("h2", "172.31.0.2", "a");
  zone("h3", "172.31.0.3", "b");
  Pool of_zone;
  of_zone.name = "zone-a";
  of_zone.subnet = "web";
  of_zone.ranges = {range("10.0.0.60-10.0.0.61")};
  of_zone.selector.zones = {"a"};
  of_zone.cooldown_seconds = 60;
  engine.pool(of_zone).value();
  live(Ask("h1", "c1", "web-7d9c5b7f6d-x2k4p"));
  engine.bind("db-0", "10.0.0.42").value();
  live(Ask("h1", "c2", "db-0"));

  const Plan near = drain("h1", {"h2", "h3"});
  REQUIRE(outcomes(near) == "keeps moves");
  CHECK(near.items[0].addresses.str() == "10.0.0.42");
  CHECK(near.items[1].addresses.str() == "10.0.0.61");  // its own rests
  CHECK(near.items[1].node == "h2");
  CHECK(drain("h1", {"h3"}).items[1].pool == "web");
  CHECK(drain("h1", {}).items[1].error->message() == "there is no node that it could run on");

  engine.delete_pool("web").value();
  const Plan far = drain("h1", {"h3"});
  CHECK(outcomes(far) == "keeps refused");
  CHECK_THAT(far.items[1].error->message(), Contains("no default pool"));
  CHECK(plan([](Transaction& tx) { return plan_drain(tx, "h9", {}); }).error().code() == Errc::not_found);
  CHECK(plan([](Transaction& tx) { return plan_drain(tx, "h1", {"h1"}); }).error().code() == Errc::invalid_argument);
}

TEST_CASE_METHOD(Plans, "a drain says what happens when the pods really go", "[app][plan]") {
  Pool pool;
  pool.name = "rest";
  pool.subnet = "web";
  pool.ranges = {range("10.0.0.80-10.0.0.87")};
  pool.cooldown_seconds = 60;
  engine.pool(pool).value();
  std::vector<Ask> pods;
  for (int i = 0; i < 5; ++i) {
    pods.push_back(Ask("h1", "c" + std::to_string(i), "web-7d9c5b7f6d-bbbb" + std::string(1, "bcdfg"[i])).pool("rest"));
    live(pods.back());
  }
  const Plan plan = drain("h1", {"h2"});
  CHECK(outcomes(plan) == "moves moves moves refused refused");
  for (std::size_t i = 0; i < pods.size(); ++i) {
    CAPTURE(i);
    REQUIRE(engine.del("h1", pods[i].attachment.container_id));
    const auto next = engine.allocate(
        Ask("h2", "n" + std::to_string(i), "web-7d9c5b7f6d-zzzz" + std::string(1, "bcdfg"[i])).pool("rest"));
    REQUIRE(next.has_value() == !plan.items[i].error);
    CHECK((!next || next->address.address.str() == plan.items[i].addresses.str()));
  }
}

TEST_CASE_METHOD(Plans, "a pool goes or shrinks: who finds another address, and who is in the way", "[app][plan]") {
  live(Ask("h1", "c1", "job-1"));
  live(Ask("h1", "c2", "job-2"));
  engine.bind("db-0", "10.0.0.19").value();
  const auto pool_plan = [&](const std::optional<PoolChange>& change) {
    return planned([&](Transaction& tx) { return plan_pool(tx, "web", change); });
  };
  const Plan shrunk = pool_plan(PoolChange{{range("10.0.0.11-10.0.0.12")}, {}});
  CHECK(outcomes(shrunk) == "refused moves");  // db-0 is fixed, job-1 had 10.0.0.10
  CHECK(shrunk.items[1].from.str() == "10.0.0.10");
  CHECK(shrunk.items[1].addresses.str() == "10.0.0.12");
  CHECK_THAT(shrunk.now->message(), Contains("would be left outside"));
  CHECK(shrunk.pools.front().size_after == 2);

  // Nowhere to go: no default pool is left, and `small` is full up.
  const Plan gone = pool_plan(std::nullopt);
  CHECK(outcomes(gone) == "refused refused refused");
  engine.unbind(owner("db-0")).value();
  Pool web = engine.read([](const State& state) { return *state.pool("web"); });
  Rule rule;
  rule.name = "jobs";
  rule.selector.hostnames = {"job-*"};
  rule.wishes.pools = {"web", "small"};
  engine.create(rule).value();
  const Plan elsewhere = pool_plan(std::nullopt);
  CHECK(outcomes(elsewhere) == "moves moves");
  CHECK(elsewhere.items[0].pool == "small");
  REQUIRE(elsewhere.notes.size() == 1);
  CHECK(elsewhere.notes[0] == "rule jobs names the pool: it is taken out of it first");

  CHECK(pool_plan(PoolChange{{range("10.0.0.10-10.0.0.11")}, {}}).items.empty());
  CHECK(plan([](Transaction& tx) {
          return plan_pool(tx, "web", PoolChange{{range("10.9.0.1-10.9.0.2")}, {}});
        })
            .error()
            .code() == Errc::invalid_argument);
  CHECK(plan([](Transaction& tx) { return plan_pool(tx, "nope", std::nullopt); }).error().code() == Errc::not_found);
}

TEST_CASE_METHOD(Plans, "a workload grows beyond its live pods", "[app][plan]") {
  const auto scale = [&](std::uint64_t count) {
    return planned([&](Transaction& tx) { return plan_scale(tx, replicas("web", count)); });
  };
  live(Ask("h1", "c1", "web-7d9c5b7f6d-x2k4p").pool("small").kind(Kind::stateless));
  const Plan more = scale(4);  // as the live one wishes: pool small, stateless
  CHECK(outcomes(more) == "new new refused");
  CHECK(more.items[0].pool == "small");
  CHECK(more.items[0].kind == Kind::stateless);
  CHECK(scale(1).items.empty());
  CHECK(scale(1).fits());
  engine.bind("redis-0", "10.0.0.19").value();
  CHECK(outcomes(planned([&](Transaction& tx) { return plan_scale(tx, replicas("redis", 3)); })) == "bound new new");
  CHECK(plan([](Transaction& tx) { return plan_scale(tx, replicas("web", 0)); }).error().code() ==
        Errc::invalid_argument);
  CHECK(plan([](Transaction& tx) { return plan_statefulset(tx, replicas("x", 1, "nope"), false); }).error().code() ==
        Errc::not_found);
}
