// The real program's doors: what they take, what they refuse, and that a refusal changes nothing.
#include <catch2/catch.hpp>

#include "support/controller_process.hpp"

using namespace mooring;
using namespace mooring::tests;
using Catch::Contains;

namespace {

// Everything that an admin can see, as text.
std::string everything(http::BlockingClient& client) {
  std::string text;
  for (const char* list : {"/v1/networks", "/v1/subnets", "/v1/pools", "/v1/bindings", "/v1/ports", "/v1/gateways"}) {
    text += ask(client, "GET", list).body.dump() + "\n";
  }
  const JsonAnswer nodes = ask(client, "GET", "/v1/nodes");
  for (Json node : nodes.body["items"]) {
    node.erase("last_heard");
    text += node.dump() + "\n";
  }
  return text;
}

Json items(http::BlockingClient& client, const std::string& target) {
  const JsonAnswer answer = ask(client, "GET", target);
  CHECK(answer.status == 200);
  return answer.body["items"];
}

}  // namespace

TEST_CASE("api: the first start makes the network default, a later one does not") {
  ControllerProcess controller;
  controller.start();
  auto client = controller.client();
  const JsonAnswer version = ask(client, "GET", "/v1/version");
  CHECK(version.status == 200);
  CHECK(version.body["version"] == MOORING_VERSION);
  CHECK(version.body["protocol"] == 1);
  CHECK(items(client, "/v1/networks").size() == 1);
  CHECK(ask(client, "DELETE", "/v1/networks/default").status == 200);
  CHECK(controller.terminate() == 0);

  controller.start();
  CHECK(items(client, "/v1/networks").empty());
  CHECK(ask(client, "GET", "/v1/version").body["incarnation"] == version.body["incarnation"]);
}

