// Events, metrics and webhooks of a real controller: over restarts, kill -9, and receivers that are not at their best.
#include <future>

#include <catch2/catch.hpp>

#include "support/controller_process.hpp"
#include "support/webhook_receiver.hpp"

using namespace mooring;
using namespace mooring::tests;
using Catch::Contains;

namespace {

const std::string secret = "sixteen-letters!";

std::vector<std::string> types_of(const Json& page) {
  std::vector<std::string> types;
  for (const Json& event : page.at("items")) {
    types.push_back(event.at("type"));
  }
  return types;
}

// One event more.
void happen(http::BlockingClient& client, const std::string& webhook) {
  REQUIRE(ask(client, "POST", "/v1/webhooks/" + webhook + ":test").status == 200);
}

std::vector<std::uint64_t> numbers_after(http::BlockingClient& client, std::uint64_t after) {
  std::vector<std::uint64_t> numbers;
  const JsonAnswer page = ask(client, "GET", "/v1/events?limit=1000&after=" + std::to_string(after));
  for (const Json& event : page.body.at("items")) {
    numbers.push_back(event.at("sequence"));
  }
  return numbers;
}

}  // namespace

TEST_CASE("observe: events are durable, filtered, and waited for") {
  ControllerProcess controller;
  controller.start();
  {
    auto client = controller.client();
    make_small_world(client);
    const JsonAnswer all = ask(client, "GET", "/v1/events");
    REQUIRE(all.status == 200);
    CHECK(types_of(all.body) == std::vector<std::string>{"controller.started", "node.registered"});
    const Json& registered = all.body.at("items").at(1);
    CHECK(registered.at("subject") == "node/h1");
    CHECK(registered.at("severity") == "info");
    CHECK(registered.at("revision") == ask(client, "GET", "/v1/nodes/h1").body.at("revision"));

    CHECK(types_of(ask(client, "GET", "/v1/events?type=node.*").body) == std::vector<std::string>{"node.registered"});
    CHECK(ask(client, "GET", "/v1/events?severity=warning").body.at("items").empty());
    CHECK(ask(client, "GET", "/v1/events?subject=node/h2").body.at("items").empty());
    CHECK(ask(client, "GET", "/v1/events?limit=1").body.at("items").at(0).at("type") == "node.registered");
    const Json first = ask(client, "GET", "/v1/events?after=0&limit=1").body;
    CHECK(types_of(first) == std::vector<std::string>{"controller.started"});
    CHECK(first.at("sequence") == 1);
    CHECK(ask(client, "GET", "/v1/events?after=2").body.at("sequence") == 2);
    for (const char* bad : {"limit=0", "limit=1001", "limit=x", "after=-1", "wait_seconds=61", "type=pools", "type=,",
                            "severity=grave", "page=2"}) {
      INFO(bad);
      CHECK(ask(client, "GET", std::string("/v1/events?") + bad).status == 400);
    }
  }
  // The same refusal again and again is one event; a wait ends with it.
  auto waiting = std::async(std::launch::async, [&] {
    auto client = controller.client();
    return ask(client, "GET", "/v1/events?after=2&wait_seconds=9&severity=warning").body;
  });
  auto client = controller.client();
  Json wished = allocate_body("c1", "web-0");
  wished["wishes"] = {{"pools", {"nowhere"}}};
  for (int i = 0; i < 5; ++i) {
    CHECK(ask(client, "POST", "/v1/ports:allocate", wished).status >= 400);
  }
  const Json waited = waiting.get();
  CHECK(types_of(waited) == std::vector<std::string>{"allocation.refused"});
  CHECK(waited.at("items").at(0).at("subject") == "port/default/shop/web-0");
  CHECK_THAT(waited.at("items").at(0).at("text").get<std::string>(), Contains("nowhere"));
  const auto before = numbers_after(client, 0);
  REQUIRE(before.size() >= 3);  // and the head of the ledger, if it was looked at already
  CHECK(before.back() == before.size());

  controller.kill_now();
  controller.start();
  auto again = controller.client();
  const std::string target = "/v1/events?wait_seconds=9&type=controller.started&after=" + std::to_string(before.back());
  CHECK(ask(again, "GET", target).body.at("items").size() == 1);
  CHECK(numbers_after(again, 0).size() > before.size());
}

TEST_CASE("observe: metrics need a token on TCP, none on a door of their own") {
  ControllerProcess controller;
  for (const std::string& option :
       {std::string("--listen-tcp"), std::string("127.0.0.1:0"), std::string("--node-token-file"),
        controller.folder().file("n", "node-token\n", 0600), std::string("--metrics-listen"),
        std::string("127.0.0.1:0")}) {
    controller.add_option(option);
  }
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  CHECK(ask(client, "POST", "/v1/ports:allocate", allocate_body("c1", "web-0")).status == 200);
  auto nobody = controller.tcp_client("");
  CHECK(ask(nobody, "GET", "/metrics").status == 401);
  auto node = controller.tcp_client("node-token");
  const JsonAnswer metrics = ask(node, "GET", "/metrics");
  CHECK(metrics.status == 200);
  CHECK(metrics.response.content_type == "text/plain; version=0.0.4; charset=utf-8");
  CHECK_THAT(metrics.response.body,
             Contains("\nmooring_pool_allocated{pool=\"p1\",network=\"default\",subnet=\"s1\",family=\"ipv4\"} 1\n") &&
                 Contains("\nmooring_allocation_duration_seconds_count 1\n") &&
                 Contains("\nmooring_http_requests_total{method=\"GET\",route=\"none\",status=\"401\"} 1\n") &&
                 Contains("{method=\"POST\",route=\"/v1/ports:allocate\",status=\"200\"} 1\n"));
  const std::string mark = "metrics on 127.0.0.1 port ";
  const std::string log = controller.log();
  const auto port = static_cast<std::uint16_t>(std::stoi(log.substr(log.find(mark) + mark.size())));
  http::BlockingClient open(http::Endpoint::tcp("127.0.0.1", port));
  CHECK(ask(open, "GET", "/metrics").status == 200);
  CHECK(ask(open, "POST", "/metrics").status == 405);
  CHECK(ask(open, "GET", "/v1/pools").status == 404);
}

