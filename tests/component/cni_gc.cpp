// GC by the real program: what it asks the agent for, and how it tells what the agent answers.
#include <catch2/catch.hpp>

#include "component/cni_stage.hpp"
#include "mooring/agent_api/garbage.hpp"

using namespace mooring;
using namespace mooring::tests;

namespace {

using Answer = FakeAgent::Answer;

void answer_with(CniStage& stage, const agent_api::GcAnswer& answer) {
  stage.agent.reply("/v1/gc", [=](const Json&) {
    return Answer{200, agent_api::to_json(answer).dump(), false, false, {}};
  });
}

Json conf_with(const CniStage& stage, const Json& valid) {
  Json conf = stage.conf("1.1.0");
  conf["cni.dev/valid-attachments"] = valid;
  return conf;
}

}  // namespace

TEST_CASE("GC names its network and what is still valid, in any spelling") {
  CniStage stage;
  answer_with(stage, {{{"c3", "eth0"}}, {{"c4", "eth0"}}, {{"c5", "eth0"}}, {}});
  Json conf =
      conf_with(stage, Json::parse(R"([{"containerID":"c1","ifname":"eth0"},{"ContainerID":"c2","IfName":"net1"}])"));
  const auto outcome = stage.run("GC", conf, {{"CNI_CONTAINERID", ""}, {"CNI_IFNAME", ""}, {"CNI_NETNS", ""}});
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.output.empty());
  CHECK(outcome.log.find("c3/eth0 is removed") != std::string::npos);
  CHECK(outcome.log.find("c4/eth0 stays") != std::string::npos);
  const agent_api::GcRequest asked{"pods", {{"c1", "eth0"}, {"c2", "net1"}}, false};
  CHECK(agent_api::gc_request_from(stage.agent.calls().at(0).body).value() == asked);

  conf["gc"] = "strict";
  conf["cni.dev/valid-attachments"] = nullptr;  // Go's empty list
  CHECK(stage.run("GC", conf).exit_code == 0);
  const agent_api::GcRequest all{"pods", {}, true};
  CHECK(agent_api::gc_request_from(stage.agent.calls().at(1).body).value() == all);
  conf["cni.dev/attachments"] = conf["cni.dev/valid-attachments"];  // the older key
  conf.erase("cni.dev/valid-attachments");
  CHECK(stage.run("GC", conf).exit_code == 0);
}

TEST_CASE("GC tells everything that could not be removed") {
  CniStage stage;
  answer_with(stage, {{{"c1", "eth0"}}, {}, {}, {"c2/eth0: OVSDB is away", "c3/eth0: the disk is full"}});
  const auto outcome = stage.run("GC", conf_with(stage, Json::array()));
  CHECK(outcome.exit_code == 1);
  const Json error = outcome.json();
  CHECK(error["code"] == 11);
  CHECK(error["msg"] == "GC: c2/eth0: OVSDB is away; c3/eth0: the disk is full (call GC again)");
  CHECK(outcome.log.find("c1/eth0 is removed") != std::string::npos);
}

TEST_CASE("GC without a list that can be read removes nothing") {
  CniStage stage;
  answer_with(stage, {});
  const char* valid = GENERATE("7", "\"all\"", "{}", "[7]", "[{}]", R"([{"containerID":"c1"}])",
                               R"([{"containerID":"../c1","ifname":"eth0"}])");
  CAPTURE(valid);
  CHECK(stage.run("GC", conf_with(stage, Json::parse(valid))).json()["code"] == 7);
  CHECK(stage.run("GC", stage.conf("1.1.0")).json()["code"] == 7);
  CHECK(stage.agent.calls().empty());
}