TEST_CASE("api: objects are made, shown, filtered and deleted") {
  ControllerProcess controller({"--node-silence-seconds", "0"});
  controller.start();
  auto client = controller.client();

  const JsonAnswer network = ask(client, "POST", "/v1/networks", {{"name", "blue"}, {"isolated", true}});
  CHECK(network.status == 201);
  CHECK(network.response.header("location") == "/v1/networks/blue");
  CHECK(network.body["isolated"] == true);
  CHECK(ask(client, "GET", "/v1/networks/blue").body == network.body);

  const JsonAnswer subnet = ask(client, "POST", "/v1/subnets",
                                {{"name", "s1"},
                                 {"network", "blue"},
                                 {"vni", 100},
                                 {"cidr", "10.0.0.0/24"},
                                 {"mtu_bytes", 1400},
                                 {"dns", {{"nameservers", {"10.0.0.53"}}, {"search", {"shop.svc"}}}},
                                 {"routes", {{{"destination", "10.9.0.0/16"}, {"via", "10.0.0.2"}}}}});
  CHECK(subnet.status == 201);
  CHECK(subnet.body["gateway"] == "10.0.0.1");
  CHECK(subnet.body["dns"]["search"][0] == "shop.svc");
  CHECK(subnet.body["routes"][0]["via"] == "10.0.0.2");
  CHECK(ask(client, "GET", "/v1/subnets/s1").body == subnet.body);

  const JsonAnswer pool =
      ask(client, "POST", "/v1/pools",
          {{"name", "p1"}, {"subnet", "s1"}, {"ranges", {"10.0.0.10..10.0.0.13"}}, {"exclusions", {"10.0.0.11"}}});
  CHECK(pool.status == 201);
  CHECK(pool.body["ranges"] == Json{"10.0.0.10-10.0.0.13"});
  CHECK(pool.body["default"] == true);
  CHECK(pool.body["size"] == 3);
  CHECK(pool.body["free"] == 3);

  const JsonAnswer binding =
      ask(client, "POST", "/v1/bindings",
          {{"network", "blue"}, {"namespace", "shop"}, {"hostname", "DB-0"}, {"address", "10.0.0.12"}});
  CHECK(binding.status == 201);
  CHECK(binding.response.header("location") == "/v1/bindings/blue/shop/db-0/0");
  CHECK(binding.body["mac"] == "0a:58:0a:00:00:0c");
  CHECK(binding.body["kind"] == "static");
  CHECK(binding.body["port_id"].is_null());
  CHECK(ask(client, "GET", "/v1/bindings/blue/shop/DB-0/0").body == binding.body);
  CHECK(ask(client, "GET", "/v1/pools/p1").body["bound"] == 1);

  CHECK(
      ask(client, "PUT", "/v1/nodes/h1", {{"machine_id", "m1"}, {"vtep", "172.31.0.1"}, {"version", "0.1.0"}}).status ==
      200);
  CHECK(ask(client, "PUT", "/v1/gateways/gw1", {{"machine_id", "m9"}, {"vtep", "172.31.0.9"}, {"network", "blue"}})
            .status == 200);
  Json request = allocate_body("c1", "db-0");
  request["wishes"] = {{"network", "blue"}};
  const JsonAnswer port = ask(client, "POST", "/v1/ports:allocate", request);
  CHECK(port.status == 200);
  CHECK(port.body["address"] == "10.0.0.12/24");
  const std::string id = port.body["port_id"];
  const JsonAnswer shown = ask(client, "GET", "/v1/ports/" + id);
  CHECK(shown.body["state"] == "pending");
  CHECK(shown.body["attachment"] == "c1/eth0");
  CHECK(shown.body["generation"] == port.body["generation"]);
  CHECK(ask(client, "GET", "/v1/bindings/blue/shop/db-0/0").body["port_id"] == id);
  // Asked again: the same answer.
  CHECK(ask(client, "POST", "/v1/ports:allocate", request).body == port.body);

  const Json confirm = {{"node", "h1"},
                        {"attachment", {{"container_id", "c1"}, {"ifname", "eth0"}}},
                        {"generation", port.body["generation"]}};
  CHECK(ask(client, "POST", "/v1/ports:confirm", confirm).body == Json::object());
  CHECK(ask(client, "GET", "/v1/ports/" + id).body["state"] == "active");

  CHECK(items(client, "/v1/subnets?network=blue").size() == 1);
  CHECK(items(client, "/v1/subnets?network=default").empty());
  CHECK(items(client, "/v1/pools?network=blue").size() == 1);
  CHECK(items(client, "/v1/pools?network=default").empty());
  CHECK(items(client, "/v1/bindings?network=blue&namespace=shop&node=h1").size() == 1);
  CHECK(items(client, "/v1/bindings?node=h2").empty());
  CHECK(items(client, "/v1/ports?namespace=shop").size() == 1);
  CHECK(items(client, "/v1/ports?namespace=other").empty());
  CHECK(items(client, "/v1/ports?node=h2").empty());
  CHECK(items(client, "/v1/gateways?network=blue").size() == 1);
  CHECK(items(client, "/v1/gateways?network=default").empty());
  const Json node = ask(client, "GET", "/v1/nodes/h1").body;
  CHECK(node["live"] == false);
  CHECK(node["last_heard"].is_string());
  CHECK(ask(client, "GET", "/v1/gateways/gw1").body["network"] == "blue");

  // From the ground up nothing can be deleted while something stands on it; each refusal names what.
  for (const auto& [target, names] : {std::pair<const char*, const char*>{"/v1/networks/blue", "subnet s1"},
                                      {"/v1/subnets/s1", "pool p1"},
                                      {"/v1/pools/p1", "db-0"},
                                      {"/v1/bindings/blue/shop/db-0/0", "node h1"},
                                      {"/v1/nodes/h1", id.c_str()}}) {
    const JsonAnswer refused = ask(client, "DELETE", target);
    INFO(target << ": " << refused.response.body);
    CHECK(refused.status == 409);
    CHECK(refused.body["title"] == "in-use");
    CHECK_THAT(refused.body["detail"].get<std::string>(), Contains(names));
  }
  CHECK(ask(client, "POST", "/v1/ports:release",
            {{"node", "h1"}, {"attachment", {{"container_id", "c1"}, {"ifname", "eth0"}}}, {"reason", "cni-del"}})
            .body == Json{{"released", true}});
  for (const char* target : {"/v1/bindings/blue/shop/db-0/0", "/v1/pools/p1", "/v1/subnets/s1", "/v1/gateways/gw1",
                             "/v1/networks/blue", "/v1/nodes/h1"}) {
    INFO(target);
    CHECK(ask(client, "DELETE", target).status == 200);
    CHECK(ask(client, "GET", target).status == 404);
    CHECK(ask(client, "DELETE", target).status == 404);
  }
}

