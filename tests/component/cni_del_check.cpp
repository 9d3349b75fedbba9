// DEL with everything there, and with each thing away; CHECK finding what was broken behind its back; STATUS, VERSION.
#include <catch2/catch.hpp>

#include "component/cni_stage.hpp"
#include "mooring/agent_api/deleted_note.hpp"

using namespace mooring;
using namespace mooring::tests;

namespace {

using Answer = FakeAgent::Answer;

Json added(CniStage& stage, Json& conf) {
  const auto outcome = stage.run("ADD", conf);
  REQUIRE(outcome.exit_code == 0);
  conf["prevResult"] = outcome.json();
  return conf["prevResult"];
}

}  // namespace

TEST_CASE("DEL removes everything and may come again and again") {
  CniStage stage;
  Json conf = stage.conf();
  added(stage, conf);
  for (int i = 0; i < 2; ++i) {
    const auto outcome = stage.run("DEL", conf);
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.output.empty());
    CHECK(outcome.log.empty());
    CHECK(stage.is_clean());
  }
  conf.erase("prevResult");
  CHECK(stage.run("DEL", conf, {{"CNI_NETNS", ""}}).exit_code == 0);
  CHECK(stage.agent.story() == "/v1/attach /v1/confirm /v1/detach /v1/detach /v1/detach");
  CHECK(stage.agent.calls().back().body["reason"] == "cni-del");
}

TEST_CASE("DEL retires the link for the agent to delete, and an ADD of the same attachment does not meet it") {
  CniStage stage;
  Json conf = stage.conf();
  added(stage, conf);
  const auto retired = [] {
    return CniStage::ovs().space().run("ip -o link show group 1836019570 | grep gone-mo | grep -v UP || true");
  };
  const std::string before = retired();
  CHECK(stage.run("DEL", conf).exit_code == 0);
  const std::string after = retired();
  CHECK(after.size() > before.size());
  CHECK(stage.container.run("ip -o link show | grep -c 'gone-mo.*state DOWN'") == "1\n");
  conf.erase("prevResult");
  CHECK(stage.run("ADD", conf).exit_code == 0);
  CHECK(stage.links_on_node() + stage.links_in_container() == 2);
  // Its far end must be ours: an interface that somebody else put there under that name stays as it is.
  stage.container.run(
      "ip link set eth0 down && ip link set eth0 name eth7 && ip link add eth0 type veth peer name other && ip link "
      "set eth0 up");
  CHECK(stage.run("DEL", conf).exit_code == 0);
  CHECK(stage.container.run("ip -o link show eth0").find("UP") != std::string::npos);
  CHECK(stage.links_on_node() == 0);
}

TEST_CASE("DEL of what was never added is fine") {
  CniStage stage;
  CHECK(stage.run("DEL", stage.conf(), {{"CNI_CONTAINERID", "never-added"}}).exit_code == 0);
}

TEST_CASE("DEL is done with anything away") {
  CniStage stage;
  Json conf = stage.conf();
  added(stage, conf);
  SECTION("the agent") {
    conf["agentSocket"] = stage.directory + "/no.sock";
    const auto outcome = stage.run("DEL", conf);
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.output.empty());
    CHECK(outcome.log.find("asking mooring-agent") != std::string::npos);
    CHECK(stage.is_clean());
  }
  SECTION("an agent that hangs") {
    stage.agent.reply("/v1/detach", [](const Json&) { return Answer{200, "", true, false, {}}; });
    conf["timeoutSeconds"] = 2;
    CHECK(stage.run("DEL", conf).exit_code == 0);
    CHECK(stage.is_clean());
  }
  SECTION("Open vSwitch") {
    conf["ovsdb"] = "unix:" + stage.directory + "/no.sock";
    CHECK(stage.run("DEL", conf).exit_code == 0);
    CHECK(stage.links_on_node() + stage.links_in_container() == 0);
  }
  SECTION("the OVS port") {
    CniStage::ovs().vsctl("del-port " + stage.host_interface);
    CHECK(stage.run("DEL", conf).exit_code == 0);
    CHECK(stage.is_clean());
  }
  SECTION("the link") {
    CniStage::ovs().space().run("ip link del " + stage.host_interface);
    CHECK(stage.run("DEL", conf).exit_code == 0);
    CHECK(stage.is_clean());
  }
  SECTION("the namespace") {
    CHECK(stage.run("DEL", conf, {{"CNI_NETNS", "/run/netns/gone"}}).exit_code == 0);
    CHECK(stage.links_on_node() + stage.ovs_ports() == 0);
  }
}

