// What is told when: by transactions, and by looking at the whole.
#include <catch2/catch.hpp>

#include "fakes/controller_engine.hpp"
#include "fakes/controller_held_store.hpp"
#include "ipam-controller/app/observer.hpp"
#include "ipam-controller/observe/lookout.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;
using Catch::Contains;

namespace {

constexpr std::int64_t one_minute = 60'000;

struct Recorder : IpamObserver {
  void loaded(std::vector<EventRecord> stored, WebhookCursors) override { events = std::move(stored); }
  void allocated(const ipam_api::AllocateRequest& request, std::chrono::nanoseconds took,
                 const Error* refused) override {
    CHECK(took.count() >= 0);
    answers.push_back(request.hostname + " " + (refused == nullptr ? "granted" : std::string(refused->info().id)));
  }
  void committed(std::size_t requests, bool durable) override { durable_requests += durable ? requests : 0; }
  void released(const std::string& reason, std::uint64_t ports) override { given_back[reason] += ports; }
  void happened(const std::vector<EventRecord>& told) override {
    events.insert(events.end(), told.begin(), told.end());
  }
  std::vector<std::string> types() const {
    std::vector<std::string> list;
    for (const EventRecord& event : events) {
      list.push_back(event.type);
    }
    return list;
  }

  std::vector<EventRecord> events;
  std::vector<std::string> answers;
  std::map<std::string, std::uint64_t> given_back;
  std::size_t durable_requests = 0;
};

Result<void> tell(Engine& engine, const std::string& text) {
  return engine.wait<void>([&](auto done) {
    engine.ipam.run<void>(
        tester(),
        [text](Transaction& tx) {
          tx.tell(make_event("webhook.test", "webhook/w", text));
          return ok();
        },
        done);
  });
}

// A small pool and two nodes.
void make_world(Engine& engine, const std::string& pool_range) {
  engine.create(Network{default_network, false, 0}).value();
  Subnet subnet;
  subnet.name = "s";
  subnet.vni = vni(7);
  subnet.blocks = {{net::IpCidr(cidr("10.0.0.0/24")), net::IpAddress(ip("10.0.0.1"))}};
  engine.create(subnet).value();
  Pool pool;
  pool.name = "p";
  pool.subnet = "s";
  pool.ranges = {range(pool_range)};
  engine.create(pool).value();
  engine.node("h1", "172.31.0.1").value();
  engine.node("h2", "172.31.0.2").value();
}

// A Lookout over nothing but what the test says.
struct Watch {
  Lookout lookout{0, [this](const std::string& kind, const std::string& name) { return presence[kind + "/" + name]; },
                  [this](EventRecord event) { told.push_back(event.type + ": " + event.text); }};
  std::map<std::string, Lookout::Presence> presence;
  std::vector<std::string> told;
  std::string last() const { return told.empty() ? "" : told.back(); }
};

}  // namespace

TEST_CASE("observe: a takeover with a fence is told in the transaction that made it") {
  Loop loop;
  MemoryDisk disk;
  MemoryStore store(disk, loop.post());
  Engine engine(loop, store);
  Recorder recorder;
  engine.ipam.observe(recorder);
  make_world(engine, "10.0.0.10-10.0.0.20");
  CHECK(recorder.types() == std::vector<std::string>{"node.registered", "node.registered"});
  engine.allocate(Ask("h1", "c1", "db-0").uid("A").kind(Kind::stateful)).value();
  CHECK(recorder.events.size() == 2);
  const auto taken = engine.allocate(Ask("h2", "c2", "db-0").uid("B").kind(Kind::stateful)).value();
  REQUIRE(recorder.events.size() == 3);
  const EventRecord& event = recorder.events.back();
  CHECK(event.type == "address.taken-over");
  CHECK(event.sequence == 3);
  CHECK(event.revision == taken.generation);
  CHECK(event.subject == "port/default/shop/db-0");
  CHECK_THAT(event.text, Contains("shop/db-0 with 10.0.0.10 moved to node h2 from node h1 (pod A, fenced)"));
  CHECK(recorder.answers == std::vector<std::string>{"db-0 granted", "db-0 granted"});
  // Refusals are told to the observer too; releases by their reason.
  CHECK_FALSE(engine.allocate(Ask("h1", "c3", "db-0").uid("A")));
  CHECK(recorder.answers.back() == "db-0 superseded");
  CHECK(engine.del("h2", "c2"));
  CHECK(recorder.given_back == std::map<std::string, std::uint64_t>{{"cni-del", 1}});
}