TEST_CASE("api: forced deletes") {
  ControllerProcess controller({"--node-silence-seconds", "0"});
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  CHECK(ask(client, "POST", "/v1/bindings", {{"namespace", "shop"}, {"hostname", "db-0"}}).status == 201);
  const Json port = ask(client, "POST", "/v1/ports:allocate", allocate_body("c1", "db-0")).body;
  CHECK(ask(client, "DELETE", "/v1/bindings/default/shop/db-0/0?force=true").status == 200);
  CHECK(ask(client, "GET", "/v1/ports/" + port["port_id"].get<std::string>()).body["address"] ==
        port["address"].get<std::string>().substr(0, port["address"].get<std::string>().find('/')));
  CHECK(ask(client, "DELETE", "/v1/ports/" + port["port_id"].get<std::string>()).status == 200);
  CHECK(ask(client, "POST", "/v1/ports:allocate", allocate_body("c2", "web-1")).status == 200);
  CHECK(ask(client, "DELETE", "/v1/nodes/h1").status == 409);
  CHECK(ask(client, "DELETE", "/v1/nodes/h1?force=true").status == 200);
  CHECK(items(client, "/v1/ports").empty());
}

TEST_CASE("api: bad input is refused at every door, with its reason, and changes nothing") {
  ControllerProcess controller;
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  REQUIRE(ask(client, "POST", "/v1/bindings", {{"namespace", "shop"}, {"hostname", "db-0"}, {"address", "10.0.0.5"}})
              .status == 201);
  REQUIRE(ask(client, "POST", "/v1/ports:allocate", allocate_body("c1", "db-0")).status == 200);
  const std::string before = everything(client);

  struct Case {
    const char* method;
    const char* target;
    const char* body;
    int status;
    const char* title;
    const char* says;
  };
  const std::string deep(100, '[');
  for (const Case& c : {
           // the request itself
           Case{"POST", "/v1/networks", "", 400, "invalid-argument", "the request body is not JSON"},
           Case{"POST", "/v1/networks", "{\"name\":", 400, "invalid-argument", "at byte"},
           Case{"POST", "/v1/networks", "[]", 400, "invalid-argument", "not a JSON object"},
           Case{"POST", "/v1/networks", deep.c_str(), 400, "invalid-argument", "nested deeper"},
           Case{"POST", "/v1/networks", "{\"name\":\"\xff\"}", 400, "invalid-argument", "not JSON"},
           Case{"GET", "/v1/nothing", "", 404, "not-found", "nothing at /v1/nothing"},
           Case{"GET", "/", "", 404, "not-found", "nothing at /"},
           Case{"PATCH", "/v1/networks", "", 405, "unsupported", "PATCH is not possible"},
           Case{"PATCH", "/v1/subnets/s1", "{}", 405, "unsupported", "GET, PUT, DELETE"},
           Case{"GET", "/v1/ports:allocate", "", 405, "unsupported", "POST"},
           Case{"GET", "/v1/networks?colour=red", "", 400, "invalid-argument", "'colour' is not known"},
           Case{"GET", "/v1/ports?node=A_B", "", 400, "invalid-argument", "node 'A_B' is not a name"},
           // networks
           Case{"POST", "/v1/networks", "{}", 400, "invalid-argument", "network.name: is missing"},
           Case{"POST", "/v1/networks", R"({"name":"No Good"})", 400, "invalid-argument", "network.name"},
           Case{"POST", "/v1/networks", R"({"name":"a","isolated":1})", 400, "invalid-argument", "network.isolated"},
           Case{"POST", "/v1/networks", R"({"name":"a","vlan":1})", 400, "invalid-argument", "network.vlan is not a"},
           Case{"POST", "/v1/networks", R"({"name":"default"})", 409, "already-exists", "default"},
           Case{"GET", "/v1/networks/nope", "", 404, "not-found", "'nope'"},
           Case{"DELETE", "/v1/networks/nope", "", 404, "not-found", "nope"},
           // subnets
           Case{"POST", "/v1/subnets", R"({"name":"s2","cidr":"10.1.0.0/24"})", 400, "invalid-argument", "subnet.vni"},
           Case{"POST", "/v1/subnets", R"({"name":"s2","vni":0,"cidr":"10.1.0.0/24"})", 400, "invalid-argument",
                "VNI 0 is out of range"},
           Case{"POST", "/v1/subnets", R"({"name":"s2","vni":200,"cidr":"10.1.0.1/24"})", 400, "invalid-argument",
                "did you mean 10.1.0.0/24"},
           Case{"POST", "/v1/subnets", R"({"name":"s2","vni":100,"cidr":"10.1.0.0/24"})", 409, "conflict", "s1"},
           Case{"POST", "/v1/subnets", R"({"name":"s2","vni":200,"cidr":"10.0.0.128/25"})", 409, "conflict", "s1"},
           Case{"POST", "/v1/subnets", R"({"name":"s1","vni":200,"cidr":"10.1.0.0/24"})", 409, "already-exists", "s1"},
           Case{"POST", "/v1/subnets", R"({"name":"s2","vni":200,"cidr":"10.1.0.0/24","network":"nope"})", 404,
                "not-found", "nope"},
           Case{"POST", "/v1/subnets", R"({"name":"s2","vni":200,"cidr":"10.1.0.0/24","gateway":"10.2.0.1"})", 400,
                "invalid-argument", "10.2.0.1"},
           Case{"POST", "/v1/subnets", R"({"name":"s2","vni":200,"cidr":"10.1.0.0/24","mtu_bytes":70000})", 400,
                "invalid-argument", "mtu_bytes"},
           Case{"POST", "/v1/subnets", R"({"name":"s2","vni":200,"cidr":"10.1.0.0/24","dns":{"servers":[]}})", 400,
                "invalid-argument", "dns.servers is not a field"},
           Case{"POST", "/v1/subnets", R"({"name":"s2","vni":200,"cidr":"10.1.0.0/24","routes":[{"via":"10.1.0.1"}]})",
                400, "invalid-argument", "route.destination: is missing"},
           // pools
           Case{"POST", "/v1/pools", R"({"name":"p2"})", 400, "invalid-argument", "pool.subnet: is missing"},
           Case{"POST", "/v1/pools", R"({"name":"p2","subnet":"nope"})", 404, "not-found", "nope"},
           Case{"POST", "/v1/pools", R"({"name":"p2","subnet":"s1","ranges":"10.0.0.5"})", 400, "invalid-argument",
                "pool.ranges"},
           Case{"POST", "/v1/pools", R"({"name":"p2","subnet":"s1","ranges":["10.0.0.9-10.0.0.5"]})", 400,
                "invalid-argument", "did you mean 10.0.0.5-10.0.0.9"},
           Case{"POST", "/v1/pools", R"({"name":"p2","subnet":"s1","ranges":["10.0.0.9-10.0.1.5"]})", 400,
                "invalid-argument", "10.0.0.9-10.0.1.5"},
           Case{"POST", "/v1/pools", R"({"name":"p2","subnet":"s1","ranges":["10.0.0.9"]})", 409, "conflict", "p1"},
           Case{"POST", "/v1/pools", R"({"name":"p2","subnet":"s1","kind":"fixed"})", 400, "invalid-argument",
                "'fixed' is not a kind"},
           // bindings
           Case{"POST", "/v1/bindings", R"({"namespace":"shop"})", 400, "invalid-argument", "binding.hostname"},
           Case{"POST", "/v1/bindings", R"({"namespace":"shop","hostname":"a_b"})", 400, "invalid-argument", "a_b"},
           Case{"POST", "/v1/bindings", R"({"namespace":"shop","hostname":"a","interface_ordinal":256})", 400,
                "invalid-argument", "256"},
           Case{"POST", "/v1/bindings", R"({"namespace":"shop","hostname":"a","address":"10.0.0.5"})", 409,
                "address-taken", "shop/db-0"},
           Case{"POST", "/v1/bindings", R"({"namespace":"shop","hostname":"a","address":"10.7.0.5"})", 409, "conflict",
                "10.7.0.5"},
           Case{"POST", "/v1/bindings", R"({"namespace":"shop","hostname":"a","kind":"stateless"})", 400,
                "invalid-argument", "stateless"},
           Case{"POST", "/v1/bindings", R"({"namespace":"shop","hostname":"a","pool":"nope"})", 404, "not-found",
                "nope"},
           Case{"GET", "/v1/bindings/default/shop/db-0/x", "", 400, "invalid-argument", "interface_ordinal 'x'"},
           Case{"GET", "/v1/bindings/default/shop/db-0", "", 404, "not-found", "nothing at"},
           Case{"GET", "/v1/bindings/default/shop/db-9/0", "", 404, "not-found", "shop/db-9"},
           Case{"DELETE", "/v1/bindings/default/shop/db-0/0?force=yes", "", 400, "invalid-argument", "force is 'yes'"},
           // nodes and gateways
           Case{"PUT", "/v1/nodes/H2", R"({"machine_id":"m2","vtep":"172.31.0.2"})", 400, "invalid-argument", "'H2'"},
           Case{"PUT", "/v1/nodes/h2", R"({"vtep":"172.31.0.2"})", 400, "invalid-argument", "machine_id: is missing"},
           Case{"PUT", "/v1/nodes/h2", R"({"machine_id":"m2","vtep":"172.31.0"})", 400, "invalid-argument", "172.31.0"},
           Case{"PUT", "/v1/nodes/h2", R"({"machine_id":"m2","vtep":"127.0.0.1"})", 400, "invalid-argument",
                "127.0.0.1"},
           Case{"PUT", "/v1/nodes/h1", R"({"machine_id":"m2","vtep":"172.31.0.2"})", 409, "conflict", "m1"},
           Case{"PUT", "/v1/nodes/h2", R"({"machine_id":"m2","vtep":"172.31.0.1"})", 409, "conflict", "h1"},
           Case{"PUT", "/v1/gateways/gw1", R"({"machine_id":"m2","vtep":"172.31.0.1"})", 409, "conflict", "h1"},
           Case{"POST", "/v1/nodes/h1:query", R"({})", 400, "invalid-argument", "query.question: is missing"},
           Case{"POST", "/v1/nodes/h1:query", R"({"question":"inventory","deadline_seconds":61})", 400,
                "invalid-argument", "deadline_seconds"},
           Case{"POST", "/v1/nodes/h1:query", R"({"question":"inventory"})", 503, "unavailable", "no open stream"},
           Case{"POST", "/v1/answers/123", R"({})", 404, "not-found", "nobody waits"},
           // ports
           Case{"POST", "/v1/ports:allocate", R"({"node":"h1"})", 400, "invalid-argument", "attachment: is missing"},
           Case{"POST", "/v1/ports:allocate",
                R"({"node":"h9","attachment":{"container_id":"c","ifname":"e"},"namespace":"shop","hostname":"x"})",
                404, "not-found", "h9"},
           Case{"POST", "/v1/ports:allocate",
                R"({"node":"h1","attachment":{"container_id":"c","ifname":"e"},"namespace":"shop","hostname":"x",
                    "wishes":{"address":"10.0.0.5"}})",
                409, "address-taken", "shop/db-0"},
           Case{"POST", "/v1/ports:allocate",
                R"({"node":"h1","attachment":{"container_id":"c","ifname":"e"},"namespace":"shop","hostname":"x",
                    "wishes":{"pools":["nope"]}})",
                404, "not-found", "nope"},
           Case{"POST", "/v1/ports:confirm",
                R"({"node":"h1","attachment":{"container_id":"c9","ifname":"eth0"},"generation":1})", 409, "superseded",
                "c9/eth0"},
           Case{"POST", "/v1/ports:confirm",
                R"({"node":"h1","attachment":{"container_id":"c1","ifname":"eth0"},"generation":1})", 409, "superseded",
                "generation"},
           Case{"POST", "/v1/ports:release", R"({"node":"h1","reason":"gone"})", 400, "invalid-argument", "vni"},
           Case{"GET", "/v1/ports/p999", "", 404, "not-found", "p999"},
           Case{"DELETE", "/v1/ports/p999", "", 404, "not-found", "p999"},
           // the watch
           Case{"GET", "/v1/watch", "", 400, "invalid-argument", "watch.protocol: is missing"},
           Case{"GET", "/v1/watch?protocol=1&role=king", "", 400, "invalid-argument", "'king' is not a role"},
           Case{"GET", "/v1/watch?protocol=0&role=observer", "", 400, "incompatible-version", "protocol 0"},
           Case{"GET", "/v1/watch?protocol=1&role=node&name=h9", "", 404, "not-found", "node h9 is not registered"},
           Case{"GET", "/v1/watch?protocol=1&role=gateway&name=h1", "", 404, "not-found", "gateway h1"},
       }) {
    const auto answer = try_ask(client, c.method, c.target, c.body);
    INFO(c.method << " " << c.target << " " << std::string_view(c.body).substr(0, 200));
    REQUIRE(answer.has_value());
    INFO(answer->response.body);
    CHECK(answer->status == c.status);
    CHECK(answer->response.content_type == "application/problem+json");
    REQUIRE(answer->body.is_object());
    CHECK(answer->body["title"] == c.title);
    CHECK(answer->body["status"] == c.status);
    const std::string text =
        answer->body["detail"].get<std::string>() + " (" + answer->body.value("hint", std::string()) + ")";
    CHECK_THAT(text, Contains(c.says));
    if (c.status == 405) {
      CHECK_FALSE(answer->response.header("allow").empty());
    }
  }
  CHECK(everything(client) == before);
}

