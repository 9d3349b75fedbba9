// What is remembered of pods that got no address, and what the ledger does not record.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "fakes/controller_engine.hpp"
#include "ipam-controller/app/audit.hpp"
#include "ipam-controller/app/refusals.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;

TEST_CASE("the last refusal of a pod is remembered until it gets its address") {
  Refusals refusals;
  const Ask ask("h1", "c1", "web-0");
  const Error full(Errc::exhausted, "pool web is full");
  const Error denied(Errc::permission_denied, "pool web denies it");
  refusals.note(ask, 1000, &full);
  refusals.note(ask, 2000, &denied);
  const Refusal* found = refusals.of("shop", "web-0");
  REQUIRE(found != nullptr);
  CHECK(found->times == 2);
  CHECK(found->first_ms == 1000);
  CHECK(found->last_ms == 2000);
  CHECK(found->error.code() == Errc::permission_denied);
  CHECK(refusals.of("bank", "web-0") == nullptr);
  refusals.note(ask, 3000, nullptr);
  CHECK(refusals.of("shop", "web-0") == nullptr);
  CHECK(refusals.size() == 0);
}

TEST_CASE("refusals are bounded: the pod that has been silent longest is forgotten") {
  Refusals refusals;
  const Error full(Errc::exhausted, "pool web is full");
  for (std::size_t i = 0; i <= Refusals::most; ++i) {
    refusals.note(Ask("h1", "c", fmt::format("web-{}", i)), 1, &full);
    if (i == 1) {
      refusals.note(Ask("h1", "c", "web-0"), 1, &full);  // asks again
    }
  }
  CHECK(refusals.size() == Refusals::most);
  CHECK(refusals.of("shop", "web-0") != nullptr);
  CHECK(refusals.of("shop", "web-1") == nullptr);
}

TEST_CASE("a refusal says what was tried, and is remembered; a dry run is not") {
  MemoryEngine memory;
  Engine& engine = memory.engine.usual();
  for (int i = 0; i < 10; ++i) {
    REQUIRE(engine.allocate(Ask("h1", fmt::format("c{}", i), fmt::format("web-{}", i))));
  }
  const auto refused = engine.allocate(Ask("h1", "c10", "web-10"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Errc::exhausted);
  CHECK_FALSE(refused.error().hint().empty());
  REQUIRE(engine.ipam.refusals().of("shop", "web-10") != nullptr);
  CHECK(engine.ipam.refusals().of("shop", "web-10")->error.message() == refused.error().message());
  Caller dry = tester();
  dry.dry_run = true;
  const ipam_api::AllocateRequest other = Ask("h1", "c11", "web-11");
  const auto tried = engine.wait<ipam_api::Allocation>([&](auto done) { engine.ipam.allocate(dry, other, done); });
  REQUIRE_FALSE(tried);
  CHECK(engine.ipam.refusals().of("shop", "web-11") == nullptr);
}

TEST_CASE("the ledger has what was done to objects, not cool-downs, fences and confirmations") {
  Port port;
  port.vni = vni(100);
  port.addresses = any("10.0.0.5");
  port.node = "h1";
  Port active = port;
  active.state = PortState::active;
  active.revision = 9;
  Port moved = active;
  moved.node = "h2";
  const Erase<Port> none{port.key()};
  CHECK(is_recorded(none, port));
  CHECK(is_recorded(port, none));
  CHECK(is_recorded(port, moved));
  CHECK_FALSE(is_recorded(port, active));
  CHECK_FALSE(is_recorded(none, none));
  const Resting resting{vni(100), any("10.0.0.5"), "web", owner("db-0"), 99, 1};
  CHECK_FALSE(is_recorded(Erase<Resting>{resting.key()}, resting));
  const FencedUid fenced{owner("db-0"), "A", 1};
  CHECK_FALSE(is_recorded(Erase<FencedUid>{fenced.key()}, fenced));
}

TEST_CASE("what goes through Ipam is in its ledger, a refused or a dry run is not") {
  MemoryEngine memory;
  Engine& engine = memory.engine.usual();
  const AuditHead before = engine.ipam.audit_head();
  const auto given = engine.allocate(Ask("h1", "c1", "web-0"));
  REQUIRE(given);
  CHECK(engine.ipam.audit_head().seq == before.seq + 1);
  REQUIRE(engine.confirm("h1", "c1", given->generation));
  CHECK(engine.ipam.audit_head().seq == before.seq + 1);
  REQUIRE_FALSE(engine.allocate(Ask("h9", "c2", "web-1")));
  CHECK(engine.ipam.audit_head().seq == before.seq + 1);
  REQUIRE(engine.del("h1", "c1"));
  CHECK(engine.ipam.audit_head().seq == before.seq + 2);
}
