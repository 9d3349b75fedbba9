// The orders in which kubelet calls, as seen with kubelet 1.26 and StatefulSets, and who owns the address after each
// call. web-1 is stateful; A, B, C are pod UIDs; a1, b1 … their sandboxes.
#include <catch2/catch.hpp>

#include "fakes/controller_engine.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;
using Catch::Contains;

namespace {

class StatefulSet : public MemoryEngine {
 public:
  StatefulSet() { engine.usual(); }
  Result<ipam_api::Allocation> add(const std::string& node, const std::string& sandbox, const std::string& uid) {
    return engine.allocate(Ask(node, sandbox, "web-1").uid(uid).kind(Kind::stateful));
  }
  // "h1 a1 A" or "" for the owner of web-1's address.
  std::string holder() {
    const auto port = engine.port("10.0.0.10");
    return port ? port->node + " " + port->attachment.container_id + " " + port->pod_uid : "";
  }
  Errc refusal(const Result<ipam_api::Allocation>& answer) {
    REQUIRE_FALSE(answer);
    return answer.error().code();
  }
};

}  // namespace

TEST_CASE_METHOD(StatefulSet, "delete --force: ADD of the new comes before DEL of the old", "[app][kubelet]") {
  const auto old = add("h1", "a1", "A").value();
  REQUIRE(engine.confirm("h1", "a1", old.generation));
  const auto now = add("h2", "b1", "B").value();
  CHECK(now.address == old.address);
  CHECK(now.mac == old.mac);
  CHECK(now.generation > old.generation);
  CHECK(holder() == "h2 b1 B");
  CHECK(engine.port("10.0.0.10")->state == PortState::pending);

  CHECK_FALSE(engine.del("h1", "a1"));  // NETNS set
  CHECK_FALSE(engine.del("h1", "a1"));  // NETNS empty
  CHECK(holder() == "h2 b1 B");
  const auto late = engine.confirm("h1", "a1", old.generation);
  REQUIRE_FALSE(late);
  CHECK(late.error().code() == Errc::superseded);
  CHECK(engine.confirm("h2", "b1", now.generation));
}

TEST_CASE_METHOD(StatefulSet, "graceful: DEL, ADD, and late DELs of the old sandbox", "[app][kubelet]") {
  const auto old = add("h1", "a1", "A").value();
  CHECK(engine.del("h1", "a1"));
  CHECK(holder().empty());
  const auto now = add("h1", "b1", "B").value();
  CHECK(now.address == old.address);
  CHECK(now.generation > old.generation);
  CHECK_FALSE(engine.del("h1", "a1"));  // 32 s later, twice
  CHECK_FALSE(engine.del("h1", "a1"));
  CHECK(holder() == "h1 b1 B");
}

TEST_CASE_METHOD(StatefulSet, "a sandbox crash: the same pod comes again with another sandbox", "[app][kubelet]") {
  const auto old = add("h1", "a1", "A").value();
  SECTION("DEL first") {
    CHECK(engine.del("h1", "a1"));
  }
  SECTION("ADD first") {}
  const auto now = add("h1", "a2", "A").value();
  CHECK(now.address == old.address);
  CHECK(now.generation > old.generation);
  CHECK_FALSE(engine.del("h1", "a1"));
  CHECK(holder() == "h1 a2 A");
  CHECK(add("h1", "a3", "A"));  // not fenced
}

TEST_CASE_METHOD(StatefulSet, "a failing ADD: DEL at once, then again with new container ids", "[app][kubelet]") {
  Generation last = 0;
  for (const char* sandbox : {"a1", "a2", "a3", "a4"}) {
    const auto got = add("h1", sandbox, "A").value();
    CHECK(got.address.address == ip("10.0.0.10"));
    CHECK(got.generation > last);
    last = got.generation;
    CHECK(engine.del("h1", sandbox));
  }
  CHECK(add("h1", "a5", "A"));
  CHECK(engine.use("web").allocated == 1);
  CHECK(engine.use("web").bound == 0);

  SECTION("a stateless one leaves nothing behind") {
    for (const char* sandbox : {"s1", "s2", "s3"}) {
      CHECK(engine.allocate(Ask("h1", sandbox, "job").uid("J")));
      CHECK(engine.del("h1", sandbox));
    }
    CHECK(engine.use("web").free == 9);
  }
}

TEST_CASE_METHOD(StatefulSet, "a cut-off kubelet whose old UID comes back is refused", "[app][kubelet]") {
  add("h1", "a1", "A").value();
  add("h2", "b1", "B").value();

  SECTION("while the new pod is live") {
    const auto back = add("h1", "a2", "A");
    REQUIRE_FALSE(back);
    CHECK(back.error().code() == Errc::superseded);
    CHECK_THAT(back.error().message(), Contains("superseded by UID B on h2"));
    CHECK(holder() == "h2 b1 B");
    CHECK(refusal(add("h1", "a1", "A")) == Errc::superseded);  // also with the sandbox it had
  }
  SECTION("after the new pod went away for a moment") {
    CHECK(engine.del("h2", "b1"));
    const auto back = add("h1", "a2", "A");
    REQUIRE_FALSE(back);
    CHECK_THAT(back.error().message(), Contains("superseded by UID B on h2"));
    CHECK(add("h2", "b2", "B"));
  }
  SECTION("after a restart of the controller") {
    Engine restarted(loop, store);
    CHECK(refusal(restarted.allocate(Ask("h1", "a2", "web-1").uid("A"))) == Errc::superseded);
  }
  SECTION("after the next takeover: both are fenced") {
    add("h3", "c1", "C").value();
    CHECK(refusal(add("h1", "a2", "A")) == Errc::superseded);
    CHECK(refusal(add("h2", "b2", "B")) == Errc::superseded);
    CHECK(holder() == "h3 c1 C");
  }
}

