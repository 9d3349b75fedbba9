// What the audit ledger of every store promises: memory and SQLite.
#include <filesystem>
#include <memory>
#include <optional>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "fakes/controller_engine.hpp"
#include "ipam-controller/store/memory_store.hpp"
#include "ipam-controller/store/sqlite.hpp"
#include "ipam-controller/store/sqlite_store.hpp"
#include "mooring/http/sha256.hpp"
#include "mooring/ipam_api/audit_file.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;
using ipam_api::Json;

namespace {

class MemoryStage {
 public:
  std::unique_ptr<Store> open(Loop& loop) { return std::make_unique<MemoryStore>(disk_, loop.post()); }
  void tamper(AuditSeq seq, const std::string& record) { disk_.ledger().tamper(seq, record); }

 private:
  MemoryDisk disk_;
};

class SqliteStage {
 public:
  SqliteStage() : folder_(std::filesystem::temp_directory_path() / fmt::format("mooring-ledger-{}", ::getpid())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
  }
  ~SqliteStage() { std::filesystem::remove_all(folder_); }
  std::unique_ptr<Store> open(Loop& loop) {
    SqliteOptions options;
    options.path = path();
    return SqliteStore::open(options, loop.post()).value();
  }
  void tamper(AuditSeq seq, const std::string& record) {
    SqliteConnection other(path());
    SqliteStatement(other, "UPDATE audit SET record = ? WHERE seq = ?").bind(record).bind(seq).run();
  }

 private:
  std::string path() const { return (folder_ / "controller.db").string(); }
  std::filesystem::path folder_;
};

template <class T>
Result<T> wait(Loop& loop, const std::function<void(Callback<T>)>& start) {
  std::optional<Result<T>> answer;
  start([&](Result<T> result) { answer = std::move(result); });
  CHECK_FALSE(answer);  // never inside the call
  loop.run_until([&] { return answer.has_value(); });
  return *answer;
}

Port port(const std::string& hostname, const std::string& address, Revision revision) {
  Port made;
  made.id = port_id_of(revision);
  made.owner = owner(hostname);
  made.subnet = made.pool = "web";
  made.vni = vni(100);
  made.addresses = any(address);
  made.mac = mac("0a:58:0a:00:00:0a");
  made.node = "h1";
  made.attachment = attachment("c" + hostname);
  made.generation = made.revision = revision;
  return made;
}

// Revision N makes the port of host-N at time N seconds.
class Ledger {
 public:
  Ledger(Loop& loop, Store& store) : loop_(loop), store_(store) {
    store.load([](const Write&) {}).value();
    revision_ = store.ledger().head().seq;
  }
  Revision revision() const { return revision_; }

