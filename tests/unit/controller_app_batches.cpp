// Group commit: what is answered when, what readers see meanwhile, and what a failed batch leaves.
#include <memory>
#include <optional>
#include <vector>

#include <catch2/catch.hpp>

#include "fakes/controller_engine.hpp"
#include "fakes/controller_held_store.hpp"
#include "fakes/controller_state_text.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;

namespace {

const Error disk_full(Errc::storage, "writing to the store: disk full", "make space");

// A controller that is set up, on a store that holds every commit from then on.
class Held {
 public:
  Held() {
    Engine(loop, inner).usual();
    ipam = std::make_unique<Ipam>(store, loop.post());
    ipam->subscribe([this](const ChangeSet& changes) { published.push_back(changes.revision); });
    ipam->start().value();
    start = ipam->committed_revision();
  }
  using Answer = std::optional<Result<ipam_api::Allocation>>;
  std::shared_ptr<Answer> ask(const ipam_api::AllocateRequest& request) {
    const auto answer = std::make_shared<Answer>();
    ipam->allocate(tester(), request, [answer](Result<ipam_api::Allocation> got) { *answer = std::move(got); });
    return answer;
  }
  std::shared_ptr<std::optional<std::size_t>> count_ports() {
    const auto seen = std::make_shared<std::optional<std::size_t>>();
    ipam->read([seen](const State& state, Revision) { *seen = state.ports().size(); });
    return seen;
  }
  std::string text() {
    std::optional<std::string> all;
    ipam->read([&](const State& state, Revision) { all = state_text(state); });
    loop.run_until([&] { return all.has_value(); });
    return *all;
  }
  std::string text_of_store() {
    Engine reloaded(loop, inner);
    return reloaded.read([](const State& state) { return state_text(state); });
  }

  Loop loop;
  MemoryDisk disk;
  MemoryStore inner{disk, loop.post()};
  HeldStore store{inner, loop.post()};
  std::unique_ptr<Ipam> ipam;
  std::vector<Revision> published;
  Revision start = 0;
};

}  // namespace

TEST_CASE_METHOD(Held, "nothing is answered or published before it is durable", "[app][batch]") {
  const auto first = ask(Ask("h1", "c1", "a"));
  CHECK(store.held() == 0);  // not inside the call
  loop.run_ready();
  REQUIRE(store.held() == 1);
  CHECK_FALSE(*first);
  CHECK(published.empty());
  CHECK(ipam->committed_revision() == start);

  store.let_through();
  loop.run_ready();
  REQUIRE(*first);
  CHECK((*first)->value().generation == start + 1);
  CHECK(published == std::vector{start + 1});
  CHECK(ipam->committed_revision() == start + 1);
}

TEST_CASE_METHOD(Held, "requests that come during a commit share the next one", "[app][batch]") {
  std::vector<std::shared_ptr<Answer>> answers;
  answers.push_back(ask(Ask("h1", "c0", "a0")));
  loop.run_ready();
  for (int i = 1; i <= 5; ++i) {
    answers.push_back(ask(Ask("h1", "c" + std::to_string(i), "a" + std::to_string(i))));
  }
  loop.run_ready();
  REQUIRE(store.held() == 1);
  CHECK(store.next().writes.size() == 1);
  store.let_through();
  loop.run_ready();
  REQUIRE(store.held() == 1);
  CHECK(store.next().writes.size() == 5);
  CHECK(store.next().changes.size() == 5);  // a revision for each
  CHECK(store.next().revision == start + 6);
  CHECK_FALSE(*answers[1]);
  store.let_through();
  loop.run_ready();
  for (std::size_t i = 0; i < answers.size(); ++i) {
    REQUIRE(*answers[i]);
    CHECK((*answers[i])->value().generation == start + 1 + i);
  }
  CHECK(published.size() == 6);
  CHECK(ipam->counters().batches == 2);
  CHECK(ipam->counters().largest_batch == 5);
}

TEST_CASE_METHOD(Held, "readers never see what may still be undone", "[app][batch]") {
  ask(Ask("h1", "c1", "a"));
  loop.run_ready();
  const auto during = count_ports();
  loop.run_ready();
  CHECK_FALSE(*during);

  SECTION("it becomes durable") {
    store.let_through();
    loop.run_ready();
    CHECK(*during == 1U);
  }
  SECTION("it fails") {
    store.fail(disk_full);
    loop.run_ready();
    CHECK(*during == 0U);
  }
  SECTION("another batch waits: the readers come first") {
    ask(Ask("h1", "c2", "b"));
    store.let_through();
    loop.run_ready();
    CHECK(*during == 1U);
    CHECK(store.held() == 1);
  }
}

