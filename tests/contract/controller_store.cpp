// What every store promises, on every store: memory and SQLite. A "disk" outlives the stores that are opened on it.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "fakes/controller_engine.hpp"
#include "fakes/controller_state_text.hpp"
#include "ipam-controller/domain/event_log.hpp"
#include "ipam-controller/store/memory_store.hpp"
#include "ipam-controller/store/sqlite_store.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;

namespace {

constexpr std::size_t log_limit = 10;

class MemoryStage {
 public:
  std::unique_ptr<Store> open(Loop& loop) { return std::make_unique<MemoryStore>(disk_, loop.post()); }
  void break_disk() { disk_.fail_with(Error(Errc::storage, "writing to the store: full", "make space")); }
  void mend_disk() { disk_.fail_with(std::nullopt); }

 private:
  MemoryDisk disk_{log_limit};
};

class SqliteStage {
 public:
  SqliteStage() : folder_(std::filesystem::temp_directory_path() / fmt::format("mooring-store-{}", ::getpid())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
  }
  ~SqliteStage() { std::filesystem::remove_all(folder_); }
  std::unique_ptr<Store> open(Loop& loop) {
    SqliteOptions options;
    options.path = (folder_ / "controller.db").string();
    options.change_log_limit = log_limit;
    return SqliteStore::open(options, loop.post()).value();
  }
  // Needs nothing done to it: the test's batch breaks a rule of the schema half-way.
  void break_disk() {}
  void mend_disk() {}