TEST_CASE("api: a body above the limit is refused, and the next request is served") {
  ControllerProcess controller;
  controller.start();
  auto client = controller.client();
  const auto refused = try_ask(client, "POST", "/v1/networks", std::string(std::size_t{1200} * 1024, ' '));
  REQUIRE(refused.has_value());
  CHECK(refused->status == 413);
  CHECK(refused->body["title"] == "too-large");
  CHECK(ask(client, "GET", "/v1/version").status == 200);
}

TEST_CASE("api: an exhausted pool says its counts") {
  ControllerProcess controller;
  controller.start();
  auto client = controller.client();
  ask(client, "POST", "/v1/subnets", {{"name", "s1"}, {"vni", 100}, {"cidr", "10.0.0.0/24"}});
  ask(client, "POST", "/v1/pools", {{"name", "p1"}, {"subnet", "s1"}, {"ranges", {"10.0.0.10-10.0.0.11"}}});
  ask(client, "PUT", "/v1/nodes/h1", {{"machine_id", "m1"}, {"vtep", "172.31.0.1"}});
  CHECK(ask(client, "POST", "/v1/ports:allocate", allocate_body("c1", "a")).status == 200);
  CHECK(ask(client, "POST", "/v1/ports:allocate", allocate_body("c2", "b")).status == 200);
  const JsonAnswer full = ask(client, "POST", "/v1/ports:allocate", allocate_body("c3", "c"));
  CHECK(full.status == 409);
  CHECK(full.body["title"] == "pool-exhausted");
  CHECK_THAT(full.body["detail"].get<std::string>(), Contains("p1") && Contains("2"));
}