TEST_CASE_METHOD(Held, "a failed batch is undone whole, answered with storage, and forgotten", "[app][batch]") {
  const std::string before = text();
  ask(Ask("h1", "c1", "db-0").uid("A").kind(Kind::stateful));
  loop.run_ready();
  store.let_through();
  loop.run_ready();
  const std::string with_db = text();

  // One batch with everything that undoes differently: takeover, fence, new binding, release, confirm, new objects.
  const auto takeover = ask(Ask("h2", "c2", "db-0").uid("B"));
  const auto fresh = ask(Ask("h1", "c3", "db-1").kind(Kind::stateful));
  const auto again = ask(Ask("h1", "c3", "db-1"));     // unchanged, but only in this batch
  const auto refused = ask(Ask("h9", "c4", "web-1"));  // refused
  std::optional<Result<ipam_api::ReleaseAnswer>> released;
  ipam_api::ReleaseRequest release;
  release.node = "h2";
  release.attachment = attachment("c2");
  ipam->release(tester(), release, [&](auto answer) { released = answer; });
  std::optional<Result<Pool>> pool;
  Pool wanted;
  wanted.name = "more";
  wanted.subnet = "web";
  wanted.ranges = {range("10.0.0.30-10.0.0.39")};
  wanted.is_default = true;
  ipam->create<Pool>(tester(), wanted, [&](auto answer) { pool = answer; });
  std::optional<Result<void>> gone;
  ipam->delete_node(tester(), "h3", false, [&](auto answer) { gone = answer; });
  loop.run_ready();
  REQUIRE(store.held() == 1);
  const auto published_before = published.size();
  store.fail(disk_full);
  loop.run_ready();

  for (const auto& answer : {takeover, fresh, again, refused}) {
    REQUIRE(*answer);
    REQUIRE_FALSE(**answer);
    CHECK((*answer)->error().code() == Errc::storage);
  }
  CHECK(released->error().code() == Errc::storage);
  CHECK(pool->error().code() == Errc::storage);
  CHECK(gone->error().code() == Errc::storage);
  CHECK(published.size() == published_before);
  CHECK(text() == with_db);
  CHECK(text() == text_of_store());
  CHECK(with_db != before);
  CHECK(ipam->counters().failed_batches == 1);

  SECTION("and goes on when there is space") {
    const auto retry = ask(Ask("h2", "c2", "db-0").uid("B"));
    loop.run_ready();
    store.let_through();
    loop.run_ready();
    REQUIRE(*retry);
    REQUIRE(**retry);
    CHECK((*retry)->value().address.address == ip("10.0.0.10"));
    CHECK(text() == text_of_store());
    CHECK(ipam->committed_revision() == (*retry)->value().generation);
    CHECK(published.back() == ipam->committed_revision());
  }
}

TEST_CASE_METHOD(Held, "requests without a change are answered without a commit", "[app][batch]") {
  const auto refused = ask(Ask("h9", "c1", "a"));
  loop.run_ready();
  REQUIRE(*refused);
  CHECK((*refused)->error().code() == Errc::not_found);
  CHECK(store.held() == 0);
  CHECK(ipam->counters().refused == 1);
}

TEST_CASE_METHOD(Held, "an answer may call back in", "[app][batch]") {
  std::optional<Result<ipam_api::Allocation>> second;
  ipam->allocate(tester(), Ask("h1", "c1", "a"), [&](Result<ipam_api::Allocation> first) {
    REQUIRE(first);
    ipam->allocate(tester(), Ask("h1", "c2", "b"), [&](Result<ipam_api::Allocation> got) { second = std::move(got); });
  });
  loop.run_ready();
  store.let_through();
  loop.run_ready();
  REQUIRE(store.held() == 1);
  store.let_through();
  loop.run_ready();
  REQUIRE(second);
  CHECK(second->value().address.address == ip("10.0.0.11"));
}

TEST_CASE_METHOD(Held, "what is due when the controller ends is dropped", "[app][batch]") {
  const auto answer = ask(Ask("h1", "c1", "a"));
  loop.run_ready();
  store.let_through();
  ipam.reset();
  loop.run_ready();
  CHECK_FALSE(*answer);
}

TEST_CASE("the log's pages go on where the subscriber begins", "[app][batch]") {
  MemoryEngine memory;
  Engine& engine = memory.engine.usual();
  for (int i = 0; i < 5; ++i) {
    engine.allocate(Ask("h1", "c" + std::to_string(i), "a" + std::to_string(i))).value();
  }
  std::vector<LoggedChanges> read;
  Revision after = 0;
  while (true) {
    const ChangeLogPage page = engine.changes_since(after, 3).value();
    CHECK_FALSE(page.too_old);
    read.insert(read.end(), page.changes.begin(), page.changes.end());
    if (!page.more) {
      break;
    }
    after = read.back().revision;
  }
  std::vector<LoggedChanges> published;
  for (const ChangeSet& changes : engine.published) {
    published.push_back(logged(changes));
  }
  CHECK(read == published);
  CHECK(engine.changes_since(engine.ipam.committed_revision()).value().changes.empty());
}

TEST_CASE("shards and snapshots hold what the log adds up to", "[app][batch]") {
  MemoryEngine memory;
  Engine& engine = memory.engine.usual();
  engine.subnet("app", "10.1.0.0/24", 200).value();
  engine.allocate(Ask("h1", "c1", "a")).value();
  engine.allocate(Ask("h1", "c2", "b")).value();
  engine.del("h1", "c1");
  CHECK(engine.read([](const State& state) { return state.shards(); }) == std::vector<ipam_api::Shard>{0, 100, 200});

  std::map<std::string, std::string> replayed;
  for (const ChangeSet& changes : engine.published) {
    for (const Change& change : changes.changes) {
      const std::string name = change.kind + std::to_string(change.shard) + change.key;
      replayed[name] = change.text;
      if (change.deleted) {
        replayed.erase(name);
      }
    }
  }
  std::map<std::string, std::string> snapshot;
  engine.read([&](const State& state) {
    for (const auto shard : state.shards()) {
      for (const Change& change : state.snapshot(shard)) {
        CHECK(change.shard == shard);
        snapshot[change.kind + std::to_string(change.shard) + change.key] = change.text;
      }
    }
    return 0;
  });
  CHECK(snapshot == replayed);
  CHECK(engine.read([](const State& state) { return state.snapshot(4711).size(); }) == 0);
}
