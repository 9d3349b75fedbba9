// mooringctl events, against a real controller.
#include <future>

#include <catch2/catch.hpp>

#include "support/controller_process.hpp"
#include "support/ctl_run.hpp"

using namespace mooring;
using namespace mooring::tests;
using Catch::Contains;

TEST_CASE("ctl events: the newest as a table or as JSON, filtered, and what is wrong with a filter") {
  ControllerProcess controller;
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  const CtlOutcome table = run_ctl(controller, {"events"});
  CHECK(table.status == 0);
  CHECK_THAT(table.out, Catch::StartsWith("AT                     SEVERITY   TYPE                   TEXT\n") &&
                            Contains("info       controller.started     mooring-controller ") &&
                            Contains("info       node.registered        node h1 registered"));
  CHECK_THAT(run_ctl(controller, {"events", "--type", "node.*", "--subject", "node/h1"}).out,
             Contains("node h1 registered") && !Contains("started"));
  const CtlOutcome json = run_ctl(controller, {"events", "--after", "1", "-o", "json"});
  CHECK(Json::parse(json.out).at("items").size() == 1);
  const CtlOutcome wrong = run_ctl(controller, {"events", "--type", "pools"});
  CHECK(wrong.status == 2);
  CHECK_THAT(wrong.err, Contains("'pools'") && Contains("pool.*"));
  CHECK(run_ctl(controller, {"events", "--limit", "0"}).status == 2);
}

TEST_CASE("ctl events -w: goes on with what happens, until the controller ends") {
  ControllerProcess controller;
  controller.start();
  auto watching = std::async(std::launch::async, [&] {
    return run_ctl(controller, {"--timeout", "2", "events", "-w", "--type", "node.*", "-o", "json"});
  });
  auto client = controller.client();
  make_small_world(client);
  const Json node = {{"machine_id", "m2"}, {"vtep", "172.31.0.2"}};
  CHECK(ask(client, "PUT", "/v1/nodes/h2", node).status == 200);
  // Its long polls are answered before the controller has ended.
  CHECK(eventually([&] {
    return ask(client, "GET", "/metrics").response.body.find("route=\"/v1/events\",status=\"200\"} 3") !=
           std::string::npos;
  }));
  CHECK(controller.terminate() == 0);
  const CtlOutcome watched = watching.get();
  CHECK(watched.status == 1);
  CHECK_THAT(watched.out, Contains("\"subject\":\"node/h1\"") && Contains("\"subject\":\"node/h2\""));
}