 private:
  std::filesystem::path folder_;
};

// A batch of everything, at one revision.
Batch everything(Revision revision) {
  Network network{"default", false, revision};
  Subnet subnet;
  subnet.name = "web";
  subnet.network = "default";
  subnet.vni = vni(100);
  subnet.blocks = {{cidr("10.0.0.0/24"), ip("10.0.0.1")}, {net::IpCidr::parse("fd00::/64").value(), any("fd00::1")}};
  subnet.mtu_from_underlay = true;
  subnet.dns.nameservers = {"10.0.0.2"};
  subnet.dns.search = {"shop.example"};
  subnet.routes = {{cidr("192.168.0.0/16"), ip("10.0.0.254")},
                   {cidr("192.0.2.0/24"), std::nullopt, 7, 1300, 1260, 100, 0}};
  subnet.revision = revision;
  Pool pool;
  pool.name = pool.subnet = "web";
  pool.ranges = {range("10.0.0.10-10.0.0.19"), range("fd00::10-fd00::19")};
  pool.exclusions = {range("10.0.0.12")};
  pool.kind = Kind::stateful;
  pool.is_default = true;
  pool.strategy = Strategy::random;
  pool.cooldown_seconds = 30;
  pool.namespace_quota = 5;
  pool.quotas = {{"shop", 7}};
  pool.selector.zones = {"z*"};
  pool.deny = {"bank/x-*"};
  pool.retention = Retention{Retention::Policy::ttl, 3600};
  pool.revision = revision;
  Reservation reservation{"printer", "web", range("10.0.0.15"), "third floor", revision};
  Rule rule;
  rule.name = "fixed";
  rule.selector.hostnames = {"db-*"};
  rule.wishes.kind = Kind::stateful;
  rule.wishes.pools = {"web"};
  rule.takeover = true;
  rule.revision = revision;
  Node node{"h1", "machine", ip("172.31.0.1"), "1.0", "z1", {{"rack", "7"}}, false, revision, "boot-1", revision};
  Gateway gateway{"gw1", "machine2", ip("172.31.0.9"), "1.0", "later", revision};
  Webhook webhook{"hook", "https://example.com/x", {"pool.*"}, "secret", false, revision};
  AddressList list{"shop", "default", {}, {range("192.0.2.0-192.0.2.9")}, "office", revision};
  list.selector.hostnames = {"db-*"};
  list.selector.labels = {{"app", "shop"}};
  AccessRule access{"office", {}, "note", revision};
  access.terms.network = "default";
  access.terms.order = 7;
  access.terms.physical = {net::IpCidr::parse("192.0.2.0/24").value(), net::IpCidr::parse("fd00::/64").value()};
  access.terms.list = "shop";
  access.terms.protocol = ipam_api::AccessProtocol::tcp;
  access.terms.ports = {{80, 80}, {8000, 8999}};
  const ListedBlock listed{"shop", net::IpCidr::parse("192.0.2.0/29").value(), revision};
  Vip vip;
  vip.name = "shop";
  vip.address = net::IpAddress::parse("10.0.0.80").value();
  vip.vni = vni(100);
  vip.ports = {parse_vip_port("tcp:80:8080").value()};
  vip.selector.hostnames = {"db-*"};
  vip.listed = {range("10.0.0.5-10.0.0.6")};
  vip.check.kind = HealthCheck::Kind::http;
  vip.check.path = "/healthz";
  vip.number = 3;
  vip.backends = {{{vni(100), net::IpAddress::parse("10.0.0.5").value()}, "shop/db-0", "h1", true, "", 7}};
  vip.revision = revision;
  Block block{"b1", "h1", "web", "web", vni(100), range("10.0.0.16-10.0.0.17"), revision, 77, 3600, true, revision};
  ExtraAddress extra;
  extra.vni = vni(100);
  extra.address = any("fd00::19");
  extra.network = "default";
  extra.subnet = extra.pool = "web";
  extra.namespace_ = "shop";
  extra.hostnames = {"db-*"};
  extra.holder = owner("db-0");
  extra.generation = revision;
  extra.note = "vip";
  extra.revision = revision;
  Binding binding;
  binding.owner = owner("db-0");
  binding.kind = Kind::stateful;
  binding.subnet = binding.pool = "web";
  binding.addresses = ip("10.0.0.10");
  binding.addresses.set(any("fd00::10"));
  binding.mac = mac("0a:58:0a:00:00:0a");
  binding.retention = {Retention::Policy::on_delete, 90};
  binding.workload = "db";
  binding.labels = {{"app", "shop"}};
  binding.note = "a note";
  binding.origin = Origin::import;
  binding.last_uid = "A";
  binding.last_node = "h1";
  binding.created_ms = 5;
  binding.expires_ms = 6;
  binding.revision = revision;
  Port port;
  port.id = port_id_of(revision);
  port.owner = owner("db-0");
  port.kind = Kind::stateful;
  port.subnet = "web";
  port.pool = "web";
  port.vni = vni(100);
  port.addresses = binding.addresses;
  port.workload = "db";
  port.labels = {{"app", "shop"}};
  port.created_ms = 9;
  port.mac = mac("0a:58:0a:00:00:0a");
  port.node = "h1";
  port.attachment = attachment("c1");
  port.pod_uid = "A";
  port.generation = revision;
  port.state = PortState::active;
  port.revision = revision;
  Resting resting{vni(100), any("10.0.0.11"), "web", owner("db-1"), 99, revision};
  FencedUid fenced{owner("db-0"), "Z", revision};
  Batch batch;
  batch.revision = revision;
  batch.now_ms = 1234;
  batch.writes = {network, subnet, pool,   reservation, rule,  node,    gateway, vip,     webhook,
                  list,    access, listed, block,       extra, binding, port,    resting, fenced};
  batch.changes = {{revision, {entries_of(network)[0], entries_of(subnet)[0], entries_of(port)[0]}}};
  return batch;
}

template <class T>
T one_of(const Batch& batch) {
  for (const Write& write : batch.writes) {
    if (const T* found = std::get_if<T>(&write)) {
      return *found;
    }
  }
  throw std::logic_error("no such row");
}

Batch one_node(Revision revision, const std::string& name = "h1") {
  Node node{name, "machine", ip("172.31.0.1"), "1.0", "", {}, false, revision, "", 0};
  Batch batch;
  batch.revision = revision;
  batch.writes = {node};
  batch.changes = {{revision, entries_of(node)}};
  return batch;
}

Result<void> commit(Loop& loop, Store& store, Batch batch) {
  std::optional<Result<void>> answer;
  store.commit(std::move(batch), [&](Result<void> result) { answer = std::move(result); });
  CHECK_FALSE(answer);  // never inside the call
  loop.run_until([&] { return answer.has_value(); });
  return *answer;
}

ChangeLogPage page(Loop& loop, Store& store, Revision after, Revision up_to, std::size_t limit = 100) {
  std::optional<Result<ChangeLogPage>> answer;
  store.changes_since(after, up_to, limit, [&](Result<ChangeLogPage> result) { answer = std::move(result); });
  loop.run_until([&] { return answer.has_value(); });
  return answer->value();
}

std::vector<Revision> revisions(const ChangeLogPage& of) {
  std::vector<Revision> all;
  for (const LoggedChanges& changes : of.changes) {
    all.push_back(changes.revision);
  }
  return all;
}

struct Loaded {
  StoreInfo info;
  std::unique_ptr<State> state = std::make_unique<State>();
  std::string text() const { return state_text(*state); }
};

Loaded load(Store& store) {
  Loaded loaded;
  loaded.info = store.load([&](const Write& row) { loaded.state->apply(row); }).value();
  return loaded;
}

}  // namespace

