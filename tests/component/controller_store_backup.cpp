// Backups of a store that is at work, and stores made from backups.
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "fakes/controller_crowd.hpp"
#include "fakes/controller_state_text.hpp"
#include "ipam-controller/store/sqlite_restore.hpp"
#include "ipam-controller/store/sqlite_store.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;
using Catch::Contains;

namespace {

class BackupStage {
 public:
  BackupStage() : folder_(std::filesystem::temp_directory_path() / fmt::format("mooring-backup-{}", ::getpid())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
  }
  ~BackupStage() { std::filesystem::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  Loop loop;

  std::unique_ptr<SqliteStore> open(const std::string& name) {
    SqliteOptions options;
    options.path = path(name);
    return SqliteStore::open(options, loop.post()).value();
  }
  Result<BackupCopy> back_up(Store& store, const std::string& name) {
    std::optional<Result<BackupCopy>> answer;
    std::uint64_t done_bytes = 0;
    std::uint64_t total_bytes = 0;
    store.backup(
        path(name),
        [&](std::uint64_t done, std::uint64_t total) {
          CHECK(done >= done_bytes);
          done_bytes = done;
          total_bytes = total;
        },
        [&](Result<BackupCopy> result) { answer = std::move(result); });
    loop.run_until([&] { return answer.has_value(); });
    CHECK((!*answer || done_bytes == total_bytes));
    return *answer;
  }
  Result<RestoredStore> restore(const std::string& from, const std::string& to, bool force = false) {
    return restore_store({path(from), path(to), force}, [](std::uint64_t, std::uint64_t) {});
  }

 private:
  std::filesystem::path folder_;
};

std::string text_of(Engine& engine) {
  return engine.read([](const State& state) { return state_text(state); });
}

}  // namespace

TEST_CASE("a backup is of one moment while the store is at work", "[sqlite][backup]") {
  BackupStage stage;
  const auto store = stage.open("controller.db");
  Engine engine(stage.loop, *store);
  Crowd::make_world(engine);
  CrowdWitness witness;
  Crowd crowd(engine.ipam, witness, 1, [&](const CrowdEvent& event) { witness.note(event); });
  crowd.start(16);
  stage.loop.run_until([&] { return witness.answered() > 500; });

  const auto copy = stage.back_up(*store, "copy.db").value();
  const std::size_t answered = witness.answered();
  crowd.stop();
  stage.loop.run_until([&] { return crowd.idle(); });
  CHECK(answered > 500);  // it went on meanwhile

  CHECK(copy.incarnation == engine.ipam.incarnation());
  CHECK(copy.bytes == std::filesystem::file_size(stage.path("copy.db")));
  struct stat status {};
  REQUIRE(::stat(stage.path("copy.db").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK_FALSE(std::filesystem::exists(stage.path("copy.db-wal")));

  // Everything up to its revision is in it, and nothing else: what its own log says is what its tables say.
  const auto again = stage.open("copy.db");
  Engine copied(stage.loop, *again);
  CHECK(copied.ipam.committed_revision() == copy.revision);
  std::map<std::string, std::string> logged;
  for (const LoggedChanges& changes : copied.changes_since(0, 1'000'000).value().changes) {
    CHECK(changes.revision <= copy.revision);
    for (const std::string& text : changes.texts) {
      const ipam_api::Json change = ipam_api::parse_json("entry", text).value();
      const std::string name = change.at("kind").get<std::string>() + change.at("key").get<std::string>();
      change.contains("deleted") ? void(logged.erase(name)) : void(logged[name] = text);
    }
  }
  std::map<std::string, std::string> there;
  copied.read([&](const State& state) {
    for (const auto shard : state.shards()) {
      for (const Change& entry : state.snapshot(shard)) {
        there[entry.kind + entry.key] = entry.text;
      }
    }
    return 0;
  });
  CHECK(there == logged);
}

TEST_CASE("a second backup waits its turn, and one that cannot be written says why", "[sqlite][backup]") {
  BackupStage stage;
  const auto store = stage.open("controller.db");
  Engine engine(stage.loop, *store);
  engine.usual();
  std::optional<Result<BackupCopy>> first, second;
  store->backup(stage.path("a.db"), nullptr, [&](Result<BackupCopy> result) { first = result; });
  store->backup(stage.path("b.db"), nullptr, [&](Result<BackupCopy> result) { second = result; });
  stage.loop.run_until([&] { return first && second; });
  REQUIRE(*first);
  REQUIRE_FALSE(*second);
  CHECK(second->error().code() == Errc::in_use);
  const auto nowhere = stage.back_up(*store, "none/c.db");
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().code() == Errc::storage);
  CHECK_THAT(nowhere.error().text(), Contains(stage.path("none/c.db")) && Contains("No such file"));
  CHECK(stage.back_up(*store, "d.db"));
}

TEST_CASE("a store is restored from a backup as another one", "[sqlite][backup]") {
  BackupStage stage;
  std::string before;
  std::string incarnation;
  Revision revision = 0;
  AuditHead head;
  {
    const auto store = stage.open("controller.db");
    Engine engine(stage.loop, *store);
    engine.usual();
    engine.allocate(Ask("h1", "c1", "db-0").kind(Kind::stateful)).value();
    before = text_of(engine);
    incarnation = engine.ipam.incarnation();
    revision = engine.ipam.committed_revision();
    head = engine.ipam.audit_head();
    stage.back_up(*store, "copy.db").value();
    engine.allocate(Ask("h1", "c2", "db-1").kind(Kind::stateful)).value();

    const auto running = stage.restore("copy.db", "controller.db", true);
    REQUIRE_FALSE(running);
    CHECK(running.error().code() == Errc::conflict);
  }
  const auto refused = stage.restore("copy.db", "controller.db");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Errc::already_exists);
  CHECK_THAT(refused.error().text(), Contains("--force"));

  const auto restored = stage.restore("copy.db", "controller.db", true).value();
  CHECK(restored.revision == revision);
  CHECK(restored.incarnation != incarnation);
  CHECK(std::filesystem::exists(restored.replaced));
  {
    const auto store = stage.open("controller.db");
    State state;
    const StoreInfo info = store->load([&](const Write& row) { state.apply(row); }).value();
    CHECK(info.restoring);
    CHECK(info.revision == revision);
    CHECK(info.incarnation != incarnation);
    CHECK(state_text(state) == before);
    CHECK_FALSE(info.events.empty());  // the nodes were registered
    CHECK((store->ledger().head() == head));
  }
  // What was there is whole, beside it.
  SqliteConnection old(restored.replaced, "", SqliteConnection::Mode::read_only);
  CHECK(old.query_number("SELECT count(*) FROM binding") == 2);
}

TEST_CASE("what is no backup is not restored from", "[sqlite][backup]") {
  BackupStage stage;
  { const auto store = stage.open("controller.db"); }
  const auto refusal = [&](const std::string& from) {
    const auto outcome = stage.restore(from, "new.db");
    REQUIRE_FALSE(outcome);
    CHECK_FALSE(std::filesystem::exists(stage.path("new.db")));
    return outcome.error();
  };
  CHECK(refusal("none.db").code() == Errc::not_found);
  std::ofstream(stage.path("text.db")) << std::string(8192, 'x');
  CHECK(refusal("text.db").code() == Errc::storage);
  SqliteConnection(stage.path("other.db")).execute("CREATE TABLE t (x)");
  CHECK(refusal("other.db").code() == Errc::unsupported);
  std::filesystem::copy_file(stage.path("controller.db"), stage.path("newer.db"));
  SqliteConnection(stage.path("newer.db")).execute("PRAGMA user_version = 9");
  CHECK_THAT(refusal("newer.db").text(), Contains("format 9"));
  // A page in the middle is not what it was.
  std::filesystem::copy_file(stage.path("controller.db"), stage.path("damaged.db"));
  {
    std::fstream file(stage.path("damaged.db"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096 * 2);
    file << std::string(4096, '\xff');
  }
  const Error damaged = refusal("damaged.db");
  CHECK(damaged.code() == Errc::storage);
  CHECK_THAT(damaged.text(), Contains("damaged") || Contains("malformed"));
  CHECK(stage.restore("controller.db", "new.db"));
}
