// How long an address stays with its hostname, and how long it rests when it is let go.
#include <catch2/catch.hpp>

#include "fakes/controller_engine.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;
using Catch::Contains;
using Policy = Retention::Policy;

namespace {

class Time : public MemoryEngine {
 public:
  Time() {
    engine.usual();
    Pool pool = engine.read([](const State& state) { return *state.pool("web"); });
    pool.cooldown_seconds = 60;
    pool.ranges = {range("10.0.0.10-10.0.0.11")};
    engine.put(pool).value();
  }
  ipam_api::Allocation add(const std::string& container, const std::string& host, const std::string& uid = "") {
    return engine.allocate(Ask("h1", container, host).uid(uid)).value();
  }
  ipam_api::Allocation keep(const std::string& container, const std::string& host, Retention retention) {
    Ask ask("h1", container, host);
    ask.kind(Kind::stateful).wishes.retention = retention;
    const auto answer = engine.allocate(ask).value();
    REQUIRE(engine.confirm("h1", container, answer.generation));
    return answer;
  }
  void used(const std::string& container, const std::string& host) {
    REQUIRE(engine.confirm("h1", container, add(container, host).generation));
  }
  void pass(int seconds) {
    engine.now += TimeMs{seconds} * 1000;
    engine.ipam.tick();
    loop.run_ready();
  }
  PoolUse use() { return engine.use("web"); }
  bool bound(const std::string& host) { return engine.binding(owner(host)).has_value(); }
};

}  // namespace

