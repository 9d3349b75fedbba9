// mooringctl with the real controller: every kind of object is made, shown, filtered, changed and deleted.
#include <fstream>

#include <catch2/catch.hpp>

#include "support/controller_process.hpp"
#include "support/ctl_run.hpp"

using namespace mooring;
using namespace mooring::tests;
using Catch::Contains;

namespace {

class Stage {
 public:
  Stage() { controller_.start(); }
  CtlOutcome ctl(std::vector<std::string> arguments) { return run_ctl(controller_, std::move(arguments)); }
  // What must work.
  std::string must(std::vector<std::string> arguments) {
    CtlOutcome got = ctl(std::move(arguments));
    INFO(got.out << got.err);
    REQUIRE(got.status == 0);
    return got.out;
  }
  Json object(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"-o", "json"});
    return Json::parse(must(std::move(arguments)));
  }
  http::BlockingClient client() const { return controller_.client(); }
  const TemporaryFolder& folder() const { return controller_.folder(); }

  // A dual-stack subnet, a pool of both families, a node.
  void world() {
    must({"create", "subnet", "pods", "--vni", "100", "--cidr", "10.100.0.0/16", "--cidr6", "fd00:100::/64"});
    must({"create", "pool", "pods", "--subnet", "pods", "--range", "10.100.0.10-10.100.0.99", "--range",
          "fd00:100::10-fd00:100::99"});
    auto asking = client();
    REQUIRE(ask(asking, "PUT", "/v1/nodes/h1",
                {{"machine_id", "m1"}, {"vtep", "172.31.0.1"}, {"zone", "z1"}, {"labels", {{"rack", "7"}}}})
                .status == 200);
  }
  void pod(const std::string& container, const std::string& hostname) {
    auto asking = client();
    REQUIRE(ask(asking, "POST", "/v1/ports:allocate", allocate_body(container, hostname)).status == 200);
  }

 private:
  ControllerProcess controller_;
};

}  // namespace

