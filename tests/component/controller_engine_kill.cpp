// kill -9 of the controller between any two instructions loses no acknowledged answer: a process allocates, confirms
// and releases over and over, and writes each question and each answer to a pipe; it is killed at random moments; what
// is loaded then must be what the pipe says, and no address twice. The same store goes through all rounds.
#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "fakes/controller_crowd.hpp"
#include "ipam-controller/store/sqlite_store.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;

namespace {

SqliteOptions options_in(const std::filesystem::path& folder) {
  SqliteOptions options;
  options.path = (folder / "controller.db").string();
  options.change_log_limit = 2000;  // so that trimming is a part of it
  options.wal_pages_when_idle = 100;
  options.wal_pages_at_most = 300;
  return options;
}

// The child: keeps a few dozen requests in flight for ever. Never returns.
[[noreturn]] void work_for_ever(const std::filesystem::path& folder, int pipe, const CrowdWitness& known,
                                unsigned round) {
  Loop loop;
  const auto store = SqliteStore::open(options_in(folder), loop.post()).value();
  Ipam ipam(*store, loop.post());
  ipam.start().value();
  Crowd crowd(ipam, known, round, [&](const CrowdEvent& event) {
    if (::write(pipe, &event, sizeof event) != static_cast<ssize_t>(sizeof event)) {
      ::_exit(2);
    }
  });
  crowd.start(32);
  loop.run_until([&] { return crowd.idle(); });
  ::_exit(3);
}

class KillStage {
 public:
  explicit KillStage(unsigned seed)
      : folder_(std::filesystem::temp_directory_path() / fmt::format("mooring-kill-{}", ::getpid())), random_(seed) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    Loop loop;
    const auto store = SqliteStore::open(options_in(folder_), loop.post()).value();
    Engine engine(loop, *store);
    Crowd::make_world(engine);
  }
  ~KillStage() { std::filesystem::remove_all(folder_); }

  std::size_t answered() const { return witness_.answered(); }

  // Killed after some answers, at most `answers`, and a moment later: at any point of a batch.
  void round(unsigned number, unsigned answers) {
    int ends[2] = {-1, -1};
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      work_for_ever(folder_, ends[1], witness_, number);
    }
    ::close(ends[1]);
    const std::size_t enough = witness_.answered() + 1 + random_() % answers;
    bool killed = false;
    CrowdEvent event{};
    while (::read(ends[0], &event, sizeof event) == static_cast<ssize_t>(sizeof event)) {
      witness_.note(event);
      if (witness_.answered() >= enough && !killed) {
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
    Loop loop;
    const auto store = SqliteStore::open(options_in(folder_), loop.post()).value();
    Engine engine(loop, *store);
    witness_.check(engine);
  }

  void check_whole_ledger() {
    Loop loop;
    const auto store = SqliteStore::open(options_in(folder_), loop.post()).value();
    Engine engine(loop, *store);
    check_ledger(engine);
  }

 private:
  std::filesystem::path folder_;
  std::mt19937 random_;
  CrowdWitness witness_;
};

void kill_during(std::size_t operations, unsigned answers_a_round, unsigned seed) {
  KillStage stage(seed);
  for (unsigned round = 1; stage.answered() < operations; ++round) {
    CAPTURE(seed, round);
    stage.round(round, answers_a_round);
  }
  stage.check_whole_ledger();
}

}  // namespace

TEST_CASE("kill -9 loses no acknowledged answer", "[engine]") {
  kill_during(2000, 200, 11);
}

TEST_CASE("kill -9, at random points of 100,000 operations", "[engine][full]") {
  kill_during(100'000, 500, 12);
}
