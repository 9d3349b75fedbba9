// What mooring-agent tells the controller of its node, repairs that it is asked for, and releases that are held.
#include <catch2/catch.hpp>

#include "agent_stage.hpp"
#include "mooring/ipam_api/inventory.hpp"

using namespace mooring;
using namespace mooring::tests;
using ipam_api::JournalMark;
using ipam_api::NodeInventory;

namespace {

class Evidence : public AgentStage {
 public:
  JsonAnswer controller_call(const std::string& method, const std::string& target, const Json& body = nullptr) const {
    auto client = controller.client();
    return ask(client, method, target, body);
  }
  NodeInventory inventory() const {
    const auto answer = controller_call("POST", "/v1/nodes/h1:query", {{"question", "inventory"}});
    must(answer);
    return ipam_api::inventory_from(answer.body["answer"]).value();
  }
  // The problem's title, "" if it was done.
  std::string repair(Json arguments) const {
    const auto answer =
        controller_call("POST", "/v1/nodes/h1:query", {{"question", "repair"}, {"arguments", std::move(arguments)}});
    must(answer);
    return answer.body["answer"].value("title", "");
  }
  std::string rows() const { return sandbox.vsctl("list-ports br-int"); }
  void delete_link(const Json& answer) const {
    sandbox.run("ip link del " + answer["host_interface"].get<std::string>());
  }
};

}  // namespace

TEST_CASE("agent: its inventory says what is there and what is not") {
  Evidence stage;
  stage.start_agent();
  const auto first = stage.add("c1", "web-0");
  AgentStage::must(stage.attach("c2", "web-1"));  // this process lives: in flight
  stage.sandbox.run("ip link add moaaaaaaaaaaaa type veth peer name other0");
  const auto now = stage.inventory();
  CHECK(now.complete);
  CHECK(now.in_flight == std::vector<ipam_api::Attachment>{{"c2", "eth0"}});
  CHECK(now.stray_links == std::vector<std::string>{"moaaaaaaaaaaaa"});
  CHECK(now.highest_generation >= first["allocation"]["generation"].get<std::uint64_t>());
  REQUIRE(now.ports.size() == 2);
  const auto& port = now.ports[0];
  CHECK(port.attachment.str() == "c1/eth0");
  CHECK(port.namespace_ == "shop");
  CHECK(port.hostname == "web-0");
  CHECK(port.vni->value() == 100);
  CHECK(port.addresses.str() == "10.0.0.2");
  CHECK(port.mac->str() == first["allocation"]["mac"]);
  CHECK(port.generation == first["allocation"]["generation"]);
  CHECK(port.ofport == first["ofport"]);
  CHECK((port.ovs_port && port.link));
  CHECK_FALSE(port.netns_alive);  // of this test's port there is none
  CHECK(port.boot_id == now.boot_id);
  CHECK(port.journal == JournalMark::none);
  CHECK(now.ports[1].journal == JournalMark::adding);
  CHECK_FALSE(now.ports[1].ovs_port);

  SECTION("the controller is away when one is deleted") {
    stage.controller.kill_now();
    AgentStage::must(stage.detach("c1"));
    stage.remove_port(first);
    stage.controller.start();
    REQUIRE(eventually([&] { return stage.controller_ports() == 1; }));
  }
  SECTION("a row is lost, and the agent's memory with it") {
    stage.kill_agent();
    stage.sandbox.vsctl("--no-wait del-port " + first["host_interface"].get<std::string>());
    stage.start_agent();
    REQUIRE(eventually([&] { return stage.inventory().ports.size() == 1; }));
    const auto lost = stage.inventory().ports[0];
    CHECK(lost.attachment.str() == "c1/eth0");
    CHECK(lost.link);
    CHECK_FALSE(lost.ovs_port);
    CHECK(lost.generation == first["allocation"]["generation"]);
    CHECK(stage.inventory().stray_links == std::vector<std::string>{"moaaaaaaaaaaaa"});
  }
}

TEST_CASE("agent: reports its inventory unasked, to each incarnation once") {
  Evidence stage;
  stage.start_agent();
  const auto reported = [&] { return stage.controller_call("GET", "/v1/nodes/h1/inventory"); };
  REQUIRE(eventually([&] { return reported().status == 200; }));
  CHECK(reported().body["complete"] == true);
  CHECK(reported().body["ports"].empty());
  stage.add("c1", "web-0");
  stage.controller.kill_now();
  stage.controller.start();  // the same store
  REQUIRE(eventually([&] { return stage.try_status()["controller"]["connected"] == true; }));
  CHECK(reported().status == 404);
  const auto before = stage.inventory().highest_generation;

  // A new store under the same name: another incarnation, which counts from below.
  stage.controller.kill_now();
  for (const char* ending : {"", "-wal", "-shm"}) {
    std::filesystem::remove(stage.controller.store_path() + ending);
  }
  stage.controller.start();
  REQUIRE(eventually([&] { return reported().status == 200; }));
  CHECK(reported().body["ports"].size() == 1);
  CHECK(reported().body["highest_generation"] >= before);
}