TEMPLATE_TEST_CASE("a store begins empty, with an incarnation that stays", "[store]", MemoryStage, SqliteStage) {
  TestType stage;
  Loop loop;
  std::string incarnation;
  {
    const auto store = stage.open(loop);
    const Loaded loaded = load(*store);
    CHECK(loaded.info.revision == 0);
    CHECK(loaded.info.incarnation.size() == 32);
    CHECK(loaded.text() == state_text(State()));
    incarnation = loaded.info.incarnation;
  }
  CHECK(load(*stage.open(loop)).info.incarnation == incarnation);
  TestType other;
  if constexpr (std::is_same_v<TestType, MemoryStage>) {
    CHECK(load(*other.open(loop)).info.incarnation != incarnation);
  }
}

TEMPLATE_TEST_CASE("what was committed is there when the store is opened again", "[store]", MemoryStage, SqliteStage) {
  TestType stage;
  Loop loop;
  State expected;
  for (const Write& row : everything(7).writes) {
    expected.apply(row);
  }
  {
    const auto store = stage.open(loop);
    load(*store);
    REQUIRE(commit(loop, *store, everything(7)));
  }
  const auto store = stage.open(loop);
  const Loaded loaded = load(*store);
  CHECK(loaded.info.revision == 7);
  CHECK(loaded.text() == state_text(expected));
  CHECK(*loaded.state->subnet("web") == *expected.subnet("web"));
  CHECK(*loaded.state->pool("web") == *expected.pool("web"));
  CHECK(*loaded.state->binding(owner("db-0")) == *expected.binding(owner("db-0")));
  CHECK(*loaded.state->port({vni(100), ip("10.0.0.10")}) == *expected.port({vni(100), ip("10.0.0.10")}));
  CHECK(*loaded.state->gateway("gw1") == *expected.gateway("gw1"));
  CHECK(revisions(page(loop, *store, 0, 7)) == std::vector<Revision>{7});
  CHECK(page(loop, *store, 0, 7).changes == std::vector{logged(everything(7).changes[0])});
}

TEMPLATE_TEST_CASE("a row replaces the one of the same key, and is erased by it", "[store]", MemoryStage, SqliteStage) {
  TestType stage;
  Loop loop;
  {
    const auto store = stage.open(loop);
    load(*store);
    Batch batch = everything(1);
    Port port = one_of<Port>(batch);
    REQUIRE(commit(loop, *store, batch));

    port.node = "h1";
    port.attachment = attachment("c2");
    port.generation = 2;
    port.id = "p2";
    Batch second;
    second.revision = 2;
    second.writes = {port, Erase<FencedUid>{{owner("db-0"), "Z"}}, Erase<Gateway>{"gw1"}, Erase<Gateway>{"never"}};
    REQUIRE(commit(loop, *store, second));
    const Loaded loaded = load(*store);
    CHECK(loaded.info.revision == 2);
    CHECK(loaded.state->ports().size() == 1);
    CHECK(loaded.state->port_by_id("p2") != nullptr);
    CHECK(loaded.state->fenced_uids(owner("db-0")).empty());
    CHECK(loaded.state->gateway("gw1") == nullptr);

    Batch third;
    third.revision = 3;
    third.writes = {Erase<FencedUid>{{owner("db-0"), "Z"}},
                    Erase<Resting>{one_of<Resting>(batch).key()},
                    Erase<ExtraAddress>{one_of<ExtraAddress>(batch).key()},
                    Erase<Port>{port.key()},
                    Erase<Binding>{owner("db-0")},
                    Erase<Block>{"b1"},
                    Erase<Webhook>{"hook"},
                    Erase<ListedBlock>{"shop/192.0.2.0/29"},
                    Erase<AccessRule>{"office"},
                    Erase<AddressList>{"shop"},
                    Erase<Vip>{"shop"},
                    Erase<Rule>{"fixed"},
                    Erase<Reservation>{"printer"},
                    Erase<Node>{"h1"},
                    Erase<Pool>{"web"},
                    Erase<Subnet>{"web"},
                    Erase<Network>{"default"}};
    REQUIRE(commit(loop, *store, third));
  }
  CHECK(load(*stage.open(loop)).text() == state_text(State()));
}