TEST_CASE("objects: each kind is created with its flags, shown, and deleted") {
  Stage stage;
  stage.world();
  CHECK_THAT(stage.must({"get", "subnets"}), Contains("10.100.0.0/16,fd00:100::/64"));

  CHECK_THAT(stage.must({"create",        "pool",        "web",      "--subnet",    "pods",    "--range",
                         "10.100.1.0/24", "--kind",      "stateful", "--strategy",  "lowest",  "--cooldown",
                         "90s",           "--quota",     "10",       "--quota",     "shop=20", "--for-namespace",
                         "shop,prod",     "--for-label", "tier=web", "--allow",     "shop/*",  "--deny",
                         "shop/x-*",      "--fallback",  "pods",     "--retention", "TTL 7d"}),
             Contains("pool web created"));
  const Json pool = stage.object({"get", "pool", "web"});
  CHECK(pool["strategy"] == "lowest");
  CHECK(pool["cooldown_seconds"] == 90);
  CHECK(pool["namespace_quota"] == 10);
  CHECK(pool["quotas"] == Json{{"shop", 20}});
  CHECK(pool["selector"] == Json{{"namespaces", {"shop", "prod"}}, {"labels", {{"tier", "web"}}}});
  CHECK(pool["allow"] == Json{"shop/*"});
  CHECK(pool["deny"] == Json{"shop/x-*"});
  CHECK(pool["fallback"] == Json{"pods"});
  CHECK(pool["retention"] == "TTL 7d");
  CHECK_THAT(stage.must({"describe", "pool", "web"}), Contains("Cool-down:   90s") && Contains("Bindings: none"));

  stage.must({"create", "reservation", "printer", "--subnet", "pods", "--range", "10.100.0.20", "--note", "3rd floor"});
  CHECK(stage.object({"get", "reservation", "printer"})["note"] == "3rd floor");
  CHECK(stage.object({"get", "pool", "pods"})["reserved"] == 1);

  stage.must({"create", "rule", "web", "--order", "7", "--for-hostname", "web-*", "--pool", "web", "--kind", "stateful",
              "--label", "a=b", "--takeover", "no"});
  const Json rule = stage.object({"get", "rule", "web"});
  CHECK(rule["order"] == 7);
  CHECK(rule["wishes"] == Json{{"kind", "stateful"}, {"pools", {"web"}}, {"labels", {{"a", "b"}}}});
  CHECK(rule["takeover"] == false);

  stage.must({"create", "binding", "prod/db-0", "--address", "10.100.0.30", "--address6", "fd00:100::30", "--retention",
              "WithWorkload", "--workload", "db", "--label", "tier=db", "--note", "first"});
  const Json binding = stage.object({"get", "binding", "prod/db-0"});
  CHECK(binding["address6"] == "fd00:100::30");
  CHECK(binding["retention"] == "WithWorkload");
  CHECK(binding["workload"] == "db");
  CHECK(binding["note"] == "first");

  stage.must({"create", "extra-address", "10.100.0.40", "-n", "shop", "--hostname", "lb-*", "--note", "vip"});
  stage.must({"create", "extra-address", "fd00:100::40", "-n", "shop", "--hostname", "lb-*"});
  CHECK(stage.object({"get", "extra-address", "default/fd00:100::40"})["hostnames"] == Json{"lb-*"});

  std::ofstream(stage.folder().path("secret")) << "0123456789abcdef01234567\n";
  stage.must({"create", "webhook", "pager", "--url", "http://127.0.0.1:9/x", "--event", "pool.*", "--secret-file",
              stage.folder().path("secret"), "--disabled"});
  CHECK(stage.object({"get", "webhook", "pager"})["signed"] == true);

  const Json block = stage.object({"block", "lease", "h1", "--pool", "pods", "--count", "5", "--use", "1d"});
  CHECK(block["use_seconds"] == 86400);
  CHECK_THAT(stage.must({"describe", "node", "h1"}), Contains("rack=7") && Contains(block["id"].get<std::string>()));
  CHECK_THAT(stage.must({"block", "delete", block["id"]}), Contains("asked back from its node"));
  CHECK(stage.object({"get", "block", block["id"]})["returning"] == true);

  stage.must({"create", "list", "web", "--for-hostname", "web-*"});
  CHECK_THAT(stage.must({"create", "access-rule", "office", "--order", "10", "--action", "allow", "--direction",
                         "from-physical", "--physical", "192.0.2.0/24,198.51.100.7/32", "--list", "web", "--protocol",
                         "tcp", "--port", "443,8000-8999", "--note", "n"}),
             Contains("order 10") && Contains("allow"));
  CHECK(stage.object({"get", "access-rule", "office"})["ports"] == Json{"443", "8000-8999"});
  CHECK_THAT(stage.must({"describe", "access-rule", "office"}), Contains("Gateways: none"));
  CHECK_THAT(stage.ctl({"delete", "list", "web"}).err, Contains("access rule office"));

  stage.must({"create", "subnet", "vips", "--vni", "77", "--cidr", "10.77.0.0/24"});
  CHECK_THAT(stage.must({"create", "vip", "shop", "--address", "10.77.0.80", "--port", "tcp:80:8080", "--for-hostname",
                         "web-*", "--check", "http"}),
             Contains("vip shop created") && Contains("tcp:80:8080"));
  CHECK_THAT(stage.must({"describe", "vip", "shop"}), Contains("Healthy:   0/0") && Contains("Back ends: none"));

  for (const char* collection :
       {"networks", "subnets", "pools", "reservations", "rules", "bindings", "ports", "extra-addresses", "blocks",
        "nodes", "gateways", "webhooks", "lists", "access-rules", "vips"}) {
    INFO(collection);
    CHECK(stage.ctl({"get", collection, "-o", "wide"}).status == 0);
  }
  for (const auto& [kind, name] :
       {std::pair("access-rule", "office"), std::pair("list", "web"), std::pair("webhook", "pager"),
        std::pair("extra-address", "10.100.0.40"), std::pair("extra-address", "default/fd00:100::40"),
        std::pair("binding", "prod/db-0"), std::pair("rule", "web"), std::pair("reservation", "printer"),
        std::pair("pool", "web")}) {
    CHECK(stage.must({"delete", kind, name}) == std::string(kind) + " " + name + " deleted\n");
  }
}