  void write(const Write& before, const Write& after) {
    Batch batch;
    batch.revision = ++revision_;
    batch.now_ms = static_cast<TimeMs>(revision_) * 1000;
    batch.writes = {after};
    batch.audit = {{revision_, batch.now_ms, {Actor::Kind::node, "h1", "unix"}, "cni \"add\" \xff", before, after}};
    const auto stored = wait<void>(loop_, [&](auto done) { store_.commit(std::move(batch), done); });
    REQUIRE(stored);
  }
  void add(int count) {
    for (int i = 0; i < count; ++i) {
      const Revision next = revision_ + 1;
      const Port made = port(fmt::format("host-{}", next), fmt::format("10.0.{}.{}", next / 256, next % 256), next);
      write(Erase<Port>{made.key()}, made);
    }
  }
  AuditPage read(const AuditQuery& query) {
    return wait<AuditPage>(loop_, [&](auto done) { store_.ledger().read(query, done); }).value();
  }
  AuditVerdict verify(AuditSeq after = 0, std::size_t limit = 1000) {
    return wait<AuditVerdict>(loop_, [&](auto done) { store_.ledger().verify(after, limit, done); }).value();
  }
  Result<AuditPruned> prune(AuditSeq up_to, const std::string& hash) {
    const AuditPrune cut{up_to, hash, {Actor::Kind::person, "alice", "unix"}, "monthly", 99'000, revision_};
    return wait<AuditPruned>(loop_, [&](auto done) { store_.ledger().prune(cut, done); });
  }

 private:
  Loop& loop_;
  Store& store_;
  Revision revision_ = 0;
};

std::vector<AuditSeq> numbers(const AuditPage& page) {
  std::vector<AuditSeq> all;
  for (const AuditRecord& record : page.records) {
    all.push_back(record.seq);
  }
  return all;
}

AuditQuery of_subject(const std::string& subject) {
  AuditQuery query;
  query.subject = subject;
  return query;
}
AuditQuery behind(AuditSeq after, std::size_t limit = 100) {
  AuditQuery query;
  query.after = after;
  query.limit = limit;
  return query;
}

}  // namespace

TEMPLATE_TEST_CASE("a record says who did what, with before and after, and is chained", "[ledger]", MemoryStage,
                   SqliteStage) {
  TestType stage;
  Loop loop;
  const auto store = stage.open(loop);
  Ledger ledger(loop, *store);
  CHECK(store->ledger().head() == AuditHead{});
  const Port made = port("db-0", "10.0.0.5", 1);
  Port moved = made;
  moved.node = "h2";
  ledger.write(Erase<Port>{made.key()}, made);
  ledger.write(made, moved);
  ledger.write(moved, Erase<Port>{made.key()});

  const AuditPage page = ledger.read({});
  REQUIRE(numbers(page) == std::vector<AuditSeq>{1, 2, 3});
  CHECK_FALSE(page.more);
  const Json first = Json::parse(page.records[0].text);
  CHECK(first["action"] == "create");
  CHECK(first["actor"] == Json{{"kind", "node"}, {"name", "h1"}, {"from", "unix"}});
  CHECK(first["before"].is_null());
  CHECK(first["after"]["node"] == "h1");
  CHECK(first["kind"] == "port");
  CHECK(first["at_ms"] == 1000);
  CHECK(first["seq"] == 1);
  CHECK(first["subjects"] == Json{"10.0.0.5", "shop/db-0"});
  CHECK(first.dump() == page.records[0].text);  // canonical, and what is no UTF-8 was replaced
  const Json second = Json::parse(page.records[1].text);
  CHECK(second["action"] == "change");
  CHECK(second["before"]["node"] == "h1");
  CHECK(second["after"]["node"] == "h2");
  CHECK(Json::parse(page.records[2].text)["action"] == "delete");

  http::Sha256 sha256;
  std::string hash = ipam_api::no_hash();
  for (const AuditRecord& record : page.records) {
    hash = sha256.of(hash, record.text);
    CHECK(record.hash == ipam_api::hash_text(hash));
  }
  CHECK(page.previous_hash == ipam_api::hash_text(ipam_api::no_hash()));
  CHECK(store->ledger().head() == AuditHead{3, ipam_api::hash_text(hash)});
}

TEMPLATE_TEST_CASE("records are found by subject, time and number, page by page", "[ledger]", MemoryStage,
                   SqliteStage) {
  TestType stage;
  Loop loop;
  const auto store = stage.open(loop);
  Ledger ledger(loop, *store);
  ledger.add(6);
  const Port fourth = port("host-4", "10.0.0.4", 4);
  ledger.write(fourth, Erase<Port>{fourth.key()});  // 7

  CHECK(numbers(ledger.read(of_subject("10.0.0.4"))) == std::vector<AuditSeq>{4, 7});
  CHECK(numbers(ledger.read(of_subject("shop/host-4"))) == std::vector<AuditSeq>{4, 7});
  CHECK(numbers(ledger.read(of_subject("10.0.0.40"))).empty());
  AuditQuery one = of_subject("10.0.0.4");
  one.limit = 1;
  CHECK(ledger.read(one).more);
  one.after = 4;
  CHECK(numbers(ledger.read(one)) == std::vector<AuditSeq>{7});
  CHECK_FALSE(ledger.read(one).more);

  AuditQuery between;
  between.from_ms = 2500;
  between.to_ms = 5000;
  CHECK(numbers(ledger.read(between)) == std::vector<AuditSeq>{3, 4, 5});
  between.to_ms = 4999;
  CHECK(numbers(ledger.read(between)) == std::vector<AuditSeq>{3, 4});
  between.subject = "shop/host-4";
  CHECK(numbers(ledger.read(between)) == std::vector<AuditSeq>{4});
  between.from_ms = 8000;
  CHECK(numbers(ledger.read(between)).empty());

  const AuditPage page = ledger.read(behind(2, 3));
  CHECK(numbers(page) == std::vector<AuditSeq>{3, 4, 5});
  CHECK(page.more);
  CHECK(page.previous_hash == ledger.read(behind(1, 1)).records[0].hash);
  CHECK(numbers(ledger.read(behind(7))).empty());
}

TEMPLATE_TEST_CASE("the chain goes on over a restart, and a changed record is named", "[ledger]", MemoryStage,
                   SqliteStage) {
  TestType stage;
  Loop loop;
  AuditHead head;
  {
    const auto store = stage.open(loop);
    Ledger ledger(loop, *store);
    ledger.add(4);
    head = store->ledger().head();
  }
  const auto store = stage.open(loop);
  Ledger ledger(loop, *store);
  CHECK(store->ledger().head() == head);
  ledger.add(4);
  const AuditVerdict whole = ledger.verify();
  CHECK(whole.bad_seq == 0);
  CHECK(whole.records == 8);
  CHECK(whole.last_seq == 8);
  CHECK(whole.head == store->ledger().head());
  const AuditVerdict slice = ledger.verify(2, 3);
  CHECK(slice.first_seq == 3);
  CHECK(slice.last_seq == 5);
  CHECK(slice.more);
  CHECK_FALSE(ledger.verify(5, 3).more);

  std::string record = ledger.read(behind(4, 1)).records[0].text;
  record.replace(record.find("h1"), 2, "h9");
  stage.tamper(5, record);
  const AuditVerdict broken = ledger.verify();
  CHECK(broken.bad_seq == 5);
  CHECK(broken.records == 4);
  CHECK(broken.problem.find("record 5 does not fit its hash") == 0);
  CHECK(ledger.verify(5).bad_seq == 0);  // what is behind it is whole
}

TEMPLATE_TEST_CASE("what was copied can be pruned, and the rest still verifies", "[ledger]", MemoryStage, SqliteStage) {
  TestType stage;
  Loop loop;
  {
    const auto store = stage.open(loop);
    Ledger ledger(loop, *store);
    ledger.add(10);
    const std::string fifth = ledger.read(behind(4, 1)).records[0].hash;
    CHECK(ledger.prune(5, ipam_api::hash_text(ipam_api::no_hash())).error().code() == Errc::conflict);
    CHECK(ledger.prune(11, fifth).error().code() == Errc::not_found);
    CHECK(numbers(ledger.read({})).size() == 10);

    const auto pruned = ledger.prune(5, fifth);
    REQUIRE(pruned);
    CHECK(pruned->records == 5);
    CHECK(pruned->first_seq == 6);
    CHECK(ledger.prune(5, fifth).error().code() == Errc::conflict);  // already
  }
  const auto store = stage.open(loop);
  Ledger ledger(loop, *store);
  const AuditPage rest = ledger.read({});
  CHECK(numbers(rest) == std::vector<AuditSeq>{6, 7, 8, 9, 10, 11});
  CHECK(rest.first_seq == 6);
  CHECK(numbers(ledger.read(of_subject("10.0.0.3"))).empty());
  CHECK(numbers(ledger.read(of_subject("10.0.0.6"))) == std::vector<AuditSeq>{6});
  const Json record = Json::parse(rest.records.back().text);
  CHECK(record["action"] == "prune");
  CHECK(record["actor"]["name"] == "alice");
  CHECK(record["after"]["last_seq"] == 5);
  const AuditVerdict verdict = ledger.verify();
  CHECK(verdict.bad_seq == 0);
  CHECK(verdict.first_seq == 6);
  CHECK(verdict.records == 6);

  // All of it, more than one slice of it: the chain's head stays.
  ledger.add(1200);
  const AuditHead head = store->ledger().head();
  REQUIRE(ledger.prune(head.seq, head.hash));
  CHECK(store->ledger().head().seq == head.seq + 1);
  CHECK(ledger.verify().records == 1);
  CHECK(ledger.verify().bad_seq == 0);
}
