// WebhookSender over real connections: receivers that fail, are silent, are gone, are many, and speak TLS.
#include <catch2/catch.hpp>

#include "component/http_stage.hpp"
#include "ipam-controller/observe/webhook_sender.hpp"
#include "support/tls_server.hpp"
#include "support/webhook_receiver.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace std::chrono_literals;
using Catch::Contains;
using mooring::tests::WebhookReceiver;

namespace {

const std::string shared_secret = "sixteen-letters!";

class Stage {
 public:
  Stage() {
    options.policy.first_pause = 5ms;
    options.policy.longest_pause = 50ms;
    options.policy.message_events = 2;
    options.deadline = 200ms;
    options.keep_cursors = 10ms;
    options.tell_failing = 1h;
  }
  ~Stage() {
    if (webhooks) {
      webhooks->stop();
      io.restart();
      io.run();
    }
  }
  void start(const std::vector<WebhookTarget>& targets) {
    webhooks = std::make_unique<WebhookSender>(
        io.get_executor(), log, "0123456789abcdef", options, WebhookSender::Cursors(),
        [this](const WebhookSender::Cursors& moved) {
          for (const auto& [name, cursor] : moved) {
            CHECK(cursor >= cursors[name]);
            cursors[name] = cursor;
          }
        },
        [this](EventRecord event) {
          told.push_back(event.type + ": " + event.text);
          append(std::move(event));
        });
    webhooks->set(targets);
  }
  void happens(int times) {
    for (int i = 0; i < times; ++i) {
      append(make_event("pool.low", "pool/p", "pool p is low"));
    }
    if (webhooks) {
      webhooks->look();
    }
  }
  void append(EventRecord event) {
    event.sequence = log.last() + 1;
    log.add(event);
  }
  bool run_until(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    io.restart();
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) {
        return false;
      }
      io.run_for(2ms);
      io.restart();
    }
    return true;
  }

  asio::io_context io{1};
  EventLog log;
  WebhookOptions options;
  std::unique_ptr<WebhookSender> webhooks;
  WebhookSender::Cursors cursors;
  std::vector<std::string> told;
};

WebhookTarget target(const std::string& name, const std::string& url, EventSequence cursor = 0) {
  WebhookTarget wanted;
  wanted.name = name;
  wanted.url = url;
  wanted.secret = shared_secret;
  wanted.cursor = cursor;
  return wanted;
}

std::vector<std::uint64_t> numbers(std::uint64_t first, std::uint64_t last) {
  std::vector<std::uint64_t> list;
  for (; first <= last; ++first) {
    list.push_back(first);
  }
  return list;
}

}  // namespace

TEST_CASE("webhooks: a receiver that fails, is silent, then accepts gets every event, in order, signed") {
  WebhookReceiver receiver(shared_secret, {500, 302, WebhookReceiver::silence, 429, 200, 503});
  Stage stage;
  stage.happens(5);
  stage.start({target("ops", receiver.url())});
  CHECK(stage.run_until([&] { return stage.cursors["ops"] == 5; }));
  CHECK(receiver.taken() == numbers(1, 5));
  const auto got = receiver.got();
  REQUIRE(got.size() == 8);
  for (std::size_t i = 0; i < got.size(); ++i) {
    INFO(i);
    CHECK(got[i].signature_fits);
    CHECK(got[i].body == (i < 5 ? got[0].body : i < 7 ? got[5].body : got[7].body));
  }
  CHECK(stage.webhooks->pending("ops") == 0);
  stage.happens(1);
  CHECK(stage.run_until([&] { return stage.cursors["ops"] == 6; }));
  CHECK(receiver.taken() == numbers(1, 6));
}

