// The watch stream of the real program: snapshot, deltas, resuming, heartbeats, liveness, questions.
#include <thread>

#include <catch2/catch.hpp>

#include "support/controller_process.hpp"
#include "support/watch_reader.hpp"

using namespace mooring;
using namespace mooring::tests;
using Catch::Contains;
using ipam_api::Role;

namespace {

const std::vector<std::string> fast_heartbeat = {"--heartbeat-seconds", "1"};

Json allocate(http::BlockingClient& client, const std::string& container, const std::string& hostname) {
  const JsonAnswer answer = ask(client, "POST", "/v1/ports:allocate", allocate_body(container, hostname));
  INFO(answer.response.body);
  REQUIRE(answer.status == 200);
  return answer.body;
}

void release(http::BlockingClient& client, const std::string& container) {
  const JsonAnswer answer =
      ask(client, "POST", "/v1/ports:release",
          {{"node", "h1"}, {"attachment", {{"container_id", container}, {"ifname", "eth0"}}}, {"reason", "cni-del"}});
  REQUIRE(answer.status == 200);
  REQUIRE(answer.body["released"] == true);
}

std::string port_key(const Json& allocation) {
  const std::string address = allocation["address"];
  return address.substr(0, address.find('/')) + "/32";
}

bool is_live(http::BlockingClient& client, const std::string& target) {
  return ask(client, "GET", target).body["live"] == true;
}

}  // namespace

TEST_CASE("watch: a snapshot, then every change once, then heartbeats with the same digest") {
  ControllerProcess controller(fast_heartbeat);
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  const Json first = allocate(client, "c1", "a");

  WatchReader reader(controller.client());
  REQUIRE(reader.open(Role::node, "h1") == 200);
  CHECK(reader.hello().protocol == 1);
  CHECK(reader.hello().heartbeat_seconds == 1);
  CHECK_FALSE(reader.hello().resume);
  CHECK(reader.hello().incarnation == ask(client, "GET", "/v1/version").body["incarnation"]);
  REQUIRE(reader.read_heartbeat());
  REQUIRE(reader.entry("port", port_key(first)) != nullptr);
  CHECK(reader.entry("port", port_key(first))->shard == 100);
  CHECK(reader.entry("port", port_key(first))->generation == first["generation"]);
  CHECK(reader.entry("port", port_key(first))->value["state"] == "pending");
  CHECK(reader.entry("port", port_key(first))->value["attachment"] == "c1/eth0");
  CHECK(reader.entry("network", "default")->value["isolated"] == false);
  CHECK(reader.entry("subnet", "s1")->value["vni"] == 100);
  CHECK(reader.entry("pool", "p1")->value["ranges"] == Json{"10.0.0.2-10.0.0.254"});
  CHECK(reader.entry("node", "h1")->value["vtep"] == "172.31.0.1");

  const Json second = allocate(client, "c2", "b");
  ask(client, "POST", "/v1/ports:confirm",
      {{"node", "h1"},
       {"attachment", {{"container_id", "c2"}, {"ifname", "eth0"}}},
       {"generation", second["generation"]}});
  release(client, "c1");
  REQUIRE(reader.read_until([&] {
    const auto* port = reader.entry("port", port_key(second));
    return port != nullptr && port->value["state"] == "active" && reader.entry("port", port_key(first)) == nullptr;
  }));
  CHECK(reader.entry("port", port_key(second))->generation == second["generation"]);
  REQUIRE(reader.read_heartbeat(reader.revision()));
}

TEST_CASE("watch: a reader resumes by revision, also after kill -9") {
  ControllerProcess controller(fast_heartbeat);
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  allocate(client, "c1", "a");
  WatchReader reader(controller.client());
  REQUIRE(reader.open(Role::observer, "") == 200);
  REQUIRE(reader.read_heartbeat());
  const auto at = reader.revision();

  const Json missed = allocate(client, "c2", "b");
  release(client, "c1");
  bool killed = false;
  SECTION("while the controller lives") {}
  SECTION("when the controller was killed and started again") {
    controller.kill_now();
    controller.start();
    killed = true;
  }
  REQUIRE(reader.resume(Role::observer, "") == 200);
  CHECK(reader.hello().resume);
  CHECK(reader.revision() == at);  // nothing was sent again
  REQUIRE(reader.read_heartbeat());
  CHECK(reader.entry("port", port_key(missed)) != nullptr);
  CHECK(reader.revision() == at + 2);

  // And it goes on live.
  auto later = controller.client();
  const Json next = allocate(killed ? later : client, "c3", "c");
  CHECK(reader.read_until([&] { return reader.entry("port", port_key(next)) != nullptr; }));
}

