// Today's plugin beside the agent of the release before: it understands that agent's answers, and says nothing that the
// agent would refuse (an agent refuses fields that it does not know).
#include <catch2/catch.hpp>

#include "component/cni_stage.hpp"
#include "support/recorded_protocol.hpp"

using namespace mooring;
using namespace mooring::tests;

namespace {

// The first call of each path that went well.
std::map<std::string, RecordedCall> good_calls() {
  std::map<std::string, RecordedCall> calls;
  for (RecordedCall& call : recorded_calls("agent-protocol-0.1")) {
    if (call.status == 200) {
      calls.emplace(call.path, std::move(call));
    }
  }
  return calls;
}

}  // namespace

TEST_CASE("cni: the agent of the release before is understood, and understands") {
  CniStage stage;
  const auto calls = good_calls();
  for (const auto& [path, call] : calls) {
    Json answer = call.answer;
    if (path == "/v1/attach") {  // what is this node's and this attachment's own
      for (const char* key : {"host_interface", "ovsdb", "external_ids"}) {
        answer[key] = to_json(stage.attach_answer())[key];
      }
    }
    stage.agent.reply(path, [body = answer.dump()](const Json&) {
      return FakeAgent::Answer{200, body, false, false, {}};
    });
  }
  const auto must = [](const PluginOutcome& outcome) {
    CAPTURE(outcome.output, outcome.log);
    REQUIRE(outcome.exit_code == 0);
  };
  const Json conf = stage.conf("1.1.0");
  const auto added = stage.run("ADD", conf,
                               {{"CNI_ARGS",
                                 "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=db-0;K8S_POD_UID=u-1;"
                                 "IgnoreUnknown=1"}});
  must(added);
  const Json& allocation = calls.at("/v1/attach").answer["allocation"];
  CHECK(added.json()["ips"][0]["address"] == allocation["address"]);
  CHECK(stage.container.run("ip -o link show eth0").find("mtu " + allocation["mtu_bytes"].dump()) != std::string::npos);
  Json again = conf;
  again["prevResult"] = added.json();
  must(stage.run("CHECK", again));
  Json valid = conf;
  valid["cni.dev/valid-attachments"] = Json::array({{{"containerID", "x"}, {"ifname", "eth0"}}});
  must(stage.run("GC", valid));
  must(stage.run("STATUS", conf));
  must(stage.run("DEL", again));
  CHECK(stage.is_clean());
  std::set<std::string> asked;
  for (const auto& [path, body] : stage.agent.calls()) {
    INFO(path);
    asked.insert(path);
    REQUIRE(calls.contains(path));
    // Of wishes there are more than a recording has; all else the agent must know.
    for (const auto& [key, value] : body.items()) {
      INFO(key);
      CHECK(calls.at(path).request.contains(key));
    }
  }
  CHECK(asked == std::set<std::string>{"/v1/attach", "/v1/check", "/v1/confirm", "/v1/detach", "/v1/gc", "/v1/ready"});
}
