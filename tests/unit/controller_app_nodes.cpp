// Nodes and gateways come and go; ports are confirmed and released by their holders only.
#include <catch2/catch.hpp>

#include "fakes/controller_engine.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;
using Catch::Contains;

namespace {

class Usual : public MemoryEngine {
 public:
  Usual() { engine.usual(); }
};

template <class T>
void check_refused(const Result<T>& answer, Errc code, const std::string& part) {
  CAPTURE(part);
  REQUIRE_FALSE(answer);
  CHECK(info(answer.error().code()).id == info(code).id);
  CHECK_THAT(answer.error().text(), Contains(part));
}

}  // namespace

TEST_CASE_METHOD(Usual, "an admin's forced release", "[app]") {
  const auto got = engine.allocate(Ask("h1", "c1", "a").uid("A")).value();
  CHECK(engine.delete_port(got.port_id));
  CHECK_FALSE(engine.port("10.0.0.10"));
  CHECK_FALSE(engine.del("h1", "c1"));
  CHECK(engine.published.back().changes[0].deleted);
}

TEST_CASE_METHOD(Usual, "a node that is gone for good is deleted with its ports, in one revision", "[app]") {
  engine.allocate(Ask("h1", "c1", "a")).value();
  engine.allocate(Ask("h1", "c2", "db-0").uid("A").kind(Kind::stateful)).value();
  engine.allocate(Ask("h2", "c3", "b")).value();
  const auto before = engine.published.size();
  CHECK(engine.delete_node("h1", true));
  REQUIRE(engine.published.size() == before + 1);
  CHECK(engine.published.back().changes.size() == 3);
  CHECK(engine.use("web").allocated == 1);
  CHECK(engine.use("web").bound == 1);
  // The pod that was there does not come back when the machine does.
  engine.allocate(Ask("h2", "c4", "db-0").uid("B")).value();
  engine.node("h1", "172.31.0.1").value();
  check_refused(engine.allocate(Ask("h1", "c5", "db-0").uid("A")), Errc::superseded, "UID B on h2");
}

TEST_CASE_METHOD(Usual, "nodes and gateways: one machine a name, one machine a VTEP", "[app]") {
  const auto revision = engine.ipam.committed_revision();
  const auto again = engine.node("h1", "172.31.0.1").value();
  CHECK(again.incarnation == engine.ipam.incarnation());
  CHECK(engine.ipam.committed_revision() == revision);

  check_refused(engine.node("h1", "172.31.0.1", "other"), Errc::conflict,
                "the name belongs to the machine machine-of-h1");
  check_refused(engine.node("h1", "172.31.0.1", "other"), Errc::conflict, "mooringctl delete node h1");
  check_refused(engine.node("h4", "172.31.0.2"), Errc::conflict, "VTEP 172.31.0.2 belongs to node h2");
  check_refused(engine.node("h4", "172.31.0.2"), Errc::conflict, "mooringctl delete node h2");
  check_refused(engine.gateway("gw1", "172.31.0.2"), Errc::conflict, "belongs to node h2");
  check_refused(engine.node("h4", "0.0.0.0"), Errc::invalid_argument, "vtep");
  check_refused(engine.node("h4", "127.0.0.1"), Errc::invalid_argument, "vtep");
  check_refused(engine.node("H4", "172.31.0.4"), Errc::invalid_argument, "is not a name");

  const auto made = engine.gateway("gw1", "172.31.0.9").value();
  CHECK(made.revision == engine.ipam.committed_revision());
  check_refused(engine.node("h4", "172.31.0.9"), Errc::conflict, "belongs to gateway gw1");
  check_refused(engine.gateway("gw1", "172.31.0.9", "other"), Errc::conflict, "mooringctl delete gateway gw1");

  SECTION("a machine may change its VTEP, which is one delta") {
    engine.published.clear();
    CHECK(engine.node("h1", "172.31.0.77"));
    REQUIRE(engine.published.size() == 1);
    CHECK(engine.published[0].changes.size() == 1);
    CHECK(engine.node("h4", "172.31.0.1"));
  }
  SECTION("another machine takes the name after the old one is deleted") {
    CHECK(engine.delete_node("h3"));
    CHECK(engine.node("h3", "172.31.0.3", "other"));
    CHECK(engine.delete_gateway("gw1"));
    CHECK(engine.gateway("gw2", "172.31.0.9"));
  }
}

TEST_CASE_METHOD(Usual, "a release is the holder's only", "[app]") {
  const auto got = engine.allocate(Ask("h1", "c1", "a")).value();
  const auto released = [&](const ipam_api::ReleaseRequest& request) {
    return engine.release(request).value().released;
  };
  ipam_api::ReleaseRequest request;
  request.node = "h2";
  request.attachment = attachment("c1");
  CHECK_FALSE(released(request));  // another node's
  request.node = "h1";
  request.generation = got.generation + 1;
  CHECK_FALSE(released(request));
  request.attachment = attachment("c9");
  request.generation = 0;
  CHECK_FALSE(released(request));

  ipam_api::ReleaseRequest by_address;
  by_address.node = "h1";
  by_address.vni = vni(100);
  by_address.address = ip("10.0.0.10");
  check_refused(engine.release(by_address), Errc::invalid_argument, "give attachment, or vni, address and generation");
  by_address.generation = got.generation - 1;
  CHECK_FALSE(released(by_address));
  by_address.node = "h2";
  by_address.generation = got.generation;
  CHECK_FALSE(released(by_address));
  by_address.node = "h1";
  CHECK(released(by_address));
  CHECK_FALSE(released(by_address));
}

TEST_CASE_METHOD(Usual, "a confirmation is the holder's only", "[app]") {
  const auto got = engine.allocate(Ask("h1", "c1", "a")).value();
  check_refused(engine.confirm("h2", "c1", got.generation), Errc::superseded, "node h2: it holds no port");
  check_refused(engine.confirm("h1", "c9", got.generation), Errc::superseded, "c9/eth0");
  check_refused(engine.confirm("h1", "c1", got.generation + 1), Errc::superseded, "is at generation");
  CHECK(engine.port("10.0.0.10")->state == PortState::pending);
  CHECK(engine.confirm("h1", "c1", got.generation));
  CHECK(engine.port("10.0.0.10")->state == PortState::active);
  CHECK(engine.port("10.0.0.10")->generation == got.generation);
  const auto revision = engine.ipam.committed_revision();
  CHECK(engine.confirm("h1", "c1", got.generation));
  CHECK(engine.ipam.committed_revision() == revision);
}
