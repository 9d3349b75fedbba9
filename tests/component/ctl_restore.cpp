// A backup by mooringctl, a store made from it, and the real controller on that: it only reads until the nodes have
// said what they hold, and nobody is sent the older directory.
#include <fstream>

#include <catch2/catch.hpp>

#include "support/catch_result.hpp"
#include "support/controller_process.hpp"
#include "support/ctl_run.hpp"
#include "support/watch_reader.hpp"

using namespace mooring::tests;
using Catch::Contains;
using mooring::ipam_api::Json;
using mooring::ipam_api::Role;

namespace {

// Two nodes; db-0 on h1 is in the backup, web-0 on h2 came after it.
class Stage {
 public:
  Stage() {
    controller.start();
    auto client = controller.client();
    make_small_world(client);
    register_node("h2", "172.31.0.2");
    kept = allocate("c1", "db-0", "h1");
    const CtlOutcome copied = ctl({"backup", backup()});
    INFO(copied.err);
    REQUIRE(copied.status == 0);
    CHECK_THAT(copied.out, Contains("incarnation " + version()["incarnation"].get<std::string>()));
    late = allocate("c2", "web-0", "h2");
    incarnation = version()["incarnation"];
  }

  std::string backup() const { return controller.folder().path("backup.db"); }
  void restore() {
    REQUIRE(controller.terminate() == 0);
    ControllerProcess order({"restore", "--from", backup(), "--force"});
    order.use_store(controller.store_path());
    const int status = order.start_and_wait();
    INFO(order.log());
    REQUIRE(status == 0);
    CHECK_THAT(order.log(), Contains("the store that was there is kept as "));
    controller.start();
  }

  CtlOutcome ctl(std::vector<std::string> arguments) { return run_ctl(controller, std::move(arguments)); }
  JsonAnswer call(const std::string& method, const std::string& target, const Json& body = nullptr) {
    auto client = controller.client();
    return ask(client, method, target, body);
  }
  Json version() { return call("GET", "/v1/version").body; }
  bool restoring() { return call("GET", "/v1/restore").body.at("restoring").get<bool>(); }
  void register_node(const std::string& name, const std::string& vtep) {
    const Json registration = {{"machine_id", "m-" + name}, {"vtep", vtep}};
    REQUIRE(call("PUT", "/v1/nodes/" + name, registration).status < 300);
  }
  Json allocate(const std::string& container, const std::string& hostname, const std::string& node) {
    const JsonAnswer answer = call("POST", "/v1/ports:allocate", allocate_body(container, hostname, node));
    INFO(answer.response.body);
    REQUIRE(answer.status == 200);
    return answer.body;
  }
  static std::string address_of(const Json& allocation) {
    const std::string text = allocation.at("address");
    return text.substr(0, text.find('/'));
  }
  // What an agent says of its one port.
  static Json holding(const Json& allocation, const std::string& container, const std::string& hostname,
                      std::uint64_t highest) {
    const Json port = {{"attachment", container + "/eth0"},
                       {"network", "default"},
                       {"namespace", "shop"},
                       {"hostname", hostname},
                       {"vni", allocation.at("vni")},
                       {"addresses", Json::array({address_of(allocation)})},
                       {"mac", allocation.at("mac")},
                       {"generation", allocation.at("generation")},
                       {"ofport", 3},
                       {"ovs_port", true},
                       {"link", true},
                       {"netns_alive", true}};
    return {{"complete", true},
            {"boot_id", "b"},
            {"highest_generation", highest},
            {"in_flight", Json::array()},
            {"ports", Json::array({port})},
            {"stray_links", Json::array()}};
  }
  void report(const std::string& node, const Json& inventory) {
    const JsonAnswer answer = call("POST", "/v1/nodes/" + node + "/inventory", inventory);
    INFO(answer.response.body);
    REQUIRE(answer.status == 200);
  }

  ControllerProcess controller;
  Json kept, late;
  std::string incarnation;
};

}  // namespace

