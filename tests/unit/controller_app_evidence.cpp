// Release on evidence only: the brake on releases, fenced nodes, and what fsck concludes from inventories.
#include <catch2/catch.hpp>

#include "fakes/controller_engine.hpp"
#include "ipam-controller/app/fsck.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;
using Catch::Contains;
using ipam_api::InventoryPort;
using ipam_api::JournalMark;
using ipam_api::NodeInventory;

namespace {

class Usual : public MemoryEngine {
 public:
  Usual() { engine.usual(); }

  std::string container(int number) const { return "c" + std::to_string(number); }
  void pods(int count) {
    engine.pool("many", "web", {"10.0.0.100-10.0.0.250"}).value();
    for (int i = 0; i < count; ++i) {
      engine.allocate(Ask("h1", container(i), "web-" + std::to_string(i)).pool("many")).value();
    }
  }
  Result<ipam_api::ReleaseAnswer> gone(int number, const std::string& reason = "gone") {
    ipam_api::ReleaseRequest request;
    request.node = "h1";
    request.attachment = attachment(container(number));
    request.reason = reason;
    return engine.release(request);
  }
  std::uint64_t let_held_go() {
    return engine.wait<std::uint64_t>([&](auto done) { engine.ipam.let_held_go("h1", done); }).value();
  }
  Result<void> fence(const std::string& name) {
    return engine.wait<void>([&](auto done) { engine.ipam.fence_node(tester(), name, done); });
  }
  Result<void> unfence(const std::string& name) {
    return engine.wait<void>([&](auto done) { engine.ipam.unfence_node(tester(), name, done); });
  }
  Result<ipam_api::RegistrationAnswer> boot(const std::string& boot_id) {
    ipam_api::Registration registration{"machine-of-h1", ip("172.31.0.1"), "1", "", "", {}, boot_id};
    return engine.wait<ipam_api::RegistrationAnswer>(
        [&](auto done) { engine.ipam.register_node(tester(), "h1", registration, done); });
  }

  // What the node would say if all were well.
  NodeInventory inventory(const std::string& node = "h1") {
    return engine.read([&](const State& state) {
      NodeInventory all;
      all.complete = true;
      for (const Port& port : state.ports_of_node(node)) {
        InventoryPort has;
        has.attachment = port.attachment;
        has.namespace_ = port.owner.namespace_;
        has.hostname = port.owner.hostname;
        has.vni = port.vni;
        has.addresses = port.addresses;
        has.mac = port.mac;
        has.generation = port.generation;
        has.ovs_port = has.link = has.netns_alive = true;
        all.ports.push_back(has);
      }
      return all;
    });
  }
  std::vector<Difference> compared(const NodeInventory& with, const std::string& node = "h1") {
    return engine.read([&](const State& state) { return compare(state, node, with); });
  }
  // The only difference.
  Difference one(const NodeInventory& with) {
    const auto found = compared(with);
    REQUIRE(found.size() == 1);
    return found.front();
  }
};

template <class T>
void check_refused(const Result<T>& answer, Errc code, const std::string& part) {
  CAPTURE(part);
  REQUIRE_FALSE(answer);
  CHECK(info(answer.error().code()).id == info(code).id);
  CHECK_THAT(answer.error().text(), Contains(part));
}

}  // namespace

TEST_CASE_METHOD(Usual, "more than a tenth of a node's ports at once is held until an operator says so", "[app]") {
  pods(20);
  for (int i = 0; i < 5; ++i) {
    CHECK(gone(i).value().released);
  }
  check_refused(gone(5), Errc::release_held, "node h1 says that 6 of its 20 ports are gone; 1 are held");
  check_refused(gone(6), Errc::release_held, "mooringctl node release-held h1");
  check_refused(gone(5), Errc::release_held, "7 of its 20 ports");  // asked again: not one more
  CHECK(engine.use("many").allocated == 15);
  CHECK(gone(7, "cni-del").value().released);
  CHECK(gone(8, "cni-add-failed").value().released);

  CHECK(let_held_go() == 2);
  CHECK(let_held_go() == 0);
  CHECK(gone(5).value().released);
  CHECK(gone(6).value().released);
  check_refused(gone(9), Errc::release_held, "are held");  // only what was held then
  engine.now += ReleaseBrake::window_ms + 1;
  CHECK(gone(9).value().released);
}