TEST_CASE("agent: repairs what it is asked to, unless it no longer fits") {
  Evidence stage;
  stage.start_agent();
  const auto first = stage.add("c1", "web-0");
  const std::string name = first["host_interface"];
  const Json generation = first["allocation"]["generation"];
  const Json of_first = {{"attachment", "c1/eth0"}, {"generation", generation}};
  const auto order = [&](const char* action, const Json& more = Json::object()) {
    Json arguments = of_first;
    arguments["action"] = action;
    arguments.update(more);
    return arguments;
  };
  const Json record = {{"pod", "shop/web-0"},
                       {"network", "default"},
                       {"vni", 100},
                       {"address", "10.0.0.2/24"},
                       {"mac", first["allocation"]["mac"]}};

  CHECK(stage.repair(order("confirm-gone")) == "conflict");
  CHECK(stage.repair(order("restore-port", record)) == "conflict");
  CHECK(stage.repair(order("remove-port", {{"generation", 1}})) == "conflict");
  CHECK(stage.repair({{"action", "remove-link"}, {"link", name}}) == "conflict");
  CHECK(stage.repair({{"action", "remove-link"}, {"link", "eth0"}}) == "invalid-argument");
  CHECK(stage.repair(order("turn-round")) == "unsupported");
  CHECK(stage.repair({{"action", "remove-port"}, {"attachment", "../x"}}) == "invalid-argument");
  AgentStage::must(stage.attach("c2", "web-1"));
  CHECK(stage.repair({{"action", "remove-port"}, {"attachment", "c2/eth0"}}) == "conflict");  // in flight

  // The row is lost: put back as it was, and the port forwards again.
  stage.sandbox.vsctl("--no-wait del-port " + name);
  REQUIRE(eventually([&] { return stage.repair(order("restore-port", record)).empty(); }));
  REQUIRE(eventually([&] { return stage.rows().find(name) != std::string::npos; }));
  REQUIRE(eventually([&] { return stage.check("c1", first["allocation"]).body["problems"].empty(); }));

  CHECK(stage.repair(order("remove-port")).empty());
  REQUIRE(eventually([&] { return stage.rows().find(name) == std::string::npos; }));
  CHECK(stage.repair(order("remove-port")).empty());  // again
  CHECK(stage.repair(order("confirm-gone")) == "conflict");
  stage.delete_link(first);
  CHECK(stage.repair(order("confirm-gone")).empty());
  stage.sandbox.run("ip link add moaaaaaaaaaaaa type veth peer name other0");
  CHECK(stage.repair({{"action", "remove-link"}, {"link", "moaaaaaaaaaaaa"}}).empty());
  CHECK(stage.sandbox.run("ip -brief link").find("moaaaaaaaaaaaa") == std::string::npos);
}

TEST_CASE("agent: releases that the controller holds keep no other waiting, and go when they may") {
  Evidence stage;
  stage.start_agent();
  std::vector<Json> answers;
  for (int i = 0; i < 14; ++i) {
    answers.push_back(stage.add("c" + std::to_string(i), "web-" + std::to_string(i)));
  }
  const auto vanish = [&](std::size_t from, std::size_t upto) {
    for (std::size_t i = from; i < upto; ++i) {
      stage.delete_link(answers[i]);
    }
  };
  vanish(0, 5);  // five may always go
  REQUIRE(eventually([&] { return stage.controller_ports() == 9; }, std::chrono::seconds(25)));
  vanish(5, 10);  // one more would be the sixth of fourteen
  REQUIRE(eventually([&] { return stage.try_status()["ports"]["releases_held_by_controller"] == 5; },
                     std::chrono::seconds(25)));
  REQUIRE(stage.controller_ports() == 9);
  // A DEL is told at once, and so is one that had to wait for the controller.
  REQUIRE(stage.detach("c10").body["released"] == true);
  stage.controller.stop_process();
  const auto journaled = stage.detach("c11");
  stage.controller.continue_process();
  REQUIRE(journaled.status == 200);
  REQUIRE(eventually([&] { return stage.controller_ports() == 7; }));

  const auto let_go = stage.controller_call("POST", "/v1/nodes/h1:release-held", Json::object());
  REQUIRE(let_go.body["released"] == 5);
  REQUIRE(eventually([&] { return stage.controller_ports() == 2; }, std::chrono::seconds(25)));
  REQUIRE(stage.try_status()["ports"]["releases_held_by_controller"] == 0);
}