TEST_CASE_METHOD(Time, "a released address rests for others, and not for the hostname that had it",
                 "[app][retention]") {
  used("c1", "a");
  used("c2", "b");
  CHECK(engine.del("h1", "c1"));
  CHECK(use().resting == 1);
  const auto refused = engine.allocate(Ask("h1", "c3", "c"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Errc::exhausted);
  CHECK_THAT(refused.error().text(),
             Contains("0 of 2 free, 1 live") && Contains("1 resting, the first is free in 60 s"));
  const auto wished = engine.allocate(Ask("h1", "c3", "c").address("10.0.0.10"));
  REQUIRE_FALSE(wished);
  CHECK_THAT(wished.error().text(), Contains("10.0.0.10 rests for 60 s, it was that of shop/a"));
  CHECK(add("c4", "a").address.address.str() == "10.0.0.10");
  CHECK(engine.del("h1", "c4"));

  pass(59);
  CHECK_FALSE(engine.allocate(Ask("h1", "c5", "c")));
  pass(1);
  CHECK(add("c6", "c").address.address.str() == "10.0.0.10");
}

TEST_CASE_METHOD(Time, "rests survive a restart and a clock that is set back", "[app][retention]") {
  used("c1", "a");
  CHECK(engine.del("h1", "c1"));
  pass(20);
  used("c2", "b");
  Engine restarted(loop, store);
  restarted.now = 1'000'000;  // 20 s before
  CHECK(restarted.use("web").resting == 1);
  restarted.now += 39'000;
  CHECK_FALSE(restarted.allocate(Ask("h1", "c3", "c")));
  restarted.now += 1'000;
  CHECK(restarted.allocate(Ask("h1", "c4", "c")));

  restarted.now -= 500'000;
  const TimeMs before = restarted.ipam.now();
  CHECK(restarted.allocate(Ask("h1", "c5", "b")));
  CHECK(restarted.ipam.now() >= before);
}

TEST_CASE_METHOD(Time, "an address that was never confirmed does not rest, and a retry gets it again",
                 "[app][retention]") {
  CHECK(add("c1", "a").address.address.str() == "10.0.0.10");
  CHECK(engine.del("h1", "c1"));
  CHECK(use().free == 2);
  CHECK(add("c2", "a").address.address.str() == "10.0.0.10");
  CHECK(engine.del("h1", "c2"));
}

TEST_CASE_METHOD(Time, "a failed successor does not end its predecessor's rest", "[app][retention]") {
  used("c1", "a");
  SECTION("that came after it") {
    CHECK(engine.del("h1", "c1"));
    pass(10);
    CHECK(add("c2", "a").address.address.str() == "10.0.0.10");
    CHECK(engine.del("h1", "c2"));
    CHECK(use().resting == 1);
    pass(50);
  }
  SECTION("that took over from it") {
    CHECK(add("c2", "a").address.address.str() == "10.0.0.10");
    CHECK(use().allocated == 1);
    CHECK(engine.del("h1", "c2"));
    CHECK(use().resting == 1);
    pass(60);
  }
  CHECK(use().free == 2);
}

TEST_CASE_METHOD(Time, "OnDelete ends some time after the DEL of the current attachment", "[app][retention]") {
  keep("c1", "a", {Policy::on_delete, 30});
  keep("c2", "a", {Policy::on_delete, 30});  // the sandbox is made anew
  CHECK_FALSE(engine.del("h1", "c1"));       // late
  pass(100);
  CHECK(bound("a"));
  CHECK(engine.del("h1", "c2"));
  pass(29);
  CHECK(bound("a"));
  keep("c3", "a", {Policy::on_delete, 30});
  pass(100);
  CHECK(bound("a"));
  CHECK(engine.del("h1", "c3"));
  pass(30);
  CHECK_FALSE(bound("a"));
  CHECK(use().resting == 1);
}

TEST_CASE_METHOD(Time, "TTL, WithWorkload and Never", "[app][retention]") {
  keep("c1", "a-0", {Policy::ttl, 300});
  keep("c2", "b-0", {Policy::with_workload, 0});
  CHECK(engine.del("h1", "c1"));
  CHECK(engine.del("h1", "c2"));
  pass(299);
  CHECK(bound("a-0"));
  pass(1);
  CHECK_FALSE(bound("a-0"));
  pass(100'000);
  CHECK(bound("b-0"));
  const auto end = [&](const std::string& workload) {
    return engine.wait<std::uint64_t>(
        [&](auto done) { engine.ipam.delete_workload(tester(), "shop", workload, done); });
  };
  CHECK(end("a").value() == 0);
  CHECK(end("b").value() == 1);
  CHECK_FALSE(bound("b-0"));

  // A live one ends with its container.
  pass(100);
  keep("c3", "b-1", {Policy::with_workload, 0});
  CHECK(end("b").value() == 1);
  CHECK(bound("b-1"));
  CHECK(engine.del("h1", "c3"));
  pass(1);
  CHECK_FALSE(bound("b-1"));

  pass(100);
  keep("c4", "n", {Policy::never, 0});
  CHECK(engine.del("h1", "c4"));
  pass(100'000'000);
  CHECK(bound("n"));
}

TEST_CASE_METHOD(Time, "what ends while the disk is full ends when there is space", "[app][retention]") {
  keep("c1", "a", {Policy::on_delete, 5});
  CHECK(engine.del("h1", "c1"));
  disk.fail_with(Error(Errc::storage, "full", "make space"));
  pass(10);
  CHECK(bound("a"));
  CHECK(use().bound == 1);
  disk.fail_with(std::nullopt);
  pass(0);  // the try under way fails yet
  pass(0);
  CHECK_FALSE(bound("a"));
}

TEST_CASE_METHOD(Time, "thousands of rests end at once", "[app][retention]") {
  Pool pool = engine.read([](const State& state) { return *state.pool("web"); });
  engine.subnet("big", "10.4.0.0/16", 104).value();
  pool = Pool();
  pool.name = "big";
  pool.subnet = "big";
  pool.cooldown_seconds = 5;
  engine.pool(pool).value();
  for (int i = 0; i < 2500; ++i) {
    Ask ask("h1", fmt::format("b{}", i), fmt::format("b{}", i));
    REQUIRE(engine.confirm("h1", ask.attachment.container_id, engine.allocate(ask.pool("big")).value().generation));
    REQUIRE(engine.del("h1", ask.attachment.container_id));
  }
  CHECK(engine.use("big").resting == 2500);
  pass(5);  // one tick, several batches
  CHECK(engine.use("big").resting == 0);
}