TEST_CASE_METHOD(Usual, "a tenth of many ports may go", "[app]") {
  pods(100);
  for (int i = 0; i < 10; ++i) {
    CHECK(gone(i).value().released);
  }
  check_refused(gone(10), Errc::release_held, "11 of its 100 ports");
}

TEST_CASE_METHOD(Usual, "what was bound before a reboot that the registration showed is not held", "[app]") {
  boot("boot-1").value();
  pods(20);
  SECTION("the kernel did not boot") {
    boot("boot-1").value();
    for (int i = 0; i < 5; ++i) {
      CHECK(gone(i, "earlier-boot"));
    }
    check_refused(gone(5, "earlier-boot"), Errc::release_held, "6 of its 20 ports");
  }
  SECTION("it did") {
    boot("boot-2").value();
    engine.allocate(Ask("h1", "new", "web-new").pool("many")).value();
    for (int i = 0; i < 20; ++i) {
      CHECK(gone(i, "earlier-boot").value().released);
    }
    CHECK(engine.use("many").allocated == 1);
  }
}

TEST_CASE_METHOD(Usual, "a fenced node loses its ports, and its machine does not come back unasked", "[app]") {
  const auto got = engine.allocate(Ask("h1", "c1", "db-0").uid("A").kind(Kind::stateful)).value();
  engine.published.clear();
  CHECK(fence("h1"));
  REQUIRE(engine.published.size() == 1);
  CHECK(engine.published[0].changes.size() == 2);  // port and node are gone for everybody
  CHECK(engine.published[0].changes[0].deleted);
  CHECK(engine.published[0].changes[1].deleted);
  CHECK(fence("h1"));  // again
  CHECK(engine.read([](const State& state) { return state.node("h1")->fenced; }));
  check_refused(engine.allocate(Ask("h1", "c2", "web-0")), Errc::superseded, "fenced");
  check_refused(engine.node("h1", "172.31.0.1"), Errc::superseded, "mooringctl node unfence h1");
  check_refused(engine.node("h9", "172.31.0.1", "machine-of-h1"), Errc::superseded, "it was deleted as node h1");
  CHECK(engine.allocate(Ask("h2", "c3", "db-0").uid("B")).value().address == got.address);

  SECTION("another machine may have its VTEP") {
    CHECK(engine.node("h9", "172.31.0.1"));
  }
  SECTION("a new machine may have its name") {
    CHECK(engine.node("h1", "172.31.0.1", "new-machine"));
    CHECK_FALSE(engine.read([](const State& state) { return state.node("h1")->fenced; }));
    check_refused(unfence("h1"), Errc::not_found, "it is not fenced");
  }
  SECTION("unfenced it registers again, and its pod does not take the address back") {
    CHECK(unfence("h1"));
    CHECK(engine.node("h1", "172.31.0.1"));
    check_refused(engine.allocate(Ask("h1", "c1", "db-0").uid("A")), Errc::superseded, "UID B on h2");
  }
  check_refused(fence("h7"), Errc::not_found, "no such node");
  check_refused(unfence("h7"), Errc::not_found, "no such node");
}

TEST_CASE_METHOD(Usual, "fsck: nothing differs where all is well", "[app]") {
  pods(5);
  CHECK(compared(inventory()).empty());
  CHECK(compared(inventory("h2"), "h2").empty());
  CHECK(engine.read([](const State& state) { return compare_bindings(state); }).empty());
}