TEST_CASE("objects: a dry run changes nothing; a reason and a revision go along") {
  Stage stage;
  stage.world();
  CHECK_THAT(stage.must({"--dry-run", "create", "binding", "prod/db-0"}), Contains("created (dry run)"));
  CHECK(stage.ctl({"get", "binding", "prod/db-0"}).status == 1);
  stage.must({"create", "binding", "prod/db-0", "--reason", "ticket 4711"});
  CHECK_THAT(stage.must({"delete", "binding", "prod/db-0", "--dry-run"}), Contains("deleted (dry run)"));
  CHECK(stage.ctl({"create", "binding", "prod/db-0", "--dry-run"}).status == 1);
  const std::string revision = stage.object({"get", "binding", "prod/db-0"})["revision"].dump();
  CHECK_THAT(stage.must({"label", "binding", "prod/db-0", "tier=db", "old=1"}), Contains("old=1 tier=db"));
  const CtlOutcome late = stage.ctl({"delete", "binding", "prod/db-0", "--if-match", revision});
  CHECK(late.status == 1);
  CHECK_THAT(late.err, Contains("If-Match"));
  CHECK_THAT(stage.must({"label", "binding", "prod/db-0", "old-"}), Contains("labels tier=db"));
  CHECK(stage.object({"get", "binding", "prod/db-0"})["labels"] == Json{{"tier", "db"}});
}

TEST_CASE("objects: filters, several names of which one is bad, workloads, moves") {
  Stage stage;
  stage.world();
  for (const char* name : {"shop/redis-0", "shop/redis-1", "shop/web-0"}) {
    stage.must({"create", "binding", name, "--retention", "WithWorkload", "--label", "app=shop,tier=cache"});
  }
  CHECK(stage.object({"get", "bindings", "--hostname", "redis-*"})["items"].size() == 2);
  CHECK(stage.object({"get", "bindings", "--label", "app=shop", "--label", "tier=cache"})["items"].size() == 3);
  CHECK(stage.object({"get", "bindings", "--label", "app=shop", "--label", "tier=db"})["items"].empty());
  CHECK(stage.object({"get", "bindings", "--pool", "pods", "--subnet", "pods"})["items"].size() == 3);

  const CtlOutcome some = stage.ctl({"get", "binding", "shop/none", "shop/web-0"});
  CHECK(some.status == 1);
  CHECK_THAT(some.out, Contains("web-0"));
  CHECK_THAT(some.err, Contains("shop/none"));
  const CtlOutcome deleted = stage.ctl({"delete", "binding", "shop/none", "shop/web-0"});
  CHECK(deleted.status == 1);
  CHECK(deleted.out == "binding shop/web-0 deleted\n");

  CHECK(stage.must({"workload", "delete", "shop/redis"}) == "workload shop/redis deleted: bindings ended 2\n");
  CHECK(stage.object({"get", "bindings"})["items"].empty());

  stage.pod("c1", "lb-0");
  stage.must({"create", "extra-address", "fd00:100::40", "-n", "shop", "--hostname", "lb-*"});
  CHECK_THAT(stage.must({"extra-address", "move", "fd00:100::40", "--to", "shop/lb-0"}),
             Contains("moved to shop/lb-0"));
  CHECK(stage.object({"get", "ea", "fd00:100::40"})["node"] == "h1");
  CHECK(stage.ctl({"extra-address", "move", "fd00:100::40", "--to", "shop/db-0"}).status == 1);
  CHECK_THAT(stage.must({"extra-address", "move", "fd00:100::40", "--to", "nobody"}), Contains("moved to nobody"));
}