TEST_CASE_METHOD(StatefulSet, "a graceful DEL and an ADD of another UID fence the old one, too", "[app][kubelet]") {
  add("h1", "a1", "A").value();
  CHECK(engine.del("h1", "a1"));
  add("h2", "b1", "B").value();
  CHECK(refusal(add("h1", "a2", "A")) == Errc::superseded);
}

TEST_CASE_METHOD(StatefulSet, "one pod on two nodes is refused, with the holder named", "[app][kubelet]") {
  add("h1", "a1", "A").value();
  const auto twice = add("h2", "a2", "A");
  REQUIRE_FALSE(twice);
  CHECK(twice.error().code() == Errc::conflict);
  CHECK_THAT(twice.error().message(), Contains("UID A is live on node h1") && Contains("a1/eth0"));
  CHECK(holder() == "h1 a1 A");
  CHECK(engine.del("h1", "a1"));
  CHECK(add("h2", "a2", "A"));
}

TEST_CASE_METHOD(StatefulSet, "without a UID (podman, ctr) the newest one takes over", "[app][kubelet]") {
  add("h1", "a1", "A").value();
  add("h2", "p1", "").value();
  CHECK(holder() == "h2 p1 ");
  const auto back = add("h1", "a2", "A");  // the UID that lost is fenced all the same
  REQUIRE_FALSE(back);
  CHECK_THAT(back.error().message(), Contains("superseded by a pod without UID on h2"));
  add("h3", "p2", "").value();
  CHECK(holder() == "h3 p2 ");
  CHECK_FALSE(engine.del("h2", "p1"));
}

TEST_CASE_METHOD(StatefulSet, "a stateless hostname that is live elsewhere is taken over, too", "[app][kubelet]") {
  const auto old = engine.allocate(Ask("h1", "a1", "job").uid("A")).value();
  const auto now = engine.allocate(Ask("h2", "b1", "job").uid("B")).value();
  CHECK(now.address == old.address);
  CHECK(refusal(engine.allocate(Ask("h1", "a2", "job").uid("A"))) == Errc::superseded);
  CHECK(engine.del("h2", "b1"));
  // Nothing is bound any more: the name is anybody's.
  CHECK(engine.allocate(Ask("h1", "a3", "job").uid("A")));
}

TEST_CASE_METHOD(StatefulSet, "a takeover that asks for a constant address gets it bound", "[app][kubelet]") {
  const auto old = engine.allocate(Ask("h1", "a1", "web-1").uid("A")).value();
  CHECK_FALSE(engine.binding(owner("web-1")));
  const auto now = add("h2", "b1", "B").value();
  CHECK(now.address == old.address);
  CHECK(now.kind == Kind::stateful);
  CHECK(engine.binding(owner("web-1"))->addresses == net::AddressPair(old.address.address));
}

TEST_CASE_METHOD(StatefulSet, "at most sixteen UIDs are fenced, the newest ones", "[app][kubelet]") {
  for (int i = 0; i < 20; ++i) {
    add("h1", "s" + std::to_string(i), "U" + std::to_string(i)).value();
  }
  const auto fenced = engine.read([](const State& state) { return state.fenced_uids(owner("web-1")); });
  REQUIRE(fenced.size() == 16);
  CHECK(fenced.front().uid == "U3");
  CHECK(fenced.back().uid == "U18");
  CHECK(refusal(add("h2", "x", "U18")) == Errc::superseded);

  CHECK(engine.del("h1", "s19"));
  CHECK(engine.unbind(owner("web-1")));
  CHECK(engine.read([](const State& state) { return state.fenced_uids(owner("web-1")); }).empty());
}

TEST_CASE_METHOD(StatefulSet, "the directory sees a takeover as one entry of a higher generation", "[app][kubelet]") {
  const auto old = add("h1", "a1", "A").value();
  engine.confirm("h1", "a1", old.generation).value();
  engine.published.clear();
  const auto now = add("h2", "b1", "B").value();
  engine.confirm("h2", "b1", now.generation).value();
  engine.del("h2", "b1");

  REQUIRE(engine.published.size() == 3);
  const auto text = [&](std::size_t i) {
    REQUIRE(engine.published[i].changes.size() == 1);
    return engine.published[i].changes[0].text;
  };
  CHECK(engine.published[0].revision == now.generation);
  CHECK(engine.published[0].changes[0].generation == now.generation);
  CHECK_THAT(text(0), Contains(R"("state":"pending")") && Contains(R"("node":"h2")"));
  CHECK(engine.published[1].changes[0].generation == now.generation);
  CHECK(engine.published[1].changes[0].revision > now.generation);
  CHECK_THAT(text(1), Contains(R"("state":"active")"));
  CHECK(engine.published[2].changes[0].deleted);
  CHECK(engine.published[2].changes[0].generation == now.generation);
}
