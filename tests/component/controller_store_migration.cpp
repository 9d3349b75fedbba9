// Stores of older formats, opened by today's version: nothing is lost, the file as it was is kept beside, and whatever
// goes wrong on the way leaves it as it was.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "fakes/controller_engine.hpp"
#include "fakes/controller_state_text.hpp"
#include "ipam-controller/store/sqlite_store.hpp"
#include "support/catch_result.hpp"
#include "support/lossy_disk.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;
using Catch::Contains;
using mooring::tests::LossyDisk;

namespace {

class MigrationStage {
 public:
  MigrationStage() : folder_(std::filesystem::temp_directory_path() / fmt::format("mooring-format-{}", ::getpid())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    spdlog::set_level(spdlog::level::off);
    SqliteConnection(path()).execute(text_of(MOORING_SOURCE_DIR "/tests/fixtures/store_format_1.sql"));
  }
  ~MigrationStage() {
    spdlog::set_level(spdlog::level::info);
    std::filesystem::remove_all(folder_);
  }

  std::string path() const { return (folder_ / "controller.db").string(); }
  SqliteOptions options() const {
    SqliteOptions options;
    options.path = path();
    return options;
  }
  std::int64_t format(const std::string& file) const {
    return SqliteConnection(file, "", SqliteConnection::Mode::read_only).query_number("PRAGMA user_version");
  }