TEST_CASE("DEL leaves a note for an agent that is away") {
  CniStage stage;
  Json conf = stage.conf();
  const std::string state = conf["agentState"];
  const std::string note = agent_api::notes_folder(state) + "/" + agent_api::note_name(stage.attachment);
  const auto noted = [&] { return agent_api::read_note(stage.text_of(note)).value(); };
  SECTION("that is told") {
    added(stage, conf);
    CHECK(stage.run("DEL", conf).exit_code == 0);
    CHECK_FALSE(std::filesystem::exists(note));
  }
  SECTION("that is not there") {
    added(stage, conf);
    conf["agentSocket"] = stage.directory + "/no.sock";
    const auto outcome = stage.run("DEL", conf);
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.log.find("a note in " + state + " tells the agent") != std::string::npos);
    CHECK(noted() == agent_api::DeletedNote{stage.attachment, "cni-del"});
    CHECK(stage.run("DEL", conf).exit_code == 0);  // again: the same note
    CHECK(noted().reason == "cni-del");
    CHECK(std::distance(std::filesystem::directory_iterator(agent_api::notes_folder(state)), {}) == 1);
  }
  SECTION("that dies in the middle of an ADD") {
    stage.agent.reply("/v1/confirm", [](const Json&) { return Answer{200, "", false, true, {}}; });
    stage.agent.reply("/v1/detach", [](const Json&) { return Answer{200, "", false, true, {}}; });
    CHECK(stage.run("ADD", conf).json()["code"] == 11);
    CHECK(noted() == agent_api::DeletedNote{stage.attachment, "cni-add-failed"});
  }
  SECTION("that never was") {
    added(stage, conf);
    conf["agentSocket"] = stage.directory + "/no.sock";
    conf["agentState"] = stage.directory + "/nowhere";
    const auto outcome = stage.run("DEL", conf);
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.log.find("agentState in the network configuration") != std::string::npos);
  }
  CHECK(stage.is_clean());
}

TEST_CASE("DEL does not stumble over wishes that only ADD needs") {
  CniStage stage;
  Json conf = stage.conf();
  added(stage, conf);
  conf["pool"] = "No Pool";
  conf["runtimeConfig"] = {{"mac", 7}};
  CHECK(stage.run("DEL", conf, {{"CNI_ARGS", "nonsense"}}).exit_code == 0);
  CHECK(stage.is_clean());
}

TEST_CASE("DEL fails only if the agent says that calling again can help, and cleans up all the same") {
  CniStage stage;
  Json conf = stage.conf();
  added(stage, conf);
  stage.agent.fail("/v1/detach", Error(Errc::storage, "writing the journal: no space left on device"));
  const auto outcome = stage.run("DEL", conf);
  CHECK(outcome.exit_code == 1);
  CHECK(outcome.json()["code"] == 110);
  CHECK(stage.is_clean());
  stage.agent.fail("/v1/detach", Error(Errc::not_found, "no such attachment"));
  CHECK(stage.run("DEL", conf).exit_code == 0);
}

TEST_CASE("CHECK is content with what ADD made") {
  CniStage stage;
  const std::string version = GENERATE("0.4.0", "1.0.0", "1.1.0");
  Json conf = stage.conf(version);
  added(stage, conf);
  const auto outcome = stage.run("CHECK", conf);
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.output.empty());
  const Json asked = stage.agent.calls().back().body;
  CHECK(asked["address"] == "10.0.0.5/24");
  CHECK(asked["mac"] == "0a:58:0a:00:00:05");
}