TEST_CASE("restore: what came after the backup is taken over from the nodes that hold it") {
  Stage stage;
  WatchReader agent(stage.controller.client());
  REQUIRE(agent.open(Role::node, "h1") == 200);
  REQUIRE(agent.read_heartbeat(stage.late["generation"]));
  stage.restore();

  // It answers reads, and refuses changes with what it waits for.
  CHECK(stage.version()["incarnation"] != stage.incarnation);
  CHECK(stage.call("GET", "/v1/ports").body["items"].size() == 1);
  const JsonAnswer refused = stage.call("POST", "/v1/ports:allocate", allocate_body("c3", "new", "h1"));
  CHECK(refused.status == 503);
  CHECK_THAT(refused.response.body, Contains("made from a backup") && Contains("restore finish --without"));
  CHECK(stage.call("DELETE", "/v1/bindings/default/shop/db-0/0").status == 503);
  CHECK_THAT(stage.ctl({"restore", "status"}).out,
             Contains("missing      h1 (0 ports)") && Contains("missing      h2 (0 ports)"));

  // Whoever forwards by the directory is not sent the older one; who only looks is.
  WatchReader early(stage.controller.client());
  CHECK(early.open(Role::node, "h1") == 503);
  WatchReader observer(stage.controller.client());
  CHECK(observer.open(Role::observer, "") == 200);

  stage.report("h1", Stage::holding(stage.kept, "c1", "db-0", 77));
  CHECK_THAT(stage.call("POST", "/v1/ports:allocate", allocate_body("c3", "new", "h1")).response.body,
             Contains("1 of its nodes has not said yet what it holds: h2"));
  stage.report("h2", Stage::holding(stage.late, "c2", "web-0", 5'000'000));
  REQUIRE(eventually([&] { return !stage.restoring(); }));

  // The agent's directory of before is not gone on with; the new one has every live port as its node has it.
  CHECK(stage.version()["revision"] > 5'000'000);
  WatchReader again(stage.controller.client());
  REQUIRE(again.open(Role::node, "h1") == 200);
  CHECK_FALSE(again.hello().resume);
  CHECK(again.hello().incarnation == stage.version()["incarnation"]);
  REQUIRE(again.read_heartbeat());
  for (const Json& allocation : {stage.kept, stage.late}) {
    const auto* entry = again.entry("port", Stage::address_of(allocation) + "/32");
    REQUIRE(entry != nullptr);
    CHECK(entry->generation == allocation["generation"]);
  }
  CHECK(stage
            .call("POST", "/v1/ports:confirm",
                  {{"node", "h2"},
                   {"attachment", {{"container_id", "c2"}, {"ifname", "eth0"}}},
                   {"generation", stage.late["generation"]}})
            .status == 200);
  const Json next = stage.allocate("c3", "new", "h1");
  CHECK(next["generation"] > 5'000'000);
  CHECK(next["address"] != stage.kept["address"]);
  CHECK(next["address"] != stage.late["address"]);

  // The ledger goes on behind the backup's, and says who did it.
  CHECK(stage.call("POST", "/v1/audit:verify").body["whole"] == true);
  CHECK_THAT(stage.call("GET", "/v1/audit?subject=shop/web-0").response.body, Contains("\"name\":\"restore\""));
  CHECK(stage.call("GET", "/v1/events?type=restore.finished").body["items"].size() == 1);
  CHECK(stage.ctl({"restore", "finish"}).status != 0);
}

TEST_CASE("restore: an operator ends the waiting, and a restart before that begins it anew") {
  Stage stage;
  stage.restore();
  stage.report("h1", Stage::holding(stage.kept, "c1", "db-0", 0));
  const std::string first = stage.version()["incarnation"];
  stage.controller.kill_now();
  stage.controller.start();
  CHECK(stage.version()["incarnation"] != first);
  stage.report("h1", Stage::holding(stage.kept, "c1", "db-0", 0));

  const CtlOutcome early = stage.ctl({"restore", "finish"});
  CHECK(early.status == 1);
  CHECK_THAT(early.err, Contains("has not said yet what it holds: h2"));
  CHECK_THAT(stage.ctl({"restore", "finish", "--without", "h7"}).err, Contains("h7"));
  const CtlOutcome tried = stage.ctl({"restore", "finish", "--without", "h2", "--dry-run"});
  CHECK_THAT(tried.out, Contains("would be finished") && Contains("1 are as the store has them"));
  CHECK(stage.restoring());
  CHECK(stage.ctl({"restore", "finish", "--without", "h2"}).status == 0);
  CHECK_FALSE(stage.restoring());
  stage.allocate("c3", "new", "h1");
  CHECK(stage.call("POST", "/v1/audit:verify").body["whole"] == true);

  // Finished for good, and as another store than the one of the backup.
  const std::string last = stage.version()["incarnation"];
  stage.controller.kill_now();
  stage.controller.start();
  CHECK(stage.version()["incarnation"] == last);
  CHECK_FALSE(stage.restoring());
}

TEST_CASE("backup: a file that is there stays, and what is no controller gives none") {
  Stage stage;
  const CtlOutcome again = stage.ctl({"backup", stage.backup()});
  CHECK(again.status == 1);
  CHECK_THAT(again.err, Contains("--force"));
  CHECK(stage.ctl({"backup", stage.backup(), "--force"}).status == 0);
  const CtlOutcome nowhere = stage.ctl({"backup", stage.controller.folder().path("none/b.db")});
  CHECK(nowhere.status == 1);
  CHECK_THAT(nowhere.err, Contains("none/b.db") && Contains("No such file"));
  REQUIRE(stage.controller.terminate() == 0);
  const std::string other = stage.controller.folder().path("c.backup");
  CHECK(stage.ctl({"backup", other}).status == 1);
  CHECK_FALSE(std::filesystem::exists(other));
  CHECK_FALSE(std::filesystem::exists(other + ".part"));
}
