// Bad input at the doors of every kind of object: a table of requests and of what is said to them, against the real
// program. None of them changes anything, and one bad object never stops good ones.
#include <catch2/catch.hpp>

#include "support/controller_process.hpp"

using namespace mooring;
using namespace mooring::tests;
using Catch::Contains;

namespace {

// [method, target, body (null: none), status, title, part of detail or hint, If-Match (if any)]
constexpr const char* table = R"json([
["GET", "/v1/pools?limit=0", null, 400, "invalid-argument", "limit '0'"],
["GET", "/v1/pools?limit=10001", null, 400, "invalid-argument", "1 to 10000"],
["GET", "/v1/ports?limit=-1", null, 400, "invalid-argument", "limit '-1'"],
["GET", "/v1/bindings?label=app", null, 400, "invalid-argument", "'app' is not KEY=VALUE"],
["GET", "/v1/bindings?label=app=shop,=x", null, 400, "invalid-argument", "'=x' is not KEY=VALUE"],
["GET", "/v1/networks?namespace=shop", null, 400, "invalid-argument", "'namespace' is not known"],
["GET", "/v1/rules?node=h1", null, 400, "invalid-argument", "'node' is not known"],
["GET", "/v1/blocks?hostname=x", null, 400, "invalid-argument", "'hostname' is not known"],
["GET", "/v1/pools/p1?verbose=yes", null, 400, "invalid-argument", "'verbose' is not known"],
["GET", "/v1/networks/default?dry_run=true", null, 400, "invalid-argument", "'dry_run' is not known"],
["POST", "/v1/networks?dry_run=perhaps", {"name": "x"}, 400, "invalid-argument", "dry_run is 'perhaps'"],
["POST", "/v1/networks?force=true", {"name": "x"}, 400, "invalid-argument", "'force' is not known"],
["POST", "/v1/networks", {"name": "x"}, 400, "invalid-argument", "If-Match says nothing", "\"1\""],
["PUT", "/v1/networks/x", {"name": "y"}, 400, "invalid-argument", "the path says 'x'"],
["PUT", "/v1/networks/x", {"name": "x"}, 404, "not-found", "it is gone", "\"7\""],
["PUT", "/v1/networks/default", {"name": "default", "isolated": true}, 412, "changed-meanwhile", "read it again", "\"77\""],
["PUT", "/v1/networks/default", {"name": "default"}, 400, "invalid-argument", "'new' is not a revision", "new"],
["PUT", "/v1/networks/NO", {"name": "default"}, 400, "invalid-argument", "'NO' is not a name"],
["DELETE", "/v1/pools/p1", null, 412, "changed-meanwhile", "If-Match says 77", "77"],

["POST", "/v1/subnets", {"name": "x", "vni": 9}, 400, "invalid-argument", "cidr6 (IPv6)"],
["POST", "/v1/subnets", {"name": "x", "vni": 9, "cidr": "fd00::/64"}, 400, "invalid-argument", "IPv6 into cidr6"],
["POST", "/v1/subnets", {"name": "x", "vni": 9, "cidr6": "10.9.0.0/16"}, 400, "invalid-argument", "IPv4 goes into cidr"],
["POST", "/v1/subnets", {"name": "x", "vni": 9, "cidr6": "fd00::1/64"}, 400, "invalid-argument", "fd00::1/64"],
["POST", "/v1/subnets", {"name": "x", "vni": 9, "cidr": "10.9.0.0/16", "gateway6": "fd00::1"}, 400, "invalid-argument", "is there without cidr6"],
["POST", "/v1/subnets", {"name": "x", "vni": 9, "cidr": "10.9.0.0/16", "routes": {}}, 400, "invalid-argument", "subnet.routes"],
["POST", "/v1/subnets", {"name": "x", "vni": -1, "cidr": "10.9.0.0/16"}, 400, "invalid-argument", "subnet.vni"],
["POST", "/v1/subnets", {"name": "x", "vni": 1.5, "cidr": "10.9.0.0/16"}, 400, "invalid-argument", "subnet.vni"],
["PUT", "/v1/subnets/s1", {"name": "s1", "vni": 100, "cidr": "10.0.0.0/30"}, 409, "", "p1"],

["POST", "/v1/pools", {"name": "x", "subnet": "s1", "strategy": "best"}, 400, "invalid-argument", "best"],
["POST", "/v1/pools", {"name": "x", "subnet": "s1", "cooldown_seconds": -5}, 400, "invalid-argument", "cooldown_seconds"],
["POST", "/v1/pools", {"name": "x", "subnet": "s1", "cooldown_seconds": 99999999999}, 400, "invalid-argument", "cooldown_seconds"],
["POST", "/v1/pools", {"name": "x", "subnet": "s1", "quotas": {"No Name": 5}}, 400, "invalid-argument", "quotas"],
["POST", "/v1/pools", {"name": "x", "subnet": "s1", "quotas": {"shop": "many"}}, 400, "invalid-argument", "quotas.shop"],
["POST", "/v1/pools", {"name": "x", "subnet": "s1", "selector": {"pods": ["a"]}}, 400, "invalid-argument", "selector.pods is not a field"],
["POST", "/v1/pools", {"name": "x", "subnet": "s1", "selector": {"hostnames": ["UPPER"]}}, 400, "invalid-argument", "'UPPER' is not a pattern"],
["POST", "/v1/pools", {"name": "x", "subnet": "s1", "selector": {"labels": {"": "x"}}}, 400, "invalid-argument", "labels"],
["POST", "/v1/pools", {"name": "x", "subnet": "s1", "allow": ["a b"]}, 400, "invalid-argument", "'a b' is not a pattern"],
["POST", "/v1/pools", {"name": "x", "subnet": "s1", "fallback": ["No"]}, 400, "invalid-argument", "pool.fallback"],
["POST", "/v1/pools", {"name": "x", "subnet": "s1", "retention": "Sometimes"}, 400, "invalid-argument", "Sometimes"],
["POST", "/v1/pools", {"name": "x", "subnet": "s1", "ranges": ["fd00::1-10.0.0.9"]}, 400, "invalid-argument", "pool.ranges"],
["PUT", "/v1/pools/p1", {"name": "p1", "subnet": "s1", "ranges": ["10.0.0.200-10.0.0.210"]}, 409, "", "10.0.0.5"],

["POST", "/v1/reservations", {"name": "x", "subnet": "s1"}, 400, "invalid-argument", "reservation.range: is missing"],
["POST", "/v1/reservations", {"name": "x", "subnet": "nope", "range": "10.0.0.9"}, 404, "not-found", "nope"],
["POST", "/v1/reservations", {"name": "x", "subnet": "s1", "range": "10.7.0.9"}, 400, "", "10.7.0.9"],
["POST", "/v1/reservations", {"name": "x", "subnet": "s1", "range": "10.0.0.5"}, 409, "", "db-0"],
["POST", "/v1/reservations", {"name": "x", "subnet": "s1", "range": "10.0.0.9", "owner": "me"}, 400, "invalid-argument", "reservation.owner is not a field"],
["DELETE", "/v1/reservations/nope", null, 404, "not-found", "nope"],

["POST", "/v1/rules", {"name": "x", "order": -1}, 400, "invalid-argument", "rule.order"],
["POST", "/v1/rules", {"name": "x", "wishes": {"colour": "red"}}, 400, "invalid-argument", "wishes.colour is not a field"],
["POST", "/v1/rules", {"name": "x", "wishes": {"kind": "sticky"}}, 400, "invalid-argument", "sticky"],
["POST", "/v1/rules", {"name": "x", "takeover": "yes"}, 400, "invalid-argument", "rule.takeover"],
["POST", "/v1/rules", {"name": "x", "selector": []}, 400, "invalid-argument", "rule.selector"],
["GET", "/v1/rules/nope", null, 404, "not-found", "nope"],

["POST", "/v1/webhooks", {"name": "x"}, 400, "invalid-argument", "webhook.url: is missing"],
["POST", "/v1/webhooks", {"name": "x", "url": "gopher://x"}, 400, "invalid-argument", "neither http:// nor https://"],
["POST", "/v1/webhooks", {"name": "x", "url": "https://x", "events": "all"}, 400, "invalid-argument", "webhook.events"],
["DELETE", "/v1/webhooks/nope", null, 404, "not-found", "nope"],
["POST", "/v1/vips", {"name": "x", "address": "10.0.0.80"}, 400, "invalid-argument", "ports: there are 0"],
["POST", "/v1/vips", {"name": "x", "address": "fd00::80", "ports": ["tcp:80"], "listed": ["10.0.0.5"]}, 400, "invalid-argument", "10.0.0.5 is not IPv6, as the VIP is"],
["POST", "/v1/vips", {"name": "x", "address": "10.0.0.80", "ports": ["icmp:80"]}, 400, "invalid-argument", "'icmp:80' is no port of a VIP"],
["POST", "/v1/vips", {"name": "x", "address": "10.9.0.80", "ports": ["tcp:80"], "listed": ["10.0.0.5"]}, 404, "not-found", "10.9.0.80 is in no subnet"],
["POST", "/v1/vips", {"name": "x", "address": "10.9.0.80", "ports": ["tcp:80"], "check": {"kind": "ping"}}, 400, "invalid-argument", "'ping' is no kind of check"],
["POST", "/v1/vips", {"name": "x", "address": "10.9.0.80", "ports": ["tcp:80"]}, 400, "invalid-argument", "it selects no pods"],
["POST", "/v1/vips:report", {"node": "nope"}, 404, "not-found", "nope"],
["POST", "/v1/lists", {"name": "x"}, 400, "invalid-argument", "it selects nothing"],
["POST", "/v1/lists", {"name": "x", "addresses": ["10.0.0.300"]}, 400, "invalid-argument", "list.addresses"],
["POST", "/v1/lists", {"name": "x", "selector": {"nodes": ["h1"]}}, 400, "invalid-argument", "selector.nodes: 'h1'"],
["POST", "/v1/lists", {"name": "x", "network": "nope", "addresses": ["10.0.0.3"]}, 404, "not-found", "no network nope"],
["POST", "/v1/access-rules", {"name": "x", "order": 1, "action": "drop", "direction": "to-physical"}, 400, "invalid-argument", "allow or deny"],
["POST", "/v1/access-rules", {"name": "x", "order": 30001, "action": "deny", "direction": "to-physical"}, 400, "invalid-argument", "1 to 30000"],
["POST", "/v1/access-rules", {"name": "x", "order": 1, "action": "deny", "direction": "to-physical", "ports": ["9-8"], "protocol": "tcp"}, 400, "invalid-argument", "'9-8' ends before it begins"],
["POST", "/v1/access-rules", {"name": "x", "order": 1, "action": "deny", "direction": "to-physical", "ports": ["0"], "protocol": "tcp"}, 400, "invalid-argument", "'0' is not a port"],
["POST", "/v1/access-rules", {"name": "x", "order": 1, "action": "deny", "direction": "to-physical", "ports": ["80"]}, 400, "invalid-argument", "protocol any has none"],
["POST", "/v1/access-rules", {"name": "x", "order": 1, "action": "deny", "direction": "to-physical", "list": "nope"}, 404, "not-found", "no list nope"],
["POST", "/v1/access-rules", {"name": "x", "order": 1, "action": "deny", "direction": "to-physical", "physical": ["192.0.2.0/24"], "addresses": ["fd00::/64"]}, 400, "invalid-argument", "one side is IPv4"],
["GET", "/v1/lists/nope/feed", null, 404, "not-found", "nope"],

["POST", "/v1/extra-addresses", {"address": "10.0.0.40"}, 400, "invalid-argument", "namespace: is missing"],
["POST", "/v1/extra-addresses", {"address": "everywhere", "namespace": "shop"}, 400, "invalid-argument", "everywhere"],
["POST", "/v1/extra-addresses", {"address": "10.9.9.9", "namespace": "shop", "hostnames": ["*"]}, 409, "conflict", "10.9.9.9"],
["POST", "/v1/extra-addresses", {"address": "10.0.0.5", "namespace": "shop", "hostnames": ["*"]}, 409, "", "db-0"],
["POST", "/v1/extra-addresses", {"address": "10.0.0.1", "namespace": "shop", "hostnames": ["*"]}, 409, "", "10.0.0.1"],
["GET", "/v1/extra-addresses/default/nowhere", null, 400, "invalid-argument", "nowhere"],
["GET", "/v1/extra-addresses/default/10.0.0.77", null, 404, "not-found", "10.0.0.77"],
["PUT", "/v1/extra-addresses/default/10.0.0.77", {"address": "10.0.0.78", "namespace": "shop"}, 400, "invalid-argument", "the path says 10.0.0.77"],
["POST", "/v1/extra-addresses:move", {"address": "10.0.0.77", "to": null}, 404, "not-found", "no such extra address"],
["POST", "/v1/extra-addresses:move", {"address": "10.0.0.77", "to": {"namespace": "shop"}}, 400, "invalid-argument", "to.hostname"],
["POST", "/v1/extra-addresses:move", {"address": "10.0.0.77", "from": "x"}, 400, "invalid-argument", "move.from is not a field"],

["POST", "/v1/blocks:lease", {"node": "h1"}, 400, "invalid-argument", "lease.pool: is missing"],
["POST", "/v1/blocks:lease", {"node": "h9", "pool": "p1"}, 404, "not-found", "no such node"],
["POST", "/v1/blocks:lease", {"node": "h1", "pool": "nope"}, 404, "not-found", "no such pool"],
["POST", "/v1/blocks:lease", {"node": "h1", "pool": "p1", "count": 0}, 400, "invalid-argument", "count is 0"],
["POST", "/v1/blocks:lease", {"node": "h1", "pool": "p1", "count": 5000}, 400, "invalid-argument", "1 to 4096"],
["POST", "/v1/blocks:lease", {"node": "h1", "pool": "p1", "count": 4096}, 409, "pool-exhausted", "no block of 4096 addresses is free"],
["POST", "/v1/blocks/b9:return", null, 404, "not-found", "b9"],
["DELETE", "/v1/blocks/b9", null, 404, "not-found", "b9"],

["POST", "/v1/bindings", {"namespace": "shop", "hostname": "x", "address6": "10.0.0.9"}, 400, "invalid-argument", "IPv6 into address6"],
["POST", "/v1/bindings", {"namespace": "shop", "hostname": "x", "retention": "TTL"}, 400, "invalid-argument", "TTL"],
["POST", "/v1/bindings", {"namespace": "shop", "hostname": "x", "labels": {"a": 1}}, 400, "invalid-argument", "labels"],
["POST", "/v1/bindings", {"namespace": "shop", "hostname": "x", "mac": "01:00:5e:00:00:01"}, 400, "invalid-argument", "01:00:5e"],
["PUT", "/v1/bindings/default/shop/db-0/0", {"namespace": "shop", "hostname": "db-0", "address": "10.0.0.6"}, 409, "conflict", "keeps its addresses"],
["PUT", "/v1/bindings/default/shop/db-0/0", {"namespace": "shop", "hostname": "db-1"}, 400, "invalid-argument", "the path says"],
["PUT", "/v1/bindings/default/shop/new/0", {"namespace": "shop", "hostname": "new"}, 404, "not-found", "it is gone", "\"3\""],
["PUT", "/v1/bindings/default/shop/db-0/0", {"namespace": "shop", "hostname": "db-0", "note": "x"}, 412, "changed-meanwhile", "77", "\"77\""],
["DELETE", "/v1/bindings/default/shop/db-0/0?force=perhaps", null, 400, "invalid-argument", "force is 'perhaps'"],
["DELETE", "/v1/workloads/No/x", null, 400, "invalid-argument", "'No' is not a name"],
["DELETE", "/v1/workloads/shop/x", null, 400, "invalid-argument", "If-Match says nothing", "\"3\""],

["PUT", "/v1/nodes/h2", {"machine_id": "m2", "vtep": "172.31.0.2", "labels": {"a": [1]}}, 400, "invalid-argument", "labels"],
["PUT", "/v1/nodes/h2", {"machine_id": "m2", "vtep": "fd00::1"}, 400, "invalid-argument", "fd00::1"],
["DELETE", "/v1/nodes/h1", null, 412, "changed-meanwhile", "node h1", "\"77\""],
["DELETE", "/v1/gateways/g9", null, 404, "not-found", "g9"],

["POST", "/v1/ports:allocate?dry_run=yes", {"node": "h1", "attachment": {"container_id": "c9", "ifname": "e"}, "namespace": "shop", "hostname": "x"}, 400, "invalid-argument", "dry_run is 'yes'"],
["POST", "/v1/ports:allocate", {"node": "h1", "attachment": {"container_id": "c9", "ifname": "e"}, "namespace": "shop", "hostname": "x", "wishes": {"pools": "p1"}}, 400, "invalid-argument", "wishes.pools"],
["POST", "/v1/ports:allocate-all", {}, 400, "invalid-argument", "1 to 512"],
["POST", "/v1/ports:allocate-all", {"requests": []}, 400, "invalid-argument", "has 0 entries"],
["POST", "/v1/ports:allocate-all", {"requests": {}}, 400, "invalid-argument", "allocate-all.requests"],
["DELETE", "/v1/ports/p999", null, 404, "not-found", "p999"]
])json";