TEST_CASE("observe: a webhook's secret goes in and not out") {
  ControllerProcess controller;
  controller.start();
  auto client = controller.client();
  const Json wanted = {{"name", "ops"}, {"url", "http://127.0.0.1:1/x"}, {"events", {"pool.*", "node.silent"}}};
  const JsonAnswer made = ask(client, "POST", "/v1/webhooks", wanted);
  CHECK(made.status == 201);
  CHECK_THAT(made.body.at("secret").get<std::string>(), Catch::StartsWith("whsec_"));
  Json given = wanted;
  given["name"] = "given";
  given["secret"] = secret;
  CHECK_FALSE(ask(client, "POST", "/v1/webhooks", given).body.contains("secret"));
  for (const char* path : {"/v1/webhooks", "/v1/webhooks/ops", "/v1/webhooks/given", "/v1/events?type=webhook.*"}) {
    CHECK_THAT(ask(client, "GET", path).response.body, !Contains("whsec_") && !Contains(secret));
  }
  const std::pair<Json, const char*> bad[] = {
      {{{"name", "b"}, {"url", "ftp://h/"}}, "url"},
      {{{"name", "b"}, {"url", "http://u:p@h/"}}, "url"},
      {{{"name", "b"}, {"url", "http://h/"}, {"events", {"pools"}}}, "events"},
      {{{"name", "b"}, {"url", "http://h/"}, {"secret", "short"}}, "secret"},
      {{{"name", "b"}, {"url", "http://h/"}, {"colour", "red"}}, "colour"},
      {{{"name", "b"}}, "url"},
  };
  for (const auto& [body, field] : bad) {
    INFO(body.dump());
    const JsonAnswer refused = ask(client, "POST", "/v1/webhooks", body);
    CHECK(refused.status == 400);
    CHECK_THAT(refused.body.at("detail").get<std::string>(), Contains(field));
  }
  CHECK(ask(client, "POST", "/v1/webhooks/nobody:test").status == 404);
}

TEST_CASE("observe: a receiver that fails, is silent, then accepts has every event in the end, in order") {
  WebhookReceiver receiver(secret, {500, 503, WebhookReceiver::silence});
  ControllerProcess controller;
  controller.start();
  auto client = controller.client();
  const Json webhook = {{"name", "ops"}, {"url", receiver.url()}, {"secret", secret}};
  REQUIRE(ask(client, "POST", "/v1/webhooks", webhook).status == 201);
  for (int i = 0; i < 20; ++i) {
    happen(client, "ops");
  }
  make_small_world(client);  // nobody waits for the receiver
  const auto expected = numbers_after(client, 1);
  CHECK(eventually([&] { return receiver.taken() == expected; }, std::chrono::seconds(40)));
  for (const auto& message : receiver.got()) {
    CHECK(message.signature_fits);
  }
  const JsonAnswer shown = ask(client, "GET", "/v1/webhooks/ops");
  CHECK(shown.body.at("status").at("failed_attempts") == 3);
  CHECK(shown.body.at("status").at("pending_events") == 0);
  CHECK(ask(client, "DELETE", "/v1/webhooks/ops").status == 200);
}

TEST_CASE("observe: killed between delivery and cursor, it delivers again and leaves nothing out") {
  WebhookReceiver receiver(secret);
  ControllerProcess controller;
  controller.start();
  {
    auto client = controller.client();
    const Json webhook = {{"name", "ops"}, {"url", receiver.url()}, {"secret", secret}};
    REQUIRE(ask(client, "POST", "/v1/webhooks", webhook).status == 201);
  }
  std::uint64_t last = 0;
  bool again = false;
  for (int life = 0; life < 4; ++life) {
    auto client = controller.client();
    const std::size_t before = receiver.taken().size();
    for (int i = 0; i < 3; ++i) {
      happen(client, "ops");
    }
    last = ask(client, "GET", "/v1/events?limit=1").body.at("sequence");
    // Killed as soon as the receiver has the last one: its cursor is kept a second later.
    CHECK(eventually([&] {
      const auto taken = receiver.taken();
      return taken.size() > before && taken.back() == last;
    }));
    controller.kill_now();
    controller.start();
  }
  auto client = controller.client();
  happen(client, "ops");
  last = ask(client, "GET", "/v1/events?limit=1").body.at("sequence");
  CHECK(eventually([&] { return !receiver.taken().empty() && receiver.taken().back() == last; }));
  // Every event since the webhook was made; a number that comes again is followed by those that follow it.
  const auto taken = receiver.taken();
  std::uint64_t newest = 1;
  for (std::size_t i = 0; i < taken.size(); ++i) {
    INFO(i);
    const bool next = taken[i] == newest + 1;
    const bool repeated = taken[i] <= newest && (i == 0 || taken[i] <= taken[i - 1] + 1);
    CHECK((next || repeated));
    again = again || !next;
    newest = std::max(newest, taken[i]);
  }
  CHECK(newest == last);
  CHECK(again);
}
