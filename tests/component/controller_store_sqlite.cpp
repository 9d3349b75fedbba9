// What only the SQLite store has: a file, a second process, a disk that is full, a format.
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sched.h>
#include <string>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <sqlite3.h>

#include "fakes/controller_engine.hpp"
#include "fakes/controller_state_text.hpp"
#include "ipam-controller/store/sqlite_store.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;
using Catch::Contains;

namespace {

class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / fmt::format("mooring-sqlite-{}", ::getpid())) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directory(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  SqliteOptions options() const {
    SqliteOptions options;
    options.path = (path_ / "controller.db").string();
    return options;
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::unique_ptr<SqliteStore> open(const SqliteOptions& options, Loop& loop) {
  return SqliteStore::open(options, loop.post()).value();
}

Error refused(const SqliteOptions& options) {
  Loop loop;
  const auto store = SqliteStore::open(options, loop.post());
  REQUIRE_FALSE(store);
  return store.error();
}

void execute(const std::string& path, const std::string& sql) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
  const int result = sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr);
  INFO(sqlite3_errmsg(db));
  CHECK(result == SQLITE_OK);
  sqlite3_close(db);
}

// Allocates until the disk is full; returns how many were acknowledged before.
int fill(Engine& engine, std::optional<Error>& error) {
  for (int i = 0; i < 20000; ++i) {
    const auto answer =
        engine.allocate(Ask("h1", fmt::format("c{}", i), fmt::format("{}-{}", std::string(200, 'x').substr(0, 50), i))
                            .pool("big")
                            .uid(std::string(2000, 'u'))
                            .kind(Kind::stateful));
    if (!answer) {
      error = answer.error();
      return i;
    }
  }
  return 20000;
}

// On a full disk: requests fail with storage, nothing is half there; when there is space, it goes on.
void check_full_disk(const SqliteOptions& options, const std::function<void(SqliteOptions&)>& make_space) {
  Loop loop;
  std::string memory;
  int acknowledged = 0;
  SqliteOptions roomier = options;
  {
    const auto store = open(options, loop);
    Engine engine(loop, *store);
    engine.usual();
    engine.subnet("big", "10.64.0.0/16", 200).value();
    engine.pool("big", "big").value();
    std::optional<Error> error;
    acknowledged = fill(engine, error);
    REQUIRE(error);
    REQUIRE(error->code() == Errc::storage);
    REQUIRE_THAT(error->text(), Contains(options.path) && Contains("full") && Contains("make space"));
    REQUIRE(acknowledged > 10);
    REQUIRE(engine.use("big").allocated == static_cast<std::uint64_t>(acknowledged));
    memory = engine.read([](const State& state) { return state_text(state); });
    make_space(roomier);
    if (roomier.max_pages == options.max_pages) {  // the same process goes on
      REQUIRE(engine.allocate(Ask("h2", "again", "again").pool("big")));
      ++acknowledged;
      memory = engine.read([](const State& state) { return state_text(state); });
    }
  }
  const auto store = open(roomier, loop);
  Engine engine(loop, *store);
  REQUIRE(engine.read([](const State& state) { return state_text(state); }) == memory);
  REQUIRE(engine.use("big").allocated == static_cast<std::uint64_t>(acknowledged));
  REQUIRE(engine.allocate(Ask("h3", "more", "more").pool("big")));
}

// Runs `body` in a process and a mount namespace of its own; its exit code, or -1 if the namespace cannot be had.
int in_mount_namespace(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      ::_exit(100);
    }
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("a second controller is kept off the store, and told who has it", "[sqlite]") {
  const Folder folder;
  Loop loop;
  {
    const auto store = open(folder.options(), loop);
    const Error error = refused(folder.options());
    CHECK(error.code() == Errc::conflict);
    CHECK_THAT(error.text(), Contains(folder.options().path) && Contains(fmt::format("pid {}", ::getpid())) &&
                                 Contains("stop that one first"));
  }
  CHECK(open(folder.options(), loop));
}

TEST_CASE("a store that cannot be opened says which, why and what to do", "[sqlite]") {
  const Folder folder;
  SqliteOptions options = folder.options();

  SECTION("no folder") {
    options.path = (folder.path() / "none" / "controller.db").string();
    CHECK_THAT(refused(options).text(),
               Contains(options.path) && Contains("No such file") && Contains("make the folder"));
  }
  SECTION("a newer format") {
    {
      Loop loop;
      open(options, loop);
    }
    execute(options.path, "PRAGMA user_version = 9");
    const Error error = refused(options);
    CHECK(error.code() == Errc::unsupported);
    CHECK_THAT(error.text(),
               Contains("format 9") && Contains("formats up to 2") && Contains("run the version that made it"));
  }
  SECTION("the database of another program") {
    execute(options.path, "CREATE TABLE t (x)");
    CHECK_THAT(refused(options).text(), Contains("another program"));
  }
  SECTION("no database at all") {
    std::ofstream(options.path) << std::string(8192, 'x');
    CHECK_THAT(refused(options).text(), Contains("not a database") && Contains("restore a backup"));
  }
  SECTION("a row that does not parse") {
    {
      Loop loop;
      const auto store = open(options, loop);
      Engine(loop, *store).usual();
    }
    execute(options.path, "UPDATE object SET body = json_set(body, '$.vtep', 'nowhere') WHERE name = 'h2'");
    Loop loop;
    const auto store = open(options, loop);
    Ipam ipam(*store, loop.post());
    const auto started = ipam.start();
    REQUIRE_FALSE(started);
    CHECK(started.error().code() == Errc::storage);
    CHECK_THAT(started.error().text(), Contains("of node") && Contains("nowhere"));
  }
}

