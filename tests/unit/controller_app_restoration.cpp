// A store made from a backup: it only reads until the nodes have said what they hold, and then has all of it.
#include <optional>
#include <string>

#include <catch2/catch.hpp>

#include "fakes/controller_engine.hpp"
#include "ipam-controller/app/restoration.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;
using Catch::Contains;
using ipam_api::InventoryPort;
using ipam_api::NodeInventory;

namespace {

NodeInventory holding(std::vector<InventoryPort> ports, Generation highest = 0) {
  NodeInventory inventory;
  inventory.complete = true;
  inventory.highest_generation = highest;
  inventory.ports = std::move(ports);
  return inventory;
}

InventoryPort has(const std::string& container, const std::string& hostname, std::string_view address,
                  Generation generation) {
  InventoryPort port;
  port.attachment = attachment(container);
  port.pod_uid = "U" + container;
  port.network = default_network;
  port.namespace_ = "shop";
  port.hostname = hostname;
  port.vni = vni(100);
  port.addresses = any(address);
  port.mac = mac("0a:58:0a:00:00:01");
  port.generation = generation;
  port.ovs_port = port.link = port.netns_alive = true;
  return port;
}

// Three nodes; c1 of db-0 (stateful, .10) on h1 and c2 of web-0 (stateless, .11) on h2 are in the backup.
class RestoredStage {
 public:
  RestoredStage() {
    {
      Engine before(loop_, store_);
      before.usual();
      first = before.allocate(Ask("h1", "c1", "db-0").uid("Uc1").kind(Kind::stateful)).value().generation;
      second = before.allocate(Ask("h2", "c2", "web-0").uid("Uc2")).value().generation;
      revision = before.ipam.committed_revision();
    }
    disk_.restored_from_backup();
    engine.emplace(loop_, store_);
    restoration.emplace(engine->ipam);
  }

  void hear(const std::string& node, NodeInventory inventory) {
    restoration->heard(node, std::move(inventory));
    engine->read([](const State&) { return 0; });
    engine->read([](const State&) { return 0; });
  }
  void hear_nothing_from(const std::vector<std::string>& nodes) {
    for (const std::string& node : nodes) {
      hear(node, holding({}));
    }
  }
  Restoration::Status status() {
    return engine->wait<Restoration::Status>([&](auto done) { restoration->status(done); }).value();
  }
  Result<Restoration::Outcome> finish(Restoration::Order order) {
    return engine->wait<Restoration::Outcome>([&](auto done) { restoration->finish(tester(), order, done); });
  }

 private:
  Loop loop_;
  MemoryDisk disk_;
  MemoryStore store_{disk_, loop_.post()};

 public:
  Generation first = 0, second = 0;
  Revision revision = 0;
  std::optional<Engine> engine;
  std::optional<Restoration> restoration;
};

}  // namespace