TEST_CASE("webhooks: a dead receiver holds up nobody, is told about, and catches up when it is back") {
  WebhookReceiver fine(shared_secret);
  Stage stage;
  stage.options.tell_failing = 30ms;
  std::uint16_t port = 0;
  { port = WebhookReceiver(shared_secret).port(); }  // nobody listens there now
  stage.start(
      {target("dead", "http://127.0.0.1:" + std::to_string(port) + "/hook?from=mooring"), target("fine", fine.url())});
  stage.happens(7);
  CHECK(stage.run_until([&] { return stage.cursors["fine"] >= 7; }));
  CHECK(stage.run_until([&] { return stage.told.size() == 1; }));
  CHECK_THAT(stage.told.front(), Contains("webhook.failing: webhook dead: ") && Contains("Connection refused"));
  CHECK(stage.webhooks->status("dead")->cursor == 0);
  CHECK(stage.webhooks->pending("dead") >= 7);
  WebhookReceiver back(shared_secret, {}, port);
  CHECK(stage.run_until([&] { return stage.told.size() == 2; }));
  CHECK_THAT(stage.told.back(), Contains("webhook.recovered"));
  stage.webhooks->look();
  CHECK(stage.run_until([&] { return stage.cursors["dead"] == 9; }));
  CHECK(back.taken() == numbers(1, 9));
  CHECK(fine.taken() == numbers(1, 9));
}

TEST_CASE("webhooks: few messages are out at once, and each has its turn") {
  Stage stage;
  stage.options.at_once = 2;
  std::vector<std::unique_ptr<WebhookReceiver>> silent;
  std::vector<WebhookTarget> targets;
  for (int i = 0; i < 4; ++i) {
    silent.push_back(std::make_unique<WebhookReceiver>(shared_secret, std::deque<int>(1000, WebhookReceiver::silence)));
    targets.push_back(target("silent-" + std::to_string(i), silent.back()->url()));
  }
  WebhookReceiver fine(shared_secret);
  targets.push_back(target("z-fine", fine.url()));
  stage.happens(1);
  stage.start(targets);
  CHECK(stage.run_until([&] { return fine.taken() == numbers(1, 1); }));
}

TEST_CASE("webhooks: changed, disabled and deleted while they are at work") {
  WebhookReceiver old_place(shared_secret, {WebhookReceiver::silence});
  WebhookReceiver new_place(shared_secret);
  Stage stage;
  stage.happens(1);
  stage.start({target("ops", old_place.url())});
  CHECK(stage.run_until([&] { return old_place.got().size() == 1; }));
  stage.webhooks->set({target("ops", new_place.url())});
  CHECK(stage.run_until([&] { return stage.cursors["ops"] == 1; }));
  WebhookTarget disabled = target("ops", new_place.url());
  disabled.disabled = true;
  stage.webhooks->set({disabled, target("other", new_place.url(), 1)});
  stage.happens(1);
  CHECK(stage.run_until([&] { return stage.cursors["other"] == 2; }));
  CHECK(stage.webhooks->status("ops")->cursor == 1);
  stage.webhooks->set({target("ops", new_place.url())});
  CHECK(stage.run_until([&] { return stage.cursors["ops"] == 2; }));
  CHECK(stage.webhooks->status("other") == nullptr);
  stage.webhooks->set({});
  stage.happens(1);
  CHECK(new_place.taken() == std::vector<std::uint64_t>{1, 2, 2});
}

TEST_CASE("webhooks: over TLS, with the certificate checked") {
  mooring::tests::TemporaryFolder folder;
  mooring::tests::make_certificate(folder.path(""), "good", "DNS:localhost");
  std::atomic<int> messages = 0;
  mooring::tests::TlsServer server(folder.path(""), "good", [&](const std::string& request) {
    messages += request.find("webhook-signature: v1,") != std::string::npos ? 1 : 0;
    return "HTTP/1.1 204 No Content\r\n\r\n";
  });
  const WebhookTarget wanted = target("ops", "https://localhost:" + std::to_string(server.port()) + "/");
  SECTION("trusted") {
    Stage stage;
    stage.options.trust = http::TlsTrust::load(folder.path("good.pem")).value();
    stage.happens(5);
    stage.start({wanted});
    CHECK(stage.run_until([&] { return stage.cursors["ops"] == 5; }));
    CHECK(messages == 3);
    CHECK(server.connections() == 1);
  }
  SECTION("not trusted") {
    Stage stage;
    stage.options.trust = http::TlsTrust::load("").value();
    stage.happens(1);
    stage.start({wanted});
    CHECK(stage.run_until([&] { return stage.webhooks->status("ops")->failures >= 2; }));
    CHECK_THAT(stage.webhooks->status("ops")->last_error, Contains("certificate verify failed"));
    CHECK(messages == 0);
  }
}
