// Power that fails at random moments loses no answer and gives no address twice: the controller works on a disk that
// then forgets or tears what was not synced (support/lossy_disk.hpp), and is started again on what is left. Also on a
// disk whose syncs fail now and then, and whose kernel forgets that.
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "fakes/controller_crowd.hpp"
#include "ipam-controller/store/sqlite_store.hpp"
#include "support/catch_result.hpp"
#include "support/lossy_disk.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;
using mooring::tests::LossyDisk;

namespace {

class PowerStage {
 public:
  explicit PowerStage(unsigned seed)
      : disk_(seed),
        random_(seed),
        folder_(std::filesystem::temp_directory_path() / fmt::format("mooring-power-{}", ::getpid())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    options_.path = (folder_ / "controller.db").string();
    options_.change_log_limit = 500;    // so that trimming is a part of it
    options_.wal_pages_when_idle = 20;  // and moving the WAL
    options_.wal_pages_at_most = 60;
    options_.vfs = disk_.vfs();
    spdlog::set_level(spdlog::level::off);
    Loop loop;
    const auto store = SqliteStore::open(options_, loop.post()).value();
    Engine engine(loop, *store);
    Crowd::make_world(engine);
  }
  ~PowerStage() {
    spdlog::set_level(spdlog::level::info);
    std::filesystem::remove_all(folder_);
  }

  LossyDisk& disk() { return disk_; }
  const CrowdWitness& witness() const { return witness_; }

  // From now on one operation in `rarity` fails, in one of the ways that disks have.
  void make_unreliable(unsigned rarity) { rarity_ = rarity; }

  // The controller works until the power fails, and is started again, perhaps with another failure while it starts.
  void life() {
    ++lives_;
    {
      Loop loop;
      const auto store = SqliteStore::open(options_, loop.post());
      inject_faults();
      if (random_() % 8 == 0) {  // an orderly end, at times cut short
        disk_.fail_power_after(random_() % 2 == 0 ? 0 : 1 + random_() % 20);
        work(loop, **store, 1 + random_() % 100);
      } else {
        disk_.fail_power_after(1 + random_() % 400);
        work(loop, **store, 1'000'000);
      }
    }
    disk_.inject(nullptr);
    disk_.restore_power();
    while (random_() % 4 == 0) {  // and at once again
      disk_.fail_power_after(1 + random_() % 30);
      Loop loop;
      SqliteStore::open(options_, loop.post());
      disk_.restore_power();
    }
    Loop loop;
    const auto store = SqliteStore::open(options_, loop.post()).value();
    Engine engine(loop, *store);
    witness_.check(engine);
  }

  void check_whole_ledger() {
    Loop loop;
    const auto store = SqliteStore::open(options_, loop.post()).value();
    Engine engine(loop, *store);
    check_ledger(engine);
  }

 private:
  void work(Loop& loop, Store& store, std::size_t answers) {
    Engine engine(loop, store);
    const std::size_t enough = witness_.answered() + answers;
    Crowd crowd(engine.ipam, witness_, lives_, [&](const CrowdEvent& event) {
      witness_.note(event);
      if (witness_.answered() >= enough) {
        crowd_stop_ = true;
      }
    });
    crowd_stop_ = false;
    crowd.repeat_while([&] { return !disk_.power_failed() && crowd.failures().size() < 500; });
    crowd.start(16);
    loop.run_until([&] {
      if (crowd_stop_) {
        crowd.stop();
      }
      return crowd.idle();
    });
    for (const Error& failure : crowd.failures()) {
      REQUIRE(failure.code() == Errc::storage);
    }
  }

  void inject_faults() {
    if (rarity_ == 0) {
      return;
    }
    const auto chance = std::make_shared<std::mt19937>(random_());
    const unsigned rarity = rarity_;
    disk_.inject([chance, rarity](LossyDisk::Operation, const std::string&) {
      if ((*chance)() % rarity != 0) {
        return LossyDisk::Outcome::done;
      }
      return (*chance)() % 2 == 0 ? LossyDisk::Outcome::no_space : LossyDisk::Outcome::input_output_error;
    });
  }

  LossyDisk disk_;
  std::mt19937 random_;
  unsigned rarity_ = 0;
  std::filesystem::path folder_;
  SqliteOptions options_;
  CrowdWitness witness_;
  unsigned lives_ = 0;
  bool crowd_stop_ = false;
};

void lose_power_during(std::size_t operations, unsigned seed, unsigned rarity = 0) {
  CAPTURE(seed);
  PowerStage stage(seed);
  stage.make_unreliable(rarity);
  for (int life = 1; stage.witness().answered() < operations; ++life) {
    CAPTURE(life);
    stage.life();
  }
  stage.check_whole_ledger();
}

}  // namespace

TEST_CASE("a power failure loses no answer", "[engine][power]") {
  lose_power_during(2000, 1);
}

TEST_CASE("an unreliable disk loses no answer with the power", "[engine][power]") {
  lose_power_during(2000, 2, 30);
}

TEST_CASE("many power failures", "[engine][power][full]") {
  for (unsigned seed = 1; seed <= 4; ++seed) {
    lose_power_during(25000, seed);
  }
}

TEST_CASE("unreliable disks and many power failures", "[engine][power][full]") {
  for (unsigned seed = 1; seed <= 4; ++seed) {
    lose_power_during(4000, seed, 20 * seed);
  }
}
