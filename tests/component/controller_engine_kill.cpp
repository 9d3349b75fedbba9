// kill -9 of the controller between any two requests loses no acknowledged allocation: a process allocates over and
// over and writes each answer to a pipe once it has it; it is killed at random moments; what is loaded then must have
// every answer that came through, and no address twice. The same store goes through all rounds.
#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <memory>
#include <poll.h>
#include <random>
#include <set>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "fakes/controller_engine.hpp"
#include "ipam-controller/store/sqlite_store.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;

namespace {

// One acknowledged answer, as it goes through the pipe: fixed size, so that a read is whole or not there.
struct Record {
  std::uint64_t generation;
  std::uint32_t address;
  std::uint32_t host;       // number of the hostname
  std::uint32_t container;  // number of the container
  std::uint32_t released;   // 1: this attachment let go (the binding stays)
};

std::string hostname(std::uint32_t number) {
  return fmt::format("db-{}", number);
}

SqliteOptions options_in(const std::filesystem::path& folder) {
  SqliteOptions options;
  options.path = (folder / "controller.db").string();
  options.change_log_limit = 2000;  // so that trimming is a part of it
  return options;
}

// The child: keeps a few dozen requests in flight for ever. Never returns.
[[noreturn]] void allocate_for_ever(const std::filesystem::path& folder, int pipe, std::uint32_t round) {
  Loop loop;
  const auto store = SqliteStore::open(options_in(folder), loop.post()).value();
  Ipam ipam(*store, loop.post());
  ipam.start().value();
  std::mt19937 random(round);
  std::uint32_t container = round * 1000000;
  std::map<std::uint32_t, std::uint32_t> live;  // host -> container
  const auto tell = [&](const Record& record) {
    if (::write(pipe, &record, sizeof record) != static_cast<ssize_t>(sizeof record)) {
      ::_exit(2);
    }
  };
  std::function<void()> next = [&] {
    const std::uint32_t host = static_cast<std::uint32_t>(random() % 500);
    if (const auto it = live.find(host); it != live.end() && random() % 3 == 0) {
      const std::uint32_t held = it->second;
      live.erase(it);
      ipam_api::ReleaseRequest request;
      request.node = "h1";
      request.attachment = attachment(fmt::format("c{}", held));
      ipam.release(tester(), request, [&tell, &next, host, held](Result<ipam_api::ReleaseAnswer> answer) {
        if (answer.value().released) {
          tell({0, 0, host, held, 1});
        }
        next();
      });
      return;
    }
    const std::uint32_t mine = ++container;
    live[host] = mine;
    Ask ask("h1", fmt::format("c{}", mine), hostname(host));
    ask.uid(fmt::format("U{}", mine)).kind(Kind::stateful);
    ipam.allocate(tester(), ask, [&tell, &next, host, mine](Result<ipam_api::Allocation> answer) {
      tell({answer.value().generation, answer.value().address.address.bits(), host, mine, 0});
      next();
    });
  };
  for (int i = 0; i < 32; ++i) {
    next();
  }
  loop.run_until([] { return false; });
  ::_exit(3);
}

class KillStage {
 public:
  KillStage() : folder_(std::filesystem::temp_directory_path() / fmt::format("mooring-kill-{}", ::getpid())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    Loop loop;
    const auto store = SqliteStore::open(options_in(folder_), loop.post()).value();
    Engine engine(loop, *store);
    engine.node("h1", "172.31.0.1").value();
    engine.network(default_network).value();
    engine.subnet("web", "10.0.0.0/16", 100).value();
    engine.pool("web", "web").value();
  }
  ~KillStage() { std::filesystem::remove_all(folder_); }

  void round(std::uint32_t number) {
    int ends[2] = {-1, -1};
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      allocate_for_ever(folder_, ends[1], number);
    }
    ::close(ends[1]);
    std::uint32_t acknowledged = 0;
    // Killed after a number of answers, and a moment later: at any point of a batch.
    const std::uint32_t enough = 1 + static_cast<std::uint32_t>(random_() % 1500);
    bool killed = false;
    Record record{};
    while (::read(ends[0], &record, sizeof record) == static_cast<ssize_t>(sizeof record)) {
      note(record);
      if (++acknowledged >= enough && !killed) {
        const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(random_() % 3000);
        while (std::chrono::steady_clock::now() < until) {
        }
        ::kill(child, SIGKILL);
        killed = true;
      }
    }
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(killed);
    REQUIRE(WIFSIGNALED(status));
    REQUIRE(WTERMSIG(status) == SIGKILL);
    check();
  }

 private:
  struct Known {
    std::uint64_t generation = 0;  // of the last acknowledged allocation
    std::uint32_t address = 0;
    std::uint32_t container = 0;
    bool released = false;
  };

  void note(const Record& record) {
    Known& known = hosts_[record.host];
    if (record.released == 0) {
      REQUIRE(record.generation > newest_);
      newest_ = record.generation;
      REQUIRE((known.address == 0 || known.address == record.address));
      known = {record.generation, record.address, record.container, false};
    } else if (known.container == record.container) {
      known.released = true;
    }
  }

  void check() {
    Loop loop;
    const auto store = SqliteStore::open(options_in(folder_), loop.post()).value();
    Engine engine(loop, *store);
    REQUIRE(engine.ipam.committed_revision() >= newest_);
    engine.read([&](const State& state) {
      std::set<net::IpAddress> seen;
      for (const auto& [key, binding] : state.bindings()) {
        REQUIRE(seen.insert(binding.addresses.primary()).second);
      }
      state.ports().each([&](const PackedPort& packed) {
        const Port port = state.ports().unpack(packed);
        REQUIRE(state.binding(port.owner) != nullptr);
        REQUIRE(state.binding(port.owner)->addresses == port.addresses);
      });
      for (const auto& [number, known] : hosts_) {
        CAPTURE(number, known.generation, known.container);
        const Binding* binding = state.binding(owner(hostname(number)));
        REQUIRE(binding != nullptr);
        REQUIRE(binding->addresses.primary().v4().bits() == known.address);
        const auto port = state.port_of(owner(hostname(number)));
        // A request that was under way may have been committed without having been acknowledged: then it is newer.
        const bool newer = port != nullptr && port->generation > known.generation;
        const bool as_known = port != nullptr && port->generation == known.generation &&
                              port->attachment == attachment(fmt::format("c{}", known.container));
        REQUIRE((newer || (known.released ? port == nullptr : as_known || port == nullptr)));
      }
      return 0;
    });
    // What the log says, from where it begins, is whole: the last change of each address is what is there.
    const ChangeLogPage all = engine.changes_since(0, 100000).value();
    REQUIRE((all.too_old || !all.changes.empty()));
  }

  std::filesystem::path folder_;
  std::mt19937 random_{11};
  std::map<std::uint32_t, Known> hosts_;
  std::uint64_t newest_ = 0;
};

}  // namespace

TEST_CASE("kill -9 loses no acknowledged allocation", "[engine]") {
  KillStage stage;
  for (std::uint32_t round = 1; round <= 20; ++round) {
    CAPTURE(round);
    stage.round(round);
  }
}

TEST_CASE("kill -9, many times", "[engine][full]") {
  KillStage stage;
  for (std::uint32_t round = 1; round <= 400; ++round) {
    CAPTURE(round);
    stage.round(round);
  }
}