TEST_CASE("watch: a reader resumes although the last revision did not touch the directory") {
  ControllerProcess controller(fast_heartbeat);
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  WatchReader reader(controller.client());
  REQUIRE(reader.open(Role::observer, "") == 200);
  REQUIRE(reader.read_heartbeat());
  // A binding is not an entry: its revision is not in the change log.
  const auto bound = ask(client, "POST", "/v1/bindings", {{"namespace", "shop"}, {"hostname", "db-0"}});
  REQUIRE(bound.status == 201);
  controller.kill_now();
  controller.start();
  REQUIRE(reader.resume(Role::observer, "") == 200);
  CHECK(reader.hello().resume);
  REQUIRE(reader.read_heartbeat());
  auto later = controller.client();
  const Json next = allocate(later, "c1", "a");
  CHECK(reader.read_until([&] { return reader.entry("port", port_key(next)) != nullptr; }));
}

TEST_CASE("watch: who stands at the newest revision gets nothing but heartbeats") {
  ControllerProcess controller(fast_heartbeat);
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  WatchReader reader(controller.client());
  REQUIRE(reader.open(Role::observer, "") == 200);
  REQUIRE(reader.read_heartbeat());
  REQUIRE(reader.resume(Role::observer, "") == 200);
  CHECK(reader.hello().resume);
  const auto frame = reader.next();
  REQUIRE(frame.has_value());
  CHECK(std::holds_alternative<ipam_api::Heartbeat>(*frame));
}

TEST_CASE("watch: a reader of another store, from the future, or from before the log gets a snapshot") {
  ControllerProcess controller({"--heartbeat-seconds", "1", "--change-log-changes", "100", "--watch-buffer-kib", "16"});
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  const std::string incarnation = ask(client, "GET", "/v1/version").body["incarnation"];
  ipam_api::WatchRequest request;
  request.incarnation = incarnation;
  SECTION("another incarnation") {
    request.incarnation = "0123456789abcdef0123456789abcdef";
    request.revision = 2;
  }
  SECTION("no incarnation") {
    request.incarnation = "";
    request.revision = 2;
  }
  SECTION("from the future") {
    request.revision = 1000000;
  }
  SECTION("from before the log") {
    request.revision = 2;
    for (int i = 0; i < 60; ++i) {
      allocate(client, "x" + std::to_string(i), "x" + std::to_string(i));
    }
    for (int i = 0; i < 60; ++i) {
      release(client, "x" + std::to_string(i));
    }
  }
  WatchReader reader(controller.client());
  REQUIRE(reader.open(request) == 200);
  CHECK_FALSE(reader.hello().resume);
  CHECK(reader.hello().incarnation == incarnation);
  REQUIRE(reader.read_heartbeat());
  CHECK(reader.entries().size() == 4);
}