 private:
  static std::string text_of(const std::string& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::filesystem::path folder_;
};

std::string tables_of(const std::string& path) {
  SqliteConnection db(path, "", SqliteConnection::Mode::read_only);
  SqliteStatement all(db, "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name");
  std::string text;
  while (all.step()) {
    text += all.text() + "\n";
  }
  return text;
}

using Directory = std::map<std::string, std::string>;  // shard, kind and key -> entry

std::string name_of(const std::string& text) {
  const ipam_api::Json entry = ipam_api::parse_json("entry", text).value();
  return fmt::format("{} {} {}{}", entry.at("shard").get<ipam_api::Shard>(), entry.at("kind").get<std::string>(),
                     entry.at("key").get<std::string>(), entry.contains("deleted") ? " deleted" : "");
}

// What the change log of a store of version 0.1 leads to.
Directory logged_in(const std::string& path) {
  SqliteConnection db(path, "", SqliteConnection::Mode::read_only);
  SqliteStatement all(db, "SELECT entry FROM change_log ORDER BY revision, position");
  Directory logged;
  while (all.step()) {
    const std::string text = all.text();
    const std::string name = name_of(text);
    const auto deleted = name.rfind(" deleted");
    deleted == name.npos ? void(logged[name] = text) : void(logged.erase(name.substr(0, deleted)));
  }
  return logged;
}

// The same entry, which may have more in its value.
bool says_all_of(const std::string& text, const std::string& old_text) {
  ipam_api::Json entry = ipam_api::parse_json("entry", text).value();
  const ipam_api::Json old = ipam_api::parse_json("entry", old_text).value();
  ipam_api::Json& value = entry["value"];
  for (auto field = value.begin(); field != value.end();) {
    field = old.at("value").contains(field.key()) ? std::next(field) : value.erase(field);
  }
  return entry == old;
}

Directory snapshot_of(Engine& engine) {
  return engine.read([](const State& state) {
    Directory all;
    for (const auto shard : state.shards()) {
      for (const Change& entry : state.snapshot(shard)) {
        all[name_of(entry.text)] = entry.text;
      }
    }
    return all;
  });
}

void broken_step(SqliteConnection& db) {
  db.execute("DROP TABLE change_log");
  throw SqliteFailure(1, 0, "a step that does not work");
}

}  // namespace

TEST_CASE("a store of version 0.1 is opened with nothing lost", "[sqlite][migration]") {
  const MigrationStage stage;
  const Directory logged = logged_in(stage.options().path);
  Loop loop;
  {
    const auto store = SqliteStore::open(stage.options(), loop.post()).value();
    Engine engine(loop, *store);
    CHECK(engine.ipam.incarnation() == "6bb057d6ad409ab98881c0f5766c72fd");
    CHECK(engine.ipam.committed_revision() == 19);

    // The change log of that version led to the directory of this one, where entries may say more: readers take a
    // snapshot, and resume from then on.
    const Directory directory = snapshot_of(engine);
    CHECK(logged.size() == 14);
    CHECK(directory.size() == logged.size());
    for (const auto& [name, entry] : logged) {
      INFO(name << ": " << entry);
      REQUIRE(directory.contains(name));
      CHECK(says_all_of(directory.at(name), entry));
    }
    CHECK(engine.changes_since(18).value().too_old);
    const ChangeLogPage since = engine.changes_since(19).value();
    CHECK_FALSE(since.too_old);
    CHECK(since.changes.empty());

    const auto printer = engine.binding(owner("printer", "prod"));
    REQUIRE(printer);
    CHECK(printer->addresses == net::AddressPair(ip("10.100.99.1")));
    CHECK(printer->mac == mac("02:00:00:00:00:01"));
    CHECK(printer->pool == "");
    CHECK(printer->retention.policy == Retention::Policy::never);
    CHECK(printer->origin == Origin::admin);
    const auto given_back = engine.binding(owner("redis-1", "prod"));
    REQUIRE(given_back);
    CHECK(given_back->last_uid == "uid-5");
    CHECK(given_back->origin == Origin::first_use);
    engine.read([](const State& state) {
      const Subnet* pods = state.subnet("pods");
      REQUIRE(pods != nullptr);
      CHECK(pods->dns.nameservers == std::vector<std::string>{"10.100.0.53"});
      CHECK(pods->routes.size() == 1);
      REQUIRE(state.pool("db") != nullptr);
      CHECK(state.pool("db")->kind == Kind::stateful);
      REQUIRE(state.pool("pods") != nullptr);
      CHECK(state.pool("pods")->is_default);
      CHECK(state.pool("pods")->exclusions == std::vector{range("10.100.0.1-10.100.0.9")});
      REQUIRE(state.network("blue") != nullptr);
      CHECK(state.network("blue")->isolated);
      REQUIRE(state.gateway("gw1") != nullptr);
      CHECK(state.gateway("gw1")->machine_id == "m9");
      return 0;
    });

    // And it goes on: a retry, a pod that comes back, one that was fenced.
    CHECK(engine.allocate(Ask("h2", "aa04", "redis-0").in("prod").uid("uid-4")).value().generation == 16);
    CHECK(engine.allocate(Ask("h1", "bb01", "redis-1").in("prod").uid("uid-6")).value().address.address ==
          ip("10.100.16.12"));
    const auto fenced = engine.allocate(Ask("h1", "bb02", "redis-0").in("prod").uid("uid-3"));
    REQUIRE_FALSE(fenced);
    CHECK(fenced.error().code() == Errc::superseded);
  }
  CHECK(stage.format(stage.path()) == current_schema().version);
  CHECK(stage.format(stage.path() + ".before-v2") == 1);

  // What was led here is what is made anew.
  SqliteOptions fresh = stage.options();
  fresh.path += ".fresh";
  SqliteStore::open(fresh, loop.post()).value();
  CHECK(tables_of(stage.path()) == tables_of(fresh.path));
}

TEST_CASE("a migration that does not work leaves the store as it was", "[sqlite][migration]") {
  const MigrationStage stage;
  const SchemaStep steps[] = {{2, current_schema().steps.front().run}, {3, &broken_step}};
  const Schema broken{3, current_schema().tables, steps};
  const std::string before = tables_of(stage.path());
  {
    SqliteConnection db(stage.path());
    CHECK_THROWS_WITH(prepare_schema(db, stage.path(), broken), Contains("a step that does not work"));
  }
  CHECK(stage.format(stage.path()) == 1);
  CHECK(tables_of(stage.path()) == before);
  Loop loop;
  CHECK(SqliteStore::open(stage.options(), loop.post()));
}

TEST_CASE("a power failure during a migration leaves the old store or the new one", "[sqlite][migration][power]") {
  std::string expected;
  for (std::uint64_t count = 1, done = 0; done == 0; ++count) {
    CAPTURE(count);
    const MigrationStage stage;
    LossyDisk disk(static_cast<unsigned>(count));
    disk.import_file(stage.path(), stage.path());
    SqliteOptions options = stage.options();
    options.vfs = disk.vfs();
    Loop loop;
    disk.fail_power_after(count);
    SqliteStore::open(options, loop.post());
    done = disk.power_failed() ? 0 : 1;
    disk.restore_power();
    const auto store = SqliteStore::open(options, loop.post()).value();
    Engine engine(loop, *store);
    const std::string found = engine.read([](const State& state) { return state_text(state); });
    expected = expected.empty() ? found : expected;
    REQUIRE_THAT(found, Contains("redis-1"));
    REQUIRE(found == expected);
  }
}

TEST_CASE("a store of a newer version is refused, with the way back", "[sqlite][migration]") {
  const MigrationStage stage;
  Loop loop;
  SqliteStore::open(stage.options(), loop.post()).value();
  SqliteConnection(stage.path()).execute("PRAGMA user_version = 9");
  const auto without_copy = SqliteStore::open(stage.options(), loop.post());
  REQUIRE_FALSE(without_copy);
  CHECK(without_copy.error().code() == Errc::unsupported);
  CHECK_THAT(without_copy.error().text(),
             Contains("format 9") && Contains("formats up to 2") && Contains("run the version that made it"));

  std::filesystem::rename(stage.path() + ".before-v2", stage.path() + ".before-v4");  // as version 4 would make it
  const auto with_copy = SqliteStore::open(stage.options(), loop.post());
  REQUIRE_FALSE(with_copy);
  CHECK_THAT(with_copy.error().text(), Contains("restore --force") && Contains(stage.path() + ".before-v4"));
}