TEST_CASE("observe: events alone take no revision, keep their numbers over restarts, and are told when durable") {
  Loop loop;
  MemoryDisk disk;
  {
    MemoryStore inner(disk, loop.post());
    HeldStore store(inner, loop.post());
    Ipam ipam(store, loop.post());
    Recorder recorder;
    ipam.observe(recorder);
    ipam.start().value();
    const auto run = [&](std::optional<Result<void>>& answer) {
      ipam.run<void>(
          tester(),
          [](Transaction& tx) {
            tx.tell(make_event("webhook.test", "webhook/w", "one"));
            tx.keep_cursors({{"w", 7}});
            return ok();
          },
          [&](Result<void> result) { answer = std::move(result); });
      loop.run_until([&] { return store.held() == 1; });
      CHECK(recorder.events.empty());
    };
    std::optional<Result<void>> failed;
    run(failed);
    store.fail(Error(Errc::storage, "full"));
    loop.run_until([&] { return failed.has_value(); });
    CHECK(recorder.events.empty());
    std::optional<Result<void>> written;
    run(written);
    store.let_through();
    loop.run_until([&] { return written.has_value(); });
    REQUIRE(recorder.events.size() == 1);
    CHECK(recorder.events[0].sequence == 2);  // the number of the failed one is not used again
    CHECK(ipam.committed_revision() == 0);
  }
  MemoryStore store(disk, loop.post());
  Engine engine(loop, store);
  Recorder recorder;
  engine.ipam.observe(recorder);
  CHECK(tell(engine, "two"));
  REQUIRE(recorder.events.size() == 1);
  CHECK(recorder.events[0].sequence == 3);
  const StoreInfo info = store.load([](const Write&) {}).value();
  CHECK(info.cursors == WebhookCursors{{"w", 7}});
  CHECK(info.events.size() == 2);
}

TEST_CASE("lookout: a pool that runs out, and its forecast") {
  Loop loop;
  MemoryDisk disk;
  MemoryStore store(disk, loop.post());
  Engine engine(loop, store);
  make_world(engine, "10.0.0.10-10.0.0.11");
  Watch watch;
  const auto look = [&](std::int64_t now) {
    bool looked = false;
    engine.ipam.read([&](const State& state, Revision) {
      watch.lookout.look_at(state, now);
      looked = true;
    });
    loop.run_until([&] { return looked; });
  };
  watch.presence["node/h1"].live = watch.presence["node/h2"].live = true;
  look(0);
  CHECK(watch.told.empty());
  engine.allocate(Ask("h1", "c1", "a")).value();
  engine.allocate(Ask("h1", "c2", "b")).value();
  look(1000);
  look(2000);
  REQUIRE(watch.told.size() == 1);
  CHECK(watch.last() == "pool.exhausted: pool p: 0 of 2 free");
  CHECK(watch.lookout.seconds_to_empty("p", false) == 0);
  CHECK(watch.lookout.seconds_to_empty("p", true) > 1e300);
  engine.del("h1", "c1");
  look(3000);
  CHECK(watch.told.size() == 1);
  look(1000 + PoolAlarms::calm_ms);
  CHECK(watch.last() == "pool.recovered: pool p: 1 of 2 free");
}