TEST_CASE("CHECK names everything that is not as it was") {
  CniStage stage;
  Json conf = stage.conf();
  added(stage, conf);
  std::string expected;
  SECTION("address") {
    stage.container.run("ip addr del 10.0.0.5/24 dev eth0; ip addr add 10.0.0.6/24 dev eth0");
    expected =
        "eth0 does not have the address 10.0.0.5/24; the route to 0.0.0.0/0 via 10.0.0.1 is missing; "
        "the route to 192.168.0.0/16 via 10.0.0.1 is missing";
  }
  SECTION("MAC") {
    stage.container.run("ip link set eth0 address 0a:58:0a:00:00:06");
    expected = "the MAC of eth0 is 0a:58:0a:00:00:06, not 0a:58:0a:00:00:05";
  }
  SECTION("container end") {
    stage.container.run("ip link set eth0 name eth7");
    expected = "the container has no interface eth0";
  }
  SECTION("host end") {
    CniStage::ovs().space().run("ip link set " + stage.host_interface + " down");
    expected = "the host end " + stage.host_interface + " is down";
  }
  SECTION("OVS port") {
    CniStage::ovs().vsctl("del-port " + stage.host_interface);
    expected = "Open vSwitch has no port " + stage.host_interface;
  }
  SECTION("flows and record, by the agent") {
    stage.agent.reply("/v1/check", [](const Json&) {
      return Answer{200, R"({"problems":["the port is shut: superseded"]})", false, false, {}};
    });
    expected = "the port is shut: superseded";
  }
  const auto outcome = stage.run("CHECK", conf);
  const Json error = outcome.json();
  CHECK(outcome.exit_code == 1);
  CHECK(error["code"] == 111);
  CHECK(error["msg"].get<std::string>().find(expected) != std::string::npos);
}

TEST_CASE("CHECK refuses what it cannot check") {
  CniStage stage;
  CHECK(stage.run("CHECK", stage.conf()).json()["code"] == 7);
  Json old = stage.conf("0.3.1");
  added(stage, old);
  CHECK(stage.run("CHECK", old).json()["code"] == 1);
}

TEST_CASE("STATUS asks the agent") {
  CniStage stage;
  Json conf = stage.conf("1.1.0");
  conf["pool"] = "web";
  const auto answer_with = [&](const char* answer) {
    stage.agent.reply("/v1/ready", [answer](const Json&) { return Answer{200, answer, false, false, {}}; });
  };
  answer_with(R"({"ready":true})");
  CHECK(stage.run("STATUS", conf).exit_code == 0);
  CHECK(stage.agent.calls().back().body == Json::parse(R"({"namespace":"default","configured":{"pools":["web"]}})"));
  answer_with(R"({"ready":false,"reasons":["no address","no controller"]})");
  const Json error = stage.run("STATUS", conf).json();
  CHECK(error["code"] == 50);
  CHECK(error["msg"] == "an ADD cannot be served: no address; no controller");  // each says its own way out
  answer_with(R"({"ready":false,"limited":true,"reasons":["no bridges"]})");
  CHECK(stage.run("STATUS", conf).json()["code"] == 51);
  conf["agentSocket"] = stage.directory + "/no.sock";
  CHECK(stage.run("STATUS", conf).json()["code"] == 50);
}

TEST_CASE("VERSION needs nothing and touches nothing") {
  CniStage stage;
  const auto outcome = stage.run_with_input("VERSION", R"({"cniVersion":"1.0.0"})",
                                            {{"CNI_CONTAINERID", ""}, {"CNI_IFNAME", "dummy"}, {"CNI_NETNS", "dummy"}});
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.json()["cniVersion"] == "1.0.0");
  CHECK(outcome.json()["supportedVersions"].size() == 7);
  CHECK(stage.run_with_input("VERSION", "").exit_code == 0);
  CHECK(stage.agent.calls().empty());
}

TEST_CASE("commands that this version does not have are errors, not silence") {
  CniStage stage;
  CHECK(stage.run("GC", stage.conf("1.0.0")).json()["code"] == 1);
  CHECK(stage.run("STATUS", stage.conf("0.4.0")).json()["code"] == 1);
  CHECK(stage.run("DESTROY", stage.conf()).json()["code"] == 4);
}
