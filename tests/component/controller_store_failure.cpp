// A disk that fails or is full, in each of the places where a commit touches it: the batch is refused with a reason,
// nothing that was answered is lost, nothing that was refused is there, and the store goes on when the disk does.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
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
using Operation = LossyDisk::Operation;
using Outcome = LossyDisk::Outcome;

namespace {

class FailingStage {
 public:
  FailingStage()
      : folder_(std::filesystem::temp_directory_path() / fmt::format("mooring-failing-{}", ::getpid())), disk_(7) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    spdlog::set_level(spdlog::level::off);
    options_.path = (folder_ / "controller.db").string();
    options_.wal_pages_when_idle = options_.wal_pages_at_most = 40;
    options_.vfs = disk_.vfs();
    start();
    engine_->usual();
    engine_->subnet("big", "10.64.0.0/16", 200).value();
    engine_->pool("big", "big").value();
  }
  ~FailingStage() {
    engine_.reset();
    store_.reset();
    spdlog::set_level(spdlog::level::info);
    std::filesystem::remove_all(folder_);
  }

  // From now on `operation` on the file with that ending fails, `times` times (-1: for ever).
  void fail(Operation operation, const std::string& ending, Outcome outcome, int times = -1) {
    const auto left = std::make_shared<int>(times);
    disk_.inject([=](Operation asked, const std::string& path) {
      if (asked != operation || !path.ends_with(ending) || *left == 0) {
        return Outcome::done;
      }
      --*left;
      return outcome;
    });
  }
  void mend() { disk_.inject(nullptr); }

  Result<ipam_api::Allocation> allocate() {
    ++number_;
    const auto answer = engine_->allocate(
        Ask("h1", fmt::format("c{}", number_), fmt::format("db-{}", number_)).pool("big").kind(Kind::stateful));
    answered_ += answer ? 1U : 0U;
    return answer;
  }
  // Until one is refused, or many are not.
  std::optional<Error> allocate_until_refused() {
    for (int i = 0; i < 300; ++i) {
      if (const auto answer = allocate(); !answer) {
        return answer.error();
      }
    }
    return std::nullopt;
  }

  // Memory has what was answered and nothing else, and so has what a restart finds, after the power failed.
  void check() {
    REQUIRE(engine_->use("big").allocated == answered_);
    const auto memory = engine_->read([](const State& state) { return state_text(state); });
    const AuditHead head = store_->ledger().head();
    disk_.fail_power_after(1);
    allocate();
    REQUIRE(disk_.power_failed());
    engine_.reset();
    store_.reset();
    disk_.restore_power();
    start();
    REQUIRE(engine_->read([](const State& state) { return state_text(state); }) == memory);
    REQUIRE((store_->ledger().head() == head));
  }

 private:
  void start() {
    store_ = SqliteStore::open(options_, loop_.post()).value();
    engine_ = std::make_unique<Engine>(loop_, *store_);
  }

  std::filesystem::path folder_;
  LossyDisk disk_;
  SqliteOptions options_;
  Loop loop_;
  std::unique_ptr<SqliteStore> store_;
  std::unique_ptr<Engine> engine_;
  int number_ = 0;
  std::uint64_t answered_ = 0;
};

}  // namespace

TEST_CASE("a disk that is full, wherever it is found out, refuses and then goes on", "[sqlite][failure]") {
  const auto [operation, ending] = GENERATE(table<Operation, std::string>({
      {Operation::write, "-wal"},
      {Operation::write, ".db"},  // when the WAL is moved
      {Operation::sync, "-wal"},
  }));
  CAPTURE(static_cast<int>(operation), ending);
  FailingStage stage;
  REQUIRE(stage.allocate());
  stage.fail(operation, ending, Outcome::no_space);
  const std::optional<Error> error = stage.allocate_until_refused();
  if (ending == "-wal") {
    REQUIRE(error);
    CHECK(error->code() == Errc::storage);
    CHECK_THAT(error->text(), Contains("controller.db") && Contains("make space"));
  } else {
    CHECK_FALSE(error);  // the WAL takes it all
  }
  stage.allocate_until_refused();
  stage.mend();
  CHECK(stage.allocate());
  CHECK_FALSE(stage.allocate_until_refused());
  stage.check();
}

TEST_CASE("one failure of the disk is not noticed by those who ask", "[sqlite][failure]") {
  FailingStage stage;
  REQUIRE(stage.allocate());
  // The sync fails, and the kernel forgets it; written again, it is on the disk.
  stage.fail(Operation::sync, "-wal", Outcome::input_output_error, 1);
  CHECK(stage.allocate());
  CHECK(stage.allocate());
  stage.check();
}

TEST_CASE("a disk that goes on failing is refused, and nothing of what was refused is there later",
          "[sqlite][failure]") {
  const Operation operation = GENERATE(Operation::sync, Operation::write);
  CAPTURE(static_cast<int>(operation));
  FailingStage stage;
  REQUIRE(stage.allocate());
  stage.fail(operation, "-wal", Outcome::input_output_error);
  const auto refused = stage.allocate();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Errc::storage);
  CHECK_THAT(refused.error().text(), Contains("controller.db") && Contains("Input/output error") && Contains("dmesg"));
  // It does not pretend: closed, until the file can be opened and checked.
  const auto again = stage.allocate();
  REQUIRE_FALSE(again);
  CHECK_THAT(again.error().text(), Contains("after a failure of the disk"));
  stage.mend();
  CHECK(stage.allocate());
  stage.check();
}

TEST_CASE("a database that fails while the WAL is moved loses nothing", "[sqlite][failure]") {
  const Operation operation = GENERATE(Operation::sync, Operation::write, Operation::truncate);
  const int times = GENERATE(1, 3, -1);
  CAPTURE(static_cast<int>(operation), times);
  FailingStage stage;
  stage.fail(operation, ".db", Outcome::input_output_error, times);
  stage.allocate_until_refused();
  stage.mend();
  CHECK(stage.allocate());
  CHECK_FALSE(stage.allocate_until_refused());
  stage.check();
}
