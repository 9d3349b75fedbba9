// What mooring-agent removes of attachments that are no more: CNI GC, ADDs whose plugin died, addresses of other
// plugins.
#include <sys/wait.h>

#include <catch2/catch.hpp>

#include "agent_stage.hpp"

using namespace mooring;
using namespace mooring::tests;

namespace {

class Leftovers : public AgentStage {
 public:
  Json request(const std::string& container, const std::string& hostname) const {
    return {{"attachment", attachment(container)},
            {"netns", "/run/netns/x"},
            {"cni_network", "pods"},
            {"namespace", "shop"},
            {"hostname", hostname},
            {"wishes", Json::object()}};
  }
  Json added(const std::string& container, const std::string& hostname) const {
    const auto attached = call("POST", "/v1/attach", request(container, hostname));
    must(attached);
    make_port(attached.body);
    must(confirm(container, attached.body["allocation"]["generation"]));
    return attached.body;
  }
  JsonAnswer gc(const Json& valid, const char* network = "pods") const {
    return call("POST", "/v1/gc", {{"cni_network", network}, {"valid", valid}, {"strict", true}});
  }
  // A plugin that asks and is gone before it hears the answer.
  void ask_and_die(const char* path, const Json& body) const {
    const pid_t child = ::fork();
    if (child == 0) {
      static_cast<void>(call("POST", path, body));
      ::_exit(0);
    }
    ::waitpid(child, nullptr, 0);
  }
  std::string links() const { return sandbox.run("ip -brief link"); }
  std::string rows() const { return sandbox.vsctl("list-ports br-int"); }
};

}  // namespace

TEST_CASE("agent: GC goes on after an error and tells it") {
  Leftovers stage;
  stage.start_agent();
  const auto first = stage.added("c1", "web-0");
  const auto second = stage.added("c2", "web-1");
  stage.added("c3", "web-2");
  const std::string stubborn = first["host_interface"];
  // The first has a link that the kernel does not let go: it is its loopback.
  stage.sandbox.run("ip link del " + stubborn + " && ip link set lo down && ip link set lo name " + stubborn);
  const auto other = stage.gc(Json::array(), "other");
  CHECK(other.body["removed"].empty());
  const auto answer = stage.gc({"c3/eth0"});
  REQUIRE(answer.status == 200);
  CHECK(answer.body["removed"] == Json{"c2/eth0"});
  REQUIRE(answer.body["problems"].size() == 1);
  CHECK(answer.body["problems"][0].get<std::string>().find("c1/eth0: deleting link " + stubborn) == 0);
  CHECK(stage.links().find(second["host_interface"].get<std::string>()) == std::string::npos);
  CHECK(stage.rows().find(second["host_interface"].get<std::string>()) == std::string::npos);
  CHECK(stage.controller_ports() == 2);
  stage.sandbox.run("ip link set " + stubborn + " name lo");
  CHECK(stage.gc({"c3/eth0"}).body["removed"] == Json{"c1/eth0"});
  CHECK(stage.controller_ports() == 1);
  CHECK(stage.call("POST", "/v1/gc", {{"cni_network", "pods"}, {"strict", true}})
            .body["detail"]
            .get<std::string>()
            .find("valid") != std::string::npos);
}

TEST_CASE("agent: an ADD whose plugin died is taken back with all that it made") {
  Leftovers stage;
  stage.start_agent();
  stage.ask_and_die("/v1/attach", stage.request("c1", "web-0"));
  const auto row = [&] { return stage.call("GET", "/v1/ports").body["items"]; };
  SECTION("when it has an address alone") {}
  SECTION("when it has a link") {
    REQUIRE(row().size() == 1);
    const std::string name = row()[0]["interface"];
    stage.sandbox.run("ip link add " + name + " type veth peer name other0");
  }
  SECTION("when the agent dies too") {
    stage.kill_agent();
    stage.start_agent();
  }
  REQUIRE(eventually([&] { return stage.controller_ports() == 0; }));
  REQUIRE(eventually([&] { return row().empty() && stage.try_status()["ports"]["adds_in_flight"] == 0; }));
  CHECK(stage.links().find("other0") == std::string::npos);
}

TEST_CASE("agent: addresses of other main plugins have no port and last without one") {
  Leftovers stage;
  stage.start_agent();
  const std::string own = "/proc/" + std::to_string(::getpid()) + "/ns/net";
  Json request = stage.request("c1", "web-0");
  request["netns"] = own;
  const auto given = stage.call("POST", "/v1/attach-delegated", request);
  AgentStage::must(given);
  request["attachment"] = stage.attachment("c2");
  request["hostname"] = "web-1";
  request["netns"] = "/run/netns/there-is-none";
  AgentStage::must(stage.call("POST", "/v1/attach-delegated", request));
  CHECK(stage.call("GET", "/v1/ports").body["items"].empty());
  // Its namespace is not there: given back, by two passes. The other one stays, over a restart too.
  REQUIRE(eventually([&] { return stage.controller_ports() == 1; }, std::chrono::seconds(15)));
  stage.kill_agent();
  stage.start_agent();
  const Json check = {{"attachment", stage.attachment("c1")}, {"addresses", {given.body["allocation"]["address"]}}};
  CHECK(stage.call("POST", "/v1/check-delegated", check).body["problems"].empty());
  CHECK(
      stage
          .call("POST", "/v1/check-delegated", {{"attachment", stage.attachment("c1")}, {"addresses", {"10.9.9.9/24"}}})
          .body["problems"][0] == "the addresses are 10.9.9.9/24, and 10.0.0.2/24 was given");
  CHECK(stage.controller_ports() == 1);
  AgentStage::must(stage.detach("c1"));
  CHECK(stage.controller_ports() == 0);
  CHECK(stage.call("POST", "/v1/check-delegated", check).body["problems"].size() == 1);
}
