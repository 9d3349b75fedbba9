// What nodes gave out by themselves while the controller was away is taken over, or refused with the cause.
#include <catch2/catch.hpp>

#include "fakes/controller_engine.hpp"
#include "ipam-controller/app/given.hpp"
#include "mooring/net/default_mac.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;
using Catch::Contains;

namespace {

// h1 has a block of the dual-stack pool "two", h2 one of its own.
struct Leased : MemoryEngine {
  Leased() {
    engine.usual();
    Subnet subnet;
    subnet.name = "two";
    subnet.network = default_network;
    subnet.vni = vni(200);
    subnet.blocks = {{net::IpCidr::parse("10.2.0.0/24").value(), {}}, {net::IpCidr::parse("fd00:2::/64").value(), {}}};
    engine.subnet(subnet).value();
    engine.pool("two", "two", {"10.2.0.16-10.2.0.63", "fd00:2::10-fd00:2::3f"}).value();
    ours = {lease("h1", net::Family::v4), lease("h1", net::Family::v6)};
    theirs = {lease("h2", net::Family::v4), lease("h2", net::Family::v6)};
  }
  Block lease(const std::string& node, net::Family family) {
    LeaseRequest request;
    request.node = node;
    request.pool = "two";
    request.family = family;
    request.count = 8;
    return engine.wait<Block>([&](auto done) { engine.ipam.lease_block(tester(), request, done); }).value();
  }
  // The first pair of two blocks, as `node` gives it to a pod.
  static ipam_api::GivenReport given(const std::vector<Block>& of, const std::string& node,
                                     const std::string& container, const std::string& hostname) {
    ipam_api::GivenReport report;
    report.request = Ask(node, container, hostname).kind(Kind::stateless);
    report.vni = vni(200);
    for (const Block& block : of) {
      report.addresses.set(block.range.first);
    }
    report.mac = net::default_mac(report.addresses);
    report.generation = of.front().generation;
    return report;
  }
  Result<ipam_api::Allocation> report(const ipam_api::GivenReport& what) {
    const std::function<Result<ipam_api::Allocation>(Transaction&)> accept = [&what](Transaction& tx) {
      return accept_given(tx, what);
    };
    return engine.wait<ipam_api::Allocation>(
        [&](auto done) { engine.ipam.run<ipam_api::Allocation>(tester(), accept, done); });
  }
  void refused(const ipam_api::GivenReport& what, Errc code, const std::string& part) {
    const auto revision = engine.ipam.committed_revision();
    const auto answer = report(what);
    CAPTURE(part);
    REQUIRE_FALSE(answer);
    CHECK(info(answer.error().code()).id == info(code).id);
    CHECK_THAT(answer.error().text(), Contains(part));
    CHECK(engine.ipam.committed_revision() == revision);
  }
  std::vector<Block> ours, theirs;  // of each family
};

}  // namespace

TEST_CASE_METHOD(Leased, "given: a pair of a node's blocks becomes its pod's, once", "[app]") {
  const auto what = given(ours, "h1", "c1", "job-0");
  const auto first = report(what).value();
  const auto port = engine.port(what.addresses.primary().str(), 200).value();
  CHECK(port.addresses.all().size() == 2);
  CHECK(port.state == PortState::active);
  CHECK(port.addresses == what.addresses);
  CHECK(port.owner == owner("job-0"));
  CHECK(port.mac == what.mac);
  CHECK(first.generation > what.generation);

  CHECK(report(what).value().generation == first.generation);  // its answer was lost
  auto other = given(ours, "h1", "c2", "job-1");
  refused(other, Errc::address_taken, "job-0");
}

TEST_CASE_METHOD(Leased, "given: only out of blocks that the node has", "[app]") {
  refused(given(theirs, "h1", "c1", "job-0"), Errc::conflict,
          "but in " + theirs.front().id + " of node h2 (the block was taken away");
  auto free = given(ours, "h1", "c1", "job-0");
  free.addresses = any("10.2.0.60");
  free.mac = net::default_mac(free.addresses);
  refused(free, Errc::conflict, "10.2.0.60 is in no block of node h1");
  auto mixed = given({ours.front(), theirs.back()}, "h1", "c1", "job-0");
  refused(mixed, Errc::conflict, "of node h2");
  auto lost = given(ours, "h1", "c1", "job-0");
  lost.vni = vni(999);
  refused(lost, Errc::not_found, "there is no subnet with VNI 999");
  CHECK_FALSE(engine.port(ours.front().range.first.str(), 200));
}

TEST_CASE_METHOD(Leased, "given: an address that rests is in use already", "[app]") {
  report(given(ours, "h1", "c1", "job-0")).value();
  CHECK(engine.del("h1", "c1"));
  CHECK(report(given(ours, "h1", "c2", "job-1")));
}

TEST_CASE_METHOD(Leased, "given: what the node did not hear of is let go", "[app]") {
  const auto unheard = engine.allocate(Ask("h1", "c1", "job-0").pool("two")).value();
  const auto what = given(ours, "h1", "c1", "job-0");
  const auto taken = report(what).value();
  CHECK(taken.generation > unheard.generation);
  CHECK(engine.port(what.addresses.primary().str(), 200)->attachment == attachment("c1"));
  CHECK(engine.use("web").allocated == 0);
}

TEST_CASE_METHOD(Leased, "given: an address that is passed on to the pod that comes again", "[app]") {
  const auto before = engine.allocate(Ask("h1", "c1", "db-0").uid("A").kind(Kind::stateful)).value();
  CHECK(engine.confirm("h1", "c1", before.generation));
  ipam_api::GivenReport again;
  again.request = Ask("h1", "c2", "db-0").uid("B").kind(Kind::stateful);
  again.vni = vni(100);
  again.addresses = any("10.0.0.10");
  again.mac = engine.port("10.0.0.10")->mac;
  again.in_place_of = attachment("c1");
  again.generation = before.generation;

  SECTION("nobody else has it") {
    CHECK(report(again).value().generation > before.generation);
    CHECK(engine.port("10.0.0.10")->attachment == attachment("c2"));
  }
  SECTION("it has moved to another node") {
    engine.allocate(Ask("h2", "c9", "db-0").uid("C").kind(Kind::stateful)).value();
    refused(again, Errc::superseded, "db-0 on node h2 has it now");
  }
  SECTION("it was let go") {
    CHECK(engine.del("h1", "c1"));
    refused(again, Errc::superseded, "that port is gone (delete the pod");
  }
  SECTION("of another pod") {
    again.request.hostname = "db-1";
    refused(again, Errc::superseded, "was passed on from attachment c1/eth0");
  }
}