TEST_CASE("watch: many changes while a reader catches up reach it once each, in order") {
  ControllerProcess controller(fast_heartbeat);
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  ask(client, "POST", "/v1/subnets", {{"name", "s2"}, {"vni", 200}, {"cidr", "10.2.0.0/16"}});
  ask(client, "POST", "/v1/pools", {{"name", "p2"}, {"subnet", "s2"}});
  // 6 clients at once, so that several changes share a commit.
  const auto fill = [&controller](int from, int to) {
    std::vector<std::thread> threads;
    for (int part = 0; part < 6; ++part) {
      threads.emplace_back([&controller, from, to, part] {
        auto own = controller.client();
        for (int i = from + part; i < to; i += 6) {
          Json body = allocate_body("c" + std::to_string(i), "host-" + std::to_string(i));
          body["wishes"] = {{"pools", {"p2"}}};
          try_ask(own, "POST", "/v1/ports:allocate", body.dump());
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
  };
  fill(0, 700);
  std::thread writer([&fill] { fill(700, 1400); });
  WatchReader fresh(controller.client());
  CHECK(fresh.open(Role::observer, "") == 200);
  const bool all_fresh = fresh.read_until([&] { return fresh.entries().size() == 1400 + 6; });
  writer.join();
  CHECK(all_fresh);
  CHECK(fresh.read_heartbeat(fresh.revision()));

  // Through several pages of the log: a controller that was started again has no newest changes in memory.
  controller.kill_now();
  controller.start();
  ipam_api::WatchRequest request;
  request.incarnation = fresh.hello().incarnation;
  request.revision = 1;
  WatchReader late(controller.client());
  REQUIRE(late.open(request) == 200);
  CHECK(late.hello().resume);
  CHECK(late.read_until([&] { return late.entries().size() == 1400 + 5; }));  // all but network default, revision 1
}

TEST_CASE("watch: a node is live while its stream is open, and the second stream ends the first") {
  ControllerProcess controller(fast_heartbeat);
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  ask(client, "PUT", "/v1/gateways/gw1", {{"machine_id", "m9"}, {"vtep", "172.31.0.9"}});
  CHECK_FALSE(is_live(client, "/v1/nodes/h1"));
  auto first = std::make_unique<WatchReader>(controller.client());
  REQUIRE(first->open(Role::node, "h1") == 200);
  CHECK(is_live(client, "/v1/nodes/h1"));
  CHECK_FALSE(is_live(client, "/v1/gateways/gw1"));

  WatchReader gateway(controller.client());
  REQUIRE(gateway.open(Role::gateway, "gw1") == 200);
  CHECK(is_live(client, "/v1/gateways/gw1"));
  CHECK(ask(client, "GET", "/v1/gateways/gw1").body["state"].is_null());  // it has not said yet
  CHECK(ask(client, "POST", "/v1/gateways/gw1:report", {{"state", "drained"}}).status == 200);
  CHECK(ask(client, "GET", "/v1/gateways/gw1").body["state"] == "drained");
  CHECK(ask(client, "POST", "/v1/gateways/gw1:report", {{"state", "asleep"}}).status == 400);
  CHECK(ask(client, "POST", "/v1/gateways/gw8:report", {{"state", "drained"}}).status == 404);

  {
    WatchReader second(controller.client());
    REQUIRE(second.open(Role::node, "h1") == 200);
    CHECK_FALSE(first->read_until([] { return false; }));  // it ends
    CHECK(first->goodbye() == "superseded");
    first.reset();
    CHECK(is_live(client, "/v1/nodes/h1"));
    REQUIRE(second.read_heartbeat());
  }
  CHECK(eventually([&] { return !is_live(client, "/v1/nodes/h1"); }));
  CHECK(ask(client, "GET", "/v1/nodes/h1").body["last_heard"].is_string());
}

TEST_CASE("watch: another machine cannot register a name whose stream is open") {
  ControllerProcess controller;
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  WatchReader reader(controller.client());
  REQUIRE(reader.open(Role::node, "h1") == 200);
  const JsonAnswer refused = ask(client, "PUT", "/v1/nodes/h1", {{"machine_id", "m2"}, {"vtep", "172.31.0.2"}});
  CHECK(refused.status == 409);
  CHECK(refused.body["title"] == "conflict");
  CHECK_THAT(refused.body["detail"].get<std::string>(), Contains("m1") && Contains("live"));
  // The same machine may: with a new VTEP, which is one delta.
  CHECK(ask(client, "PUT", "/v1/nodes/h1", {{"machine_id", "m1"}, {"vtep", "172.31.0.3"}}).status == 200);
  CHECK(reader.read_until([&] {
    const auto* node = reader.entry("node", "h1");
    return node != nullptr && node->value["vtep"] == "172.31.0.3";
  }));
}

TEST_CASE("watch: a node with a stream stays, the stream of a deleted gateway ends") {
  ControllerProcess controller;
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  WatchReader reader(controller.client());
  WatchReader of_node(controller.client());
  REQUIRE(of_node.open(Role::node, "h1") == 200);
  CHECK(ask(client, "DELETE", "/v1/nodes/h1").status == 409);

  const Json gateway = {{"machine_id", "m9"}, {"vtep", "172.31.0.99"}, {"version", "1"}};
  REQUIRE(ask(client, "PUT", "/v1/gateways/gw9", gateway).status == 200);
  REQUIRE(reader.open(Role::gateway, "gw9") == 200);
  REQUIRE(ask(client, "DELETE", "/v1/gateways/gw9").status == 200);
  CHECK_FALSE(reader.read_until([] { return false; }));
  CHECK(reader.goodbye() == "unregistered");
  CHECK(reader.resume(Role::gateway, "gw9") == 404);
}

TEST_CASE("watch: readers are told when the controller stops") {
  ControllerProcess controller;
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  WatchReader reader(controller.client());
  REQUIRE(reader.open(Role::node, "h1") == 200);
  CHECK(controller.terminate() == 0);
  CHECK_FALSE(reader.read_until([] { return false; }));
  CHECK(reader.goodbye() == "shutdown");
}

TEST_CASE("watch: a question goes down the stream and its answer comes back") {
  ControllerProcess controller;
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  const Json question = {{"question", "inventory"}, {"arguments", {{"deep", true}}}, {"deadline_seconds", 1}};
  CHECK(ask(client, "POST", "/v1/nodes/h1:query", question).body["title"] == "unavailable");

  auto reader = std::make_unique<WatchReader>(controller.client());
  REQUIRE(reader->open(Role::node, "h1") == 200);
  JsonAnswer answer;
  const auto asking = [&](const Json& body) {
    return std::thread([&answer, &controller, body] {
      auto own = controller.client();
      answer = ask(own, "POST", "/v1/nodes/h1:query", body);
    });
  };
  SECTION("answered") {
    std::thread thread = asking(question);
    const bool asked = reader->read_until([&] { return !reader->queries().empty(); });
    int status = 0;
    std::string title_of_second;
    if (asked) {
      const ipam_api::Query& query = reader->queries().front();
      CHECK(query.question == "inventory");
      CHECK(query.arguments == Json{{"deep", true}});
      status = ask(client, "POST", "/v1/answers/" + query.id, {{"ports", {1, 2}}}).status;
    }
    thread.join();
    REQUIRE(asked);
    CHECK(status == 200);
    CHECK(answer.status == 200);
    CHECK(answer.body == Json{{"name", "h1"}, {"question", "inventory"}, {"answer", {{"ports", {1, 2}}}}});
    CHECK(ask(client, "POST", "/v1/answers/" + reader->queries().front().id, {}).status == 400);  // no body
    CHECK(ask(client, "POST", "/v1/answers/" + reader->queries().front().id, Json::object()).status == 404);
  }
  SECTION("not answered in time") {
    std::thread thread = asking(question);
    thread.join();
    CHECK(answer.status == 504);
    CHECK(answer.body["title"] == "timeout");
  }
  SECTION("the node goes away meanwhile") {
    Json patient = question;
    patient["deadline_seconds"] = 60;
    std::thread thread = asking(patient);
    reader->read_until([&] { return !reader->queries().empty(); });
    reader.reset();
    thread.join();
    CHECK(answer.status == 503);
    CHECK_THAT(answer.body["detail"].get<std::string>(), Contains("node h1"));
  }
}

TEST_CASE("watch: a reader that does not read is cut, alone, and resumes") {
  ControllerProcess controller({"--heartbeat-seconds", "1", "--watch-buffer-kib", "16"});
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  WatchReader slow(controller.client());
  REQUIRE(slow.open(Role::node, "h1") == 200);
  REQUIRE(slow.read_heartbeat());
  WatchReader quick(controller.client());
  REQUIRE(quick.open(Role::observer, "") == 200);
  REQUIRE(quick.read_heartbeat());

  // Long hostnames do not go into entries, long attachments do: half a kilobyte a change, until the socket and then the
  // outbox of the slow reader are full.
  const std::string id(200, 'c');
  bool cut = false;
  for (int round = 0; round < 3000 && !cut; ++round) {
    const std::string container = id + std::to_string(round);
    allocate(client, container, "a");
    release(client, container);
    const auto revision = quick.revision();
    quick.read_until([&] { return quick.revision() >= revision + 2; });
    cut = round % 50 == 0 && controller.log().find("node h1 is too slow") != std::string::npos;
  }
  REQUIRE(cut);
  CHECK(quick.goodbye().empty());
  CHECK(quick.read_heartbeat(quick.revision()));

  // What was in the socket is still read, in order, and then the end.
  CHECK_FALSE(slow.read_until([] { return false; }));
  CHECK(slow.revision() < quick.revision());
  CHECK(eventually([&] { return slow.resume(Role::node, "h1") == 200; }));
  CHECK(slow.hello().resume);
  CHECK(slow.read_heartbeat(quick.revision()));
  CHECK(slow.entries() == quick.entries());
}