TEMPLATE_TEST_CASE("batches are called back in order, and by Post only", "[store]", MemoryStage, SqliteStage) {
  TestType stage;
  Loop loop;
  const auto store = stage.open(loop);
  load(*store);
  std::vector<Revision> order;
  for (Revision revision = 1; revision <= 20; ++revision) {
    store->commit(one_node(revision), [&order, revision](Result<void> outcome) {
      REQUIRE(outcome);
      order.push_back(revision);
    });
  }
  CHECK(order.empty());
  loop.run_until([&] { return order.size() == 20; });
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEMPLATE_TEST_CASE("callbacks that are due when the store is closed are still posted", "[store]", MemoryStage,
                   SqliteStage) {
  TestType stage;
  Loop loop;
  int answered = 0;
  {
    const auto store = stage.open(loop);
    load(*store);
    for (Revision revision = 1; revision <= 5; ++revision) {
      store->commit(one_node(revision), [&](Result<void> outcome) { answered += outcome ? 1 : 0; });
    }
  }
  loop.run_ready();
  CHECK(answered == 5);
  CHECK(load(*stage.open(loop)).info.revision == 5);
}

TEMPLATE_TEST_CASE("the change log is read by revision, whole revisions at a time", "[store]", MemoryStage,
                   SqliteStage) {
  TestType stage;
  Loop loop;
  const auto store = stage.open(loop);
  load(*store);
  REQUIRE(commit(loop, *store, everything(1)));  // three changes
  REQUIRE(commit(loop, *store, one_node(2)));
  Batch silent;  // a revision that changed nothing in the directory
  silent.revision = 3;
  silent.writes = {FencedUid{owner("db-0"), "Y", 3}};
  REQUIRE(commit(loop, *store, silent));
  Batch two;  // a batch of two requests
  two = one_node(5);
  two.changes.insert(two.changes.begin(), one_node(4).changes[0]);
  REQUIRE(commit(loop, *store, two));

  CHECK(revisions(page(loop, *store, 0, 5)) == std::vector<Revision>{1, 2, 4, 5});
  CHECK(revisions(page(loop, *store, 2, 5)) == std::vector<Revision>{4, 5});
  CHECK(revisions(page(loop, *store, 2, 4)) == std::vector<Revision>{4});
  CHECK(revisions(page(loop, *store, 5, 5)).empty());
  CHECK_FALSE(page(loop, *store, 5, 5).too_old);

  const ChangeLogPage first = page(loop, *store, 0, 5, 1);
  CHECK(revisions(first) == std::vector<Revision>{1});
  CHECK(first.changes[0].texts.size() == 3);
  CHECK(first.more);
  const ChangeLogPage rest = page(loop, *store, 1, 5, 3);
  CHECK(revisions(rest) == std::vector<Revision>{2, 4, 5});
  CHECK_FALSE(rest.more);
}

TEMPLATE_TEST_CASE("the change log is bounded, and says when it does not reach back", "[store]", MemoryStage,
                   SqliteStage) {
  TestType stage;
  Loop loop;
  {
    const auto store = stage.open(loop);
    load(*store);
    for (Revision revision = 1; revision <= 25; ++revision) {
      REQUIRE(commit(loop, *store, one_node(revision)));
    }
  }
  const auto store = stage.open(loop);  // also after a restart
  load(*store);
  CHECK(page(loop, *store, 0, 25).too_old);
  CHECK(page(loop, *store, 14, 25).too_old);
  const ChangeLogPage rest = page(loop, *store, 15, 25);
  CHECK_FALSE(rest.too_old);
  CHECK(revisions(rest).size() == 10);
  CHECK(revisions(rest).front() == 16);
  REQUIRE(commit(loop, *store, one_node(26)));
  CHECK(page(loop, *store, 15, 26).too_old);
  CHECK(revisions(page(loop, *store, 16, 26)).size() == 10);
}

TEMPLATE_TEST_CASE("the newest events are kept, and cursors as they were written last", "[store]", MemoryStage,
                   SqliteStage) {
  TestType stage;
  const auto batch_of = [](EventSequence first, EventSequence last) {
    Batch batch;
    batch.revision = first;
    for (EventSequence n = first; n <= last; ++n) {
      EventRecord event = make_event("pool.low", "pool/web", "pool web: \"low\"", {{"free", n}});
      event.sequence = n;
      event.revision = first;
      batch.events.push_back(std::move(event));
    }
    return batch;
  };
  {
    Loop loop;
    const auto store = stage.open(loop);
    store->load([](const Write&) {}).value();
    CHECK(commit(loop, *store, batch_of(1, 3)));
    Batch cursors = batch_of(4, 4);
    cursors.cursors = WebhookCursors{{"a", 1}, {"b", 3}};
    CHECK(commit(loop, *store, cursors));
    cursors = batch_of(5, 5);
    cursors.cursors = WebhookCursors{{"b", 4}};
    CHECK(commit(loop, *store, cursors));
    CHECK(commit(loop, *store, batch_of(6, 6)));
  }
  {
    Loop loop;
    const auto store = stage.open(loop);
    const StoreInfo info = store->load([](const Write&) {}).value();
    REQUIRE(info.events.size() == 6);
    CHECK(info.events[2] == batch_of(1, 3).events[2]);
    CHECK(info.events.back().sequence == 6);
    CHECK(info.cursors == WebhookCursors{{"b", 4}});
    CHECK(commit(loop, *store, batch_of(7, EventLog::limit + 300)));
  }
  Loop loop;
  const auto store = stage.open(loop);
  const StoreInfo info = store->load([](const Write&) {}).value();
  CHECK(info.events.size() >= EventLog::limit);
  CHECK(info.events.size() < EventLog::limit + 100);
  CHECK(info.events.back().sequence == EventLog::limit + 300);
}

TEMPLATE_TEST_CASE("a batch that fails leaves nothing, and the next one succeeds", "[store]", MemoryStage,
                   SqliteStage) {
  TestType stage;
  Loop loop;
  {
    const auto store = stage.open(loop);
    load(*store);
    REQUIRE(commit(loop, *store, everything(1)));

    Batch bad = one_node(2, "h2");
    if constexpr (std::is_same_v<TestType, SqliteStage>) {
      // Half-way into the transaction: a binding without an address.
      Binding thief = one_of<Binding>(everything(2));
      thief.owner = owner("thief");
      thief.addresses = {};
      bad.writes.push_back(thief);
    }
    stage.break_disk();
    const auto outcome = commit(loop, *store, bad);
    stage.mend_disk();
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code() == Errc::storage);
    CHECK_FALSE(outcome.error().hint().empty());

    REQUIRE(commit(loop, *store, one_node(3, "h3")));
  }
  const auto store = stage.open(loop);
  const Loaded loaded = load(*store);
  CHECK(loaded.info.revision == 3);
  CHECK(loaded.state->node("h2") == nullptr);
  CHECK(loaded.state->node("h3") != nullptr);
  CHECK(loaded.state->bindings().size() == 1);
  CHECK(revisions(page(loop, *store, 0, 3)) == std::vector<Revision>{1, 3});
}
