// mooringctl plan and explain against the real controller: tables, exit codes, and nothing changed unless asked.

#include <catch2/catch.hpp>

#include "support/catch_result.hpp"
#include "support/controller_process.hpp"
#include "support/ctl_run.hpp"

using namespace mooring::tests;
using Catch::Contains;
using mooring::ipam_api::Json;

namespace {

class Stage {
 public:
  Stage() {
    controller.start();
    client.emplace(controller.client());
    make_small_world(*client);
    must("POST", "/v1/subnets", {{"name", "s2"}, {"vni", 101}, {"cidr", "10.0.1.0/24"}});
    must("POST", "/v1/pools",
         {{"name", "redis"}, {"subnet", "s2"}, {"ranges", {"10.0.1.10-10.0.1.13"}}, {"kind", "stateful"}});
    must("POST", "/v1/rules",
         {{"name", "redis"}, {"selector", {{"hostnames", {"redis-*"}}}}, {"wishes", {{"pools", {"redis"}}}}});
  }
  Json must(const std::string& method, const std::string& target, const Json& body) {
    const JsonAnswer answer = ask(*client, method, target, body);
    INFO(target << ": " << answer.response.body);
    REQUIRE(answer.status < 300);
    return answer.body;
  }
  CtlOutcome ctl(std::vector<std::string> arguments) { return run_ctl(controller, std::move(arguments)); }
  std::uint64_t revision() { return ask(*client, "GET", "/v1/version").body["revision"].get<std::uint64_t>(); }

  ControllerProcess controller;
  std::optional<mooring::http::BlockingClient> client;
};

}  // namespace

TEST_CASE("plan: a statefulset is planned, reserved, and then gets what was planned") {
  Stage stage;
  const auto before = stage.revision();
  const CtlOutcome planned = stage.ctl({"plan", "statefulset", "redis", "--replicas", "2", "-n", "db"});
  CHECK(planned.err.empty());
  CHECK(planned.status == 0);
  CHECK(planned.out ==
        "POD          ADDRESS     POOL    KIND       PLAN   WHY\n"
        "db/redis-0   10.0.1.10   redis   stateful   new    rule redis\n"
        "db/redis-1   10.0.1.11   redis   stateful   new    rule redis\n"
        "statefulset db/redis with 2 replicas: fits: 2 new\n"
        "pool redis (IPv4): 4 of 4 free now, 2 then\n");
  const CtlOutcome too_many = stage.ctl({"plan", "statefulset", "redis", "--replicas", "5", "-n", "db", "--reserve"});
  CHECK(too_many.status == 2);
  CHECK_THAT(too_many.out, Contains("refused   pool redis: 0 of 4 free"));
  CHECK_THAT(too_many.out, Contains("does not fit: 4 new, 1 refused\n"));
  CHECK_THAT(too_many.out, Contains("nothing was reserved\n"));
  CHECK(stage.ctl({"plan", "statefulset", "redis", "--replicas", "2", "-n", "db", "--reserve", "--dry-run"}).status ==
        0);
  CHECK(stage.revision() == before);

  const CtlOutcome reserved = stage.ctl(
      {"plan", "statefulset", "redis", "--replicas", "2", "-n", "db", "--reserve", "--reason", "ticket 4711"});
  CHECK(reserved.status == 0);
  CHECK_THAT(reserved.out, Contains("reserved: 2 bindings made\n"));
  CHECK(stage.revision() == before + 1);  // both at once
  // Durable, with who and why.
  stage.controller.kill_now();
  stage.controller.start();
  const Json binding = ask(*stage.client, "GET", "/v1/bindings/default/db/redis-1/0").body;
  CHECK(binding["address"] == "10.0.1.11");
  CHECK(binding["origin"] == "plan");
  CHECK(ask(*stage.client, "GET", "/v1/audit?subject=db/redis-1").body["items"][0]["reason"] == "ticket 4711");

  const CtlOutcome explained = stage.ctl({"explain", "db/redis-1"});
  CHECK(explained.status == 0);
  CHECK_THAT(explained.out, Contains("db/redis-1 is bound to 10.0.1.11 (stateful, WithWorkload, pool redis"));
  CHECK_THAT(explained.out, Contains("and not live\n"));
  CHECK_THAT(explained.out, Contains("it gets 10.0.1.11/24 (stateful, pool redis"));
  CHECK_THAT(stage.ctl({"explain", "db/nobody"}).err, Contains("is not bound, not live and was not refused lately"));

  Json pod = allocate_body("c1", "redis-1");
  pod["namespace"] = "db";
  CHECK(stage.must("POST", "/v1/ports:allocate", pod)["address"] == "10.0.1.11/24");
  const CtlOutcome again = stage.ctl({"plan", "scale", "redis", "--replicas", "3", "-n", "db", "-o", "json"});
  const Json document = Json::parse(again.out);
  CHECK(again.status == 0);
  CHECK(document["items"][0]["outcome"] == "bound");
  CHECK(document["items"][1]["outcome"] == "live");
  CHECK(document["items"][2]["outcome"] == "new");
  CHECK_THAT(stage.ctl({"plan", "scale", "redis", "--replicas", "3", "-n", "db", "-o", "wide"}).out, Contains("MAC"));
}