TEST_CASE("the store is readable by its owner only, and by sqlite3 while the controller runs", "[sqlite]") {
  const Folder folder;
  Loop loop;
  const auto store = open(folder.options(), loop);
  Engine engine(loop, *store);
  engine.usual();
  for (const char* suffix : {"", "-wal", ".lock"}) {
    struct stat status {};
    REQUIRE(::stat((folder.options().path + suffix).c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
  }
  execute(folder.options().path, "SELECT * FROM object");
  CHECK(engine.allocate(Ask("h1", "c1", "a")));
}

TEST_CASE("a transaction of somebody else is waited for, and named when it does not end", "[sqlite][full]") {
  const Folder folder;
  Loop loop;
  const auto store = open(folder.options(), loop);
  Engine engine(loop, *store);
  engine.usual();
  sqlite3* shell = nullptr;
  REQUIRE(sqlite3_open(folder.options().path.c_str(), &shell) == SQLITE_OK);
  REQUIRE(sqlite3_exec(shell, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK);
  const auto answer = engine.allocate(Ask("h1", "c1", "a"));
  REQUIRE_FALSE(answer);
  CHECK_THAT(answer.error().text(), Contains("locked") && Contains("another program holds the database"));
  sqlite3_close(shell);
  CHECK(engine.allocate(Ask("h1", "c1", "a")));
}

TEST_CASE("a database at its bound refuses whole batches and stays right", "[sqlite]") {
  const Folder folder;
  SqliteOptions options = folder.options();
  options.max_pages = 200;
  check_full_disk(options, [](SqliteOptions& roomier) { roomier.max_pages = 0; });
}

TEST_CASE("a full file system refuses whole batches, and is gone on with when there is space", "[sqlite]") {
  const Folder folder;
  const std::string mount_point = (folder.path() / "small").string();
  std::filesystem::create_directory(mount_point);
  // The threads of a process share its mount namespace as long as none has left it: hence a process of its own.
  const int outcome = in_mount_namespace([&] {
    if (::mount("mooring-test", mount_point.c_str(), "tmpfs", 0, "size=4m") != 0) {
      return 101;
    }
    SqliteOptions options;
    options.path = mount_point + "/controller.db";
    try {
      check_full_disk(options, [&](SqliteOptions&) {
        if (::mount("mooring-test", mount_point.c_str(), "tmpfs", MS_REMOUNT, "size=16m") != 0) {
          throw std::runtime_error("remounting");
        }
      });
    } catch (...) {
      return 1;  // a REQUIRE failed, and Catch has noted what
    }
    return 0;
  });
  REQUIRE(outcome != 100);  // needs root
  CHECK(outcome == 0);
}

TEST_CASE("150,000 bindings and ports are loaded as they were", "[sqlite]") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr std::uint32_t count = 15000;  // for what the sanitizer finds, not for the time
#else
  constexpr std::uint32_t count = 150000;
#endif
  const Folder folder;
  Loop loop;
  {
    const auto store = open(folder.options(), loop);
    Engine engine(loop, *store);
    engine.usual();
    engine.subnet("big", "10.64.0.0/10", 200).value();
    engine.pool("big", "big").value();
    const Revision revision = engine.ipam.committed_revision();
    Batch batch;
    batch.revision = revision + count;
    for (std::uint32_t i = 0; i < count; ++i) {
      const net::Ipv4Address address(0x0a400010 + i);
      const BindingKey key = owner(fmt::format("statefulset-{}-{}", i / 100, i % 100));
      Binding binding;
      binding.owner = key;
      binding.kind = Kind::stateful;
      binding.subnet = binding.pool = "big";
      binding.addresses = address;
      binding.mac = mac_from(address);
      binding.revision = revision + 1 + i;
      batch.writes.push_back(binding);
      Port port;
      port.generation = port.revision = revision + 1 + i;
      port.id = port_id_of(port.generation);
      port.owner = key;
      port.kind = Kind::stateful;
      port.subnet = port.pool = "big";
      port.vni = vni(200);
      port.addresses = address;
      port.mac = mac_from(address);
      port.node = "h1";
      port.attachment = {fmt::format("{:064x}", i), "eth0"};
      port.pod_uid = fmt::format("{:08x}-0000-0000-0000-000000000000", i);
      batch.writes.push_back(port);
    }
    std::optional<Result<void>> stored;
    store->commit(std::move(batch), [&](Result<void> outcome) { stored = outcome; });
    loop.run_until([&] { return stored.has_value(); });
    REQUIRE(*stored);
  }
  const auto store = open(folder.options(), loop);
  Engine engine(loop, *store);
  CHECK(engine.use("big").allocated == count);
  CHECK(engine.use("big").bound == 0);
  CHECK(engine.allocate(Ask("h1", "c1", "a").pool("big")).value().address.address ==
        net::Ipv4Address(0x0a400010 + count));
}

TEST_CASE("a store that is written to for long does not grow its WAL for ever") {
  const Folder folder;
  SqliteOptions options = folder.options();
  options.wal_pages_when_idle = 50;
  options.wal_pages_at_most = 200;
  Loop loop;
  const auto store = open(options, loop);
  Engine engine(loop, *store);
  engine.usual();
  for (int i = 0; i < 300; ++i) {  // a commit each, of several pages
    engine.allocate(Ask("h1", fmt::format("c{}", i % 8), fmt::format("web-{}", i % 8)).kind(Kind::stateful)).value();
    CHECK(engine.del("h1", fmt::format("c{}", i % 8)));
  }
  constexpr std::uintmax_t frame_bytes = 4096 + 24;
  CHECK(std::filesystem::file_size(options.path + "-wal") < 400 * frame_bytes);
  CHECK(std::filesystem::file_size(options.path) > 4096);
}