std::string all_objects(http::BlockingClient& client) {
  std::string text;
  for (const char* list : {"networks", "subnets", "pools", "reservations", "rules", "webhooks", "lists", "access-rules",
                           "vips", "extra-addresses", "blocks", "bindings", "ports", "gateways"}) {
    text += ask(client, "GET", std::string("/v1/") + list).body["items"].dump() + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("api: the table of bad input") {
  ControllerProcess controller({"--node-silence-seconds", "0"});
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  REQUIRE(ask(client, "POST", "/v1/bindings", {{"namespace", "shop"}, {"hostname", "db-0"}, {"address", "10.0.0.5"}})
              .status == 201);
  const std::string before = all_objects(client);
  for (const Json& row : Json::parse(table)) {
    INFO(row.dump());
    http::Headers headers;
    if (row.size() > 6) {
      headers.emplace_back("If-Match", row[6].get<std::string>());
    }
    const auto response = client.request(row[0], row[1], row[2].is_null() ? "" : row[2].dump(), soon(), headers);
    REQUIRE(response.has_value());
    INFO(response->body);
    CHECK(response->status == row[3].get<int>());
    CHECK(response->content_type == "application/problem+json");
    const Json problem = Json::parse(response->body, nullptr, false);
    REQUIRE(problem.is_object());
    CHECK((row[4] == "" || problem["title"] == row[4]));
    CHECK_THAT(problem["detail"].get<std::string>() + " (" + problem.value("hint", std::string()) + ")",
               Contains(row[5].get<std::string>()));
  }
  CHECK(all_objects(client) == before);
}

TEST_CASE("api: of many allocations at once a bad one does not stop the good ones") {
  ControllerProcess controller;
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  Json body = {{"requests",
                {allocate_body("c1", "web-1"),
                 {{"node", "h1"}},
                 allocate_body("c2", "web-2", "h9"),
                 allocate_body("c3", "web-3"),
                 allocate_body("c1", "web-1")}}};
  CHECK(ask(client, "POST", "/v1/ports:allocate-all?dry_run=true", body).body["results"].size() == 5);
  CHECK(ask(client, "GET", "/v1/ports").body["items"].empty());
  const JsonAnswer answer = ask(client, "POST", "/v1/ports:allocate-all", body);
  REQUIRE(answer.status == 200);
  const Json& results = answer.body["results"];
  REQUIRE(results.size() == 5);
  CHECK(results[0]["allocation"]["hostname"] == "web-1");
  CHECK(results[1]["problem"]["title"] == "invalid-argument");
  CHECK(results[2]["problem"]["title"] == "not-found");
  CHECK(results[3]["allocation"]["hostname"] == "web-3");
  CHECK(results[4] == results[0]);
  CHECK(ask(client, "GET", "/v1/ports").body["items"].size() == 2);
}

TEST_CASE("api: pages join to the whole list") {
  ControllerProcess controller;
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  Json requests = Json::array();
  for (int i = 0; i < 25; ++i) {
    requests.push_back(allocate_body("c" + std::to_string(i), "web-" + std::to_string(i)));
  }
  REQUIRE(ask(client, "POST", "/v1/ports:allocate-all", {{"requests", requests}}).status == 200);
  const Json whole = ask(client, "GET", "/v1/ports").body;
  CHECK_FALSE(whole.contains("continue"));
  Json joined = Json::array();
  std::string target = "/v1/ports?limit=10";
  int pages = 0;
  for (bool more = true; more; ++pages) {
    const Json page = ask(client, "GET", target).body;
    for (const Json& item : page["items"]) {
      joined.push_back(item);
    }
    more = page.contains("continue");
    target =
        more ? "/v1/ports?limit=10&continue=" + http::percent_encoded(page["continue"].get<std::string>()) : target;
  }
  CHECK(pages == 3);
  CHECK(joined == whole["items"]);
  for (const char* wrong : {"web-3", "100", "100/", "x/10.0.0.7", "100/10.0.0"}) {
    const auto refused = ask(client, "GET", std::string("/v1/ports?continue=") + wrong);
    CHECK(refused.status == 400);
    CHECK(refused.body["detail"].get<std::string>().find(wrong) != std::string::npos);
  }
  CHECK(ask(client, "GET", "/v1/ports?hostname=web-1*").body["items"].size() == 11);
  CHECK(ask(client, "GET", "/v1/ports?node=nobody").body["items"].empty());
}