TEST_CASE("plan: a node, a pool: 0 it fits, 2 it does not, 1 anything else") {
  Stage stage;
  stage.must("PUT", "/v1/nodes/h2", {{"machine_id", "m2"}, {"vtep", "172.31.0.2"}});
  stage.must("POST", "/v1/ports:allocate", allocate_body("c1", "web-0"));
  stage.must("POST", "/v1/bindings", {{"namespace", "db"}, {"hostname", "redis-0"}, {"pool", "redis"}});
  const auto before = stage.revision();
  const CtlOutcome drained = stage.ctl({"plan", "node", "drain", "h1"});
  CHECK(drained.status == 0);
  CHECK_THAT(drained.out, Contains("node h1 drained: fits: 1"));
  CHECK_THAT(drained.out, Contains("note: no other node is live: counted on h2 all the same"));
  CHECK(stage.ctl({"plan", "node", "drain", "h1", "--to", "h1"}).status == 1);

  const CtlOutcome gone = stage.ctl({"plan", "pool", "delete", "redis"});
  CHECK(gone.status == 2);
  CHECK_THAT(gone.out, Contains("db/redis-0   10.0.1.10   -      redis   static   refused   10.0.1.10 is bound to it"));
  CHECK_THAT(gone.out, Contains("note: rule redis names the pool: it is taken out of it first\n"));
  CHECK_THAT(gone.out, Contains("at this moment: deleting pool redis: in use by rule redis\n"));
  CHECK_THAT(gone.out, Contains("way out: "));
  CHECK(stage.ctl({"plan", "pool", "shrink", "p1", "--ranges", "10.0.0.128/25"}).status == 0);
  CHECK(stage.ctl({"plan", "pool", "shrink", "p1", "--exclude", "10.0.0.2-10.0.0.254"}).status ==
        1);  // nothing is left
  CHECK(stage.ctl({"plan", "pool", "shrink", "redis", "--ranges", "10.0.1.11"}).status == 2);
  CHECK(stage.revision() == before);

  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"plan", "pool", "delete", "nope"},
                                                {"plan", "nothing"},
                                                {"plan", "scale", "web"},
                                                {"plan", "statefulset", "redis", "--replicas", "5000", "-n", "db"},
                                                {"plan", "pool", "shrink", "p1", "--ranges", "10.0.0.9-x"},
                                                {"plan", "pool", "shrink", "p1"}}) {
    const CtlOutcome refused = stage.ctl(wrong);
    CAPTURE(wrong);
    CHECK(refused.status == 1);
    CHECK_THAT(refused.err, Contains("error: "));
    CHECK(refused.out.empty());
  }
  stage.controller.kill_now();
  CHECK(stage.ctl({"plan", "node", "drain", "h1"}).status == 1);
}