TEST_CASE_METHOD(Usual, "fsck: what the controller knows and the node does not have as it should", "[app]") {
  pods(1);
  NodeInventory has = inventory();
  InventoryPort& port = has.ports[0];
  SECTION("nothing of it") {
    has.ports.clear();
    const auto found = one(has);
    CHECK(found.kind == "port-not-on-node");
    CHECK(found.pod == "shop/web-0");
    CHECK(found.address == "10.0.0.100");
    CHECK(found.repair == Repair::release_port);
    has.in_flight = {attachment(container(0))};
    CHECK(compared(has).empty());
  }
  SECTION("the journal owes its release") {
    port.ovs_port = port.link = false;
    port.journal = JournalMark::releasing;
    CHECK_THAT(one(has).detail, Contains("has not been heard"));
    CHECK(one(has).repair == Repair::release_port);
  }
  SECTION("another generation") {
    port.generation -= 1;
    CHECK(one(has).kind == "generation-differs");
    CHECK(one(has).repair == Repair::none);
  }
  SECTION("another MAC") {
    port.mac = net::MacAddress::parse("0a:58:0a:00:00:63").value();
    CHECK(one(has).kind == "mac-differs");
  }
  SECTION("another address") {
    port.addresses = ip("10.0.0.99");
    CHECK(one(has).kind == "address-differs");
  }
  SECTION("the OVS port without the link") {
    port.link = false;
    CHECK(one(has).kind == "ovs-port-without-link");
    CHECK(one(has).repair == Repair::release_port);
  }
  SECTION("the link without the OVS port") {
    port.ovs_port = false;
    CHECK(one(has).kind == "link-without-ovs-port");
    CHECK(one(has).repair == Repair::restore_port);
  }
}

TEST_CASE_METHOD(Usual, "fsck: what the node has and the controller does not know", "[app]") {
  pods(1);
  NodeInventory has = inventory();
  const auto generation = has.ports[0].generation;
  SECTION("at all") {
    engine.delete_port("p" + std::to_string(generation)).value();
    CHECK(one(has).kind == "port-not-in-controller");
    CHECK(one(has).repair == Repair::remove_port);
    CHECK_THAT(one(has).advice, Contains("goes on without a network"));
    has.in_flight = {attachment(container(0))};
    CHECK(compared(has).empty());
  }
  SECTION("because the address went elsewhere") {
    engine.allocate(Ask("h2", "c9", "web-0").pool("many")).value();
    CHECK(one(has).kind == "address-is-elsewhere");
    CHECK_THAT(one(has).detail, Contains("shop/web-0 on node h2"));
    CHECK(one(has).repair == Repair::remove_port);
    has.ports[0].ovs_port = false;
    CHECK(one(has).repair == Repair::none);  // a link of a running container is no leftover
  }
  SECTION("and does not need to") {
    engine.delete_port("p" + std::to_string(generation)).value();
    has.ports[0].ovs_port = has.ports[0].link = false;
    CHECK(one(has).kind == "journal-leftover");
    has.ports[0].journal = JournalMark::releasing;
    CHECK(compared(has).empty());
  }
  SECTION("a link of nobody") {
    has.stray_links = {"moabcdefghijkl"};
    CHECK(one(has).kind == "stray-link");
    CHECK(one(has).repair == Repair::remove_link);
  }
}

TEST_CASE_METHOD(Usual, "fsck: an address that is bound to one and live with another", "[app]") {
  engine.allocate(Ask("h1", "c1", "a")).value();
  // No use case leads there: rows of a damaged store.
  State state;
  engine.read([&](const State& good) {
    state.apply(*good.network("default"));
    state.apply(*good.subnet("web"));
    state.apply(*good.pool("web"));
    Binding binding;
    binding.owner = owner("b");
    binding.subnet = "web";
    binding.pool = "web";
    binding.addresses = ip("10.0.0.10");
    binding.mac = mac_from(binding.addresses);
    state.apply(binding);
    state.apply(*good.port({vni(100), ip("10.0.0.10")}));
    return 0;
  });
  const auto found = compare_bindings(state);
  REQUIRE(found.size() == 1);
  CHECK(found[0].kind == "bound-to-another");
  CHECK(found[0].detail == "it is bound to shop/b, and live with shop/a");
  CHECK(found[0].repair == Repair::none);
}

TEST_CASE("fsck: only what is seen twice counts", "[app]") {
  Difference first;
  first.kind = "port-not-on-node";
  first.node = "h1";
  first.generation = 41;
  Difference newer = first;
  newer.generation = 42;
  newer.detail = "x";
  Difference reworded = first;
  reworded.detail = "y";
  CHECK(seen_twice({first}, {newer}).empty());
  CHECK(seen_twice({first, newer}, {reworded}).size() == 1);
  CHECK(seen_twice({}, {first}).empty());
}