TEST_CASE("a restored store only reads, and says what it waits for", "[app][restore]") {
  RestoredStage stage;
  const auto refused = stage.engine->allocate(Ask("h1", "c9", "new"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Errc::unavailable);
  CHECK_FALSE(stage.engine->bind("x", "10.0.0.15"));
  CHECK_FALSE(stage.engine->release({}));
  CHECK(stage.engine->port("10.0.0.10"));

  stage.hear("h1", holding({has("c1", "db-0", "10.0.0.10", stage.first)}));
  const auto waiting = stage.engine->allocate(Ask("h1", "c9", "new"));
  REQUIRE_FALSE(waiting);
  CHECK_THAT(waiting.error().text(), Contains("h2, h3") && !Contains("h1") && Contains("--without"));

  // A node that comes back may register, and one that was unknown to the backup has to report too.
  CHECK(stage.engine->node("h1", "172.31.0.1"));
  CHECK(stage.engine->node("h4", "172.31.0.4"));
  stage.hear_nothing_from({"h2", "h3"});
  CHECK(stage.engine->ipam.restoring());
  const Restoration::Status status = stage.status();
  REQUIRE(status.nodes.size() == 4);
  CHECK(status.nodes[0].heard == Restoration::NodeStatus::Heard::complete);
  CHECK(status.nodes[3].name == "h4");
  CHECK(status.nodes[3].heard == Restoration::NodeStatus::Heard::nothing);
  CHECK(status.adoption.known == 1);

  stage.hear("h4", holding({}));
  CHECK_FALSE(stage.engine->ipam.restoring());
  CHECK(stage.engine->allocate(Ask("h1", "c9", "new")));
}

TEST_CASE("an inventory that is not complete does not count", "[app][restore]") {
  RestoredStage stage;
  stage.hear_nothing_from({"h1", "h2"});
  NodeInventory partly = holding({});
  partly.complete = false;
  stage.hear("h3", partly);
  CHECK(stage.engine->ipam.restoring());
  const auto early = stage.finish({});
  REQUIRE_FALSE(early);
  CHECK_THAT(early.error().text(), Contains("h3"));
  CHECK_FALSE(stage.finish({{"h9"}, false}));
  CHECK(stage.finish({{"h3"}, false}));
  CHECK_FALSE(stage.engine->ipam.restoring());
}

TEST_CASE("what came after the backup is taken over, above every generation", "[app][restore]") {
  RestoredStage stage;
  stage.hear("h1", holding({has("c1", "db-0", "10.0.0.10", stage.first)}));
  // c2 is gone since; web-0 runs on h3 with its address, and a pod that the backup does not know has another.
  stage.hear("h2", holding({}, 700));
  stage.hear("h3", holding({has("c7", "web-0", "10.0.0.11", 500), has("c8", "api-0", "10.0.0.15", 501)}, 900));
  REQUIRE_FALSE(stage.engine->ipam.restoring());
  CHECK(stage.engine->ipam.committed_revision() > 900);

  const auto kept = stage.engine->port("10.0.0.10");
  REQUIRE(kept);
  CHECK(kept->generation == stage.first);
  CHECK(kept->state == PortState::active);  // confirmed after the backup
  const auto moved = stage.engine->port("10.0.0.11");
  REQUIRE(moved);
  CHECK(moved->node == "h3");
  CHECK(moved->generation == 500);
  CHECK(moved->state == PortState::active);
  const auto unknown = stage.engine->port("10.0.0.15");
  REQUIRE(unknown);
  CHECK(unknown->owner.hostname == "api-0");
  CHECK(stage.engine->use("web").allocated == 3);

  const auto next = stage.engine->allocate(Ask("h2", "c10", "late"));
  REQUIRE(next);
  CHECK(next->generation > 900);
  CHECK(next->address.address != ip("10.0.0.15"));
  // Who followed the store before needs a snapshot.
  CHECK(stage.engine->changes_since(stage.revision).value().too_old);
  // The same attachment asks again: its answer.
  CHECK(stage.engine->allocate(Ask("h3", "c8", "api-0").uid("Uc8")).value().generation == 501);
}

TEST_CASE("the newest claim of an address wins, and what stood in its way goes", "[app][restore]") {
  RestoredStage stage;
  // db-0 was given .16 since, and .10 went to another pod; h2 has an old claim of it.
  stage.hear("h1", holding({has("c20", "db-0", "10.0.0.16", 600)}));
  stage.hear("h2", holding({has("c21", "other", "10.0.0.10", 601)}));
  stage.hear("h3", holding({has("c22", "loser", "10.0.0.10", 599)}));
  REQUIRE_FALSE(stage.engine->ipam.restoring());
  CHECK(stage.engine->port("10.0.0.10")->owner.hostname == "other");
  CHECK(stage.engine->port("10.0.0.16")->owner.hostname == "db-0");
  const auto binding = stage.engine->binding(owner("db-0"));
  if (binding) {
    CHECK(binding->addresses == net::AddressPair(ip("10.0.0.16")));
  }
  CHECK(stage.engine->read([](const State& state) { return state.ports().size(); }) == 3);  // web-0 is kept, too
}

TEST_CASE("a live port that cannot be taken over is not lost in silence", "[app][restore]") {
  RestoredStage stage;
  InventoryPort elsewhere = has("c30", "far", "10.9.0.5", 610);
  elsewhere.vni = vni(900);  // of a subnet made after the backup
  InventoryPort going = has("c31", "gone", "10.0.0.17", 611);
  going.journal = ipam_api::JournalMark::releasing;
  stage.hear("h1", holding({elsewhere, going}));
  stage.hear_nothing_from({"h2", "h3"});
  CHECK(stage.engine->ipam.restoring());
  const auto refused = stage.engine->allocate(Ask("h1", "c9", "new"));
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().text(), Contains("c30/eth0") && Contains("VNI 900") && !Contains("c31"));
  const auto outcome = stage.finish({{}, true});
  REQUIRE(outcome);
  CHECK(outcome->adoption.left_out.size() == 2);
  CHECK_FALSE(stage.engine->port("10.0.0.17"));
  CHECK_FALSE(stage.finish({{}, true}));  // it is finished
}
