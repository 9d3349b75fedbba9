// The plugin of the release before asks today's agent: it is answered, with everything that it reads.
#include <catch2/catch.hpp>

#include "agent_stage.hpp"
#include "support/recorded_protocol.hpp"

using namespace mooring;
using namespace mooring::tests;

TEST_CASE("agent: requests of the release before are answered as they were") {
  AgentStage stage;
  stage.start_agent();
  Json attached;  // the last answer of attach: what only it knows is put into what follows
  for (const RecordedCall& call : recorded_calls("agent-protocol-0.1")) {
    INFO(call.name);
    Json request = call.request;
    if (call.path == "/v1/confirm") {
      stage.make_port(attached);
      request["generation"] = attached["allocation"]["generation"];
    } else if (call.path == "/v1/check") {
      request["address"] = attached["allocation"]["address"];
      request["mac"] = attached["allocation"]["mac"];
    } else if (call.path == "/v1/check-delegated") {
      request["addresses"] = Json::array({attached["allocation"]["address"]});
    }
    const auto answer = stage.call(call.method, call.path, request);
    INFO(answer.response.body);
    CHECK(answer.status == call.status);
    CHECK(missing_from(answer.body, call.answer) == std::vector<std::string>{});
    if (call.path.starts_with("/v1/attach") && answer.status == 200) {
      attached = answer.body;
    }
  }
  CHECK_FALSE(attached.is_null());
}