TEST_CASE("lookout: a node falls silent and is heard again, once each, also over a restart") {
  Loop loop;
  MemoryDisk disk;
  MemoryStore store(disk, loop.post());
  Engine engine(loop, store);
  make_world(engine, "10.0.0.10-10.0.0.11");
  engine.gateway("g1", "172.31.0.9").value();
  Watch watch;
  const auto look = [&](Watch& at, std::int64_t now) {
    bool looked = false;
    engine.ipam.read([&](const State& state, Revision) {
      at.lookout.look_at(state, now);
      looked = true;
    });
    loop.run_until([&] { return looked; });
  };
  watch.presence["node/h1"].live = true;
  watch.presence["node/h2"] = {false, 10'000};
  look(watch, one_minute - 1);
  CHECK(watch.told.empty());
  look(watch, one_minute);
  CHECK(watch.told ==
        std::vector<std::string>{"gateway.silent: gateway g1 has not been heard since this controller started"});
  look(watch, one_minute + 10'000);
  CHECK(watch.last() == "node.silent: node h2 has not been heard since 1970-01-01T00:00:10.000Z");
  look(watch, 10 * one_minute);
  CHECK(watch.told.size() == 2);
  watch.presence["node/h2"].live = true;
  look(watch, 11 * one_minute);
  look(watch, 12 * one_minute);
  CHECK(watch.told.size() == 3);
  CHECK(watch.last() == "node.heard: node h2 is heard again");

  Watch later;
  later.lookout.recall(make_event("gateway.silent", "gateway/g1", ""));
  later.presence["node/h1"].live = later.presence["node/h2"].live = true;
  look(later, 5 * one_minute);
  CHECK(later.told.empty());
  later.presence["gateway/g1"].live = true;
  look(later, 6 * one_minute);
  CHECK(later.last() == "gateway.heard: gateway g1 is heard again");

  later.presence["gateway/g1"].state = "draining";
  look(later, 6 * one_minute);
  CHECK(later.told.size() == 1);
  later.presence["gateway/g1"].state = "drained";
  look(later, 6 * one_minute);
  look(later, 6 * one_minute);
  CHECK(later.told.size() == 2);
  CHECK(later.last() == "gateway.drained: gateway g1 is drained: nothing goes by it");
  Watch last;
  last.lookout.recall(make_event("gateway.drained", "gateway/g1", ""));
  last.presence = later.presence;
  look(last, 7 * one_minute);
  last.presence["gateway/g1"].state = "";  // away: nothing is known
  look(last, 7 * one_minute);
  CHECK(last.told.empty());
  last.presence["gateway/g1"].state = "serving";
  look(last, 7 * one_minute);
  CHECK(last.last() == "gateway.undrained: gateway g1 is no longer drained");
}

TEST_CASE("lookout: the head of the ledger is told when it moved, at most once a minute") {
  Watch watch;
  watch.lookout.look_at(Lookout::AuditHead{0, ""}, 5 * one_minute);
  CHECK(watch.told.empty());
  watch.lookout.look_at(Lookout::AuditHead{7, "ab"}, 5 * one_minute);
  CHECK(watch.last() == "audit.head: the audit ledger stands at 7 with hash ab");
  watch.lookout.look_at(Lookout::AuditHead{9, "cd"}, 6 * one_minute - 1);
  CHECK(watch.told.size() == 1);
  watch.lookout.look_at(Lookout::AuditHead{9, "cd"}, 6 * one_minute);
  CHECK(watch.told.size() == 2);
  watch.lookout.look_at(Lookout::AuditHead{9, "cd"}, 60 * one_minute);
  CHECK(watch.told.size() == 2);
}

TEST_CASE("lookout: a store that failed is told when it works again") {
  Watch watch;
  watch.lookout.look_at(Lookout::StoreHealth{0, 10}, 0);
  watch.lookout.look_at(Lookout::StoreHealth{1, 10}, 1000);
  watch.lookout.look_at(Lookout::StoreHealth{5, 10}, 2000);
  watch.lookout.look_at(Lookout::StoreHealth{5, 10}, 3000);  // nothing was tried
  CHECK(watch.told.empty());
  watch.lookout.look_at(Lookout::StoreHealth{5, 11}, 4000);
  CHECK(watch.last() ==
        "store.failing: the store failed 5 times between 1970-01-01T00:00:01.000Z and "
        "1970-01-01T00:00:04.000Z; it works again");
  watch.lookout.look_at(Lookout::StoreHealth{5, 12}, 5000);
  CHECK(watch.told.size() == 1);
}
