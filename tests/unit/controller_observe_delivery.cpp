// Webhooks without I/O: what is sent when, and how it is signed.
#include <map>
#include <set>

#include <catch2/catch.hpp>

#include "ipam-controller/domain/webhook.hpp"
#include "ipam-controller/observe/delivery.hpp"
#include "ipam-controller/observe/event_view.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace std::chrono_literals;
using Catch::Contains;
using ipam_api::Json;

namespace {

const std::string incarnation = "0123456789abcdef0123456789abcdef";

// A webhook, the log that it reads, and a clock that the test moves.
class Stage {
 public:
  explicit Stage(std::vector<const char*> patterns = {"*"}, EventSequence cursor = 0, DeliveryPolicy policy = {})
      : delivery("ops", incarnation, parsed(patterns), cursor, policy, 1) {}

  static std::vector<EventPattern> parsed(const std::vector<const char*>& texts) {
    std::vector<EventPattern> patterns;
    for (const char* text : texts) {
      patterns.push_back(EventPattern::parse(text).value());
    }
    return patterns;
  }
  void happens(const char* type, std::string text = "it happened") {
    EventRecord event = make_event(type, "pool/p", std::move(text));
    event.sequence = log.last() + 1;
    log.add(event);
  }
  // The numbers of the events in the next message; empty: there is none.
  std::vector<EventSequence> next() {
    std::vector<EventSequence> numbers;
    message = delivery.next(now, log);
    if (message) {
      const Json body = Json::parse(message->body);
      for (const Json& event : body.at("events")) {
        numbers.push_back(event.at("sequence").get<EventSequence>());
      }
      CHECK(message->events == numbers.size());
    }
    return numbers;
  }
  void fail(std::optional<std::chrono::seconds> retry_after = std::nullopt) {
    delivery.failed(now, "HTTP 500", retry_after);
  }
  // How long until it wakes.
  std::chrono::milliseconds pause() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(delivery.wakes().value() - now);
  }

  EventLog log;
  Delivery delivery;
  Delivery::Time now{1000h};
  std::optional<Delivery::Message> message;
};

using Numbers = std::vector<EventSequence>;

}  // namespace

TEST_CASE("delivery: events go out in order, once, one message at a time") {
  Stage stage;
  CHECK(stage.next().empty());
  stage.happens("pool.low");
  CHECK(stage.next() == Numbers{1});
  stage.happens("pool.exhausted");
  stage.happens("node.silent");
  CHECK(stage.next().empty());  // one is out
  CHECK(stage.delivery.pending(stage.log) == 3);
  stage.delivery.taken(stage.now);
  CHECK(stage.delivery.status().cursor == 1);
  CHECK(stage.next() == Numbers{2, 3});
  stage.delivery.taken(stage.now);
  CHECK(stage.next().empty());
  CHECK(stage.delivery.pending(stage.log) == 0);
  CHECK_FALSE(stage.delivery.wakes());
  CHECK(stage.delivery.status().messages == 2);
}

TEST_CASE("delivery: only what it asked for, and the cursor passes over the rest") {
  Stage stage({"pool.*", "node.silent"});
  for (const char* type : {"audit.head", "pool.low", "node.heard", "node.silent", "audit.head"}) {
    stage.happens(type);
  }
  CHECK(stage.next() == Numbers{2, 4});
  stage.delivery.taken(stage.now);
  CHECK(stage.next().empty());
  CHECK(stage.delivery.status().cursor == 5);
  stage.delivery.want(Stage::parsed({"audit.head"}));
  stage.happens("audit.head");
  CHECK(stage.next() == Numbers{6});
}

TEST_CASE("delivery: a message that failed comes again, the same bytes, after growing pauses") {
  Stage stage;
  stage.happens("pool.low");
  CHECK(stage.next() == Numbers{1});
  const Delivery::Message first = *stage.message;
  std::chrono::milliseconds longest = 1s;
  for (int attempt = 1; attempt <= 40; ++attempt) {
    stage.fail();
    CHECK(stage.delivery.status().failed_in_row == static_cast<std::uint64_t>(attempt));
    INFO(attempt);
    const auto pause = stage.pause();
    CHECK(pause >= longest / 2);
    CHECK(pause <= longest);
    longest = std::min<std::chrono::milliseconds>(longest * 2, 300s);
    stage.happens("pool.low");  // goes with the next message
    stage.now += pause - 1ms;
    CHECK(stage.next().empty());
    stage.now += 1ms;
    REQUIRE(stage.next() == Numbers{1});
    CHECK(stage.message->id == first.id);
    CHECK(stage.message->body == first.body);
  }
  stage.delivery.taken(stage.now);
  CHECK(stage.delivery.status().failed_in_row == 0);
  CHECK(stage.delivery.status().failures == 40);
  CHECK(stage.delivery.status().last_error.empty());
  CHECK(stage.next().size() == 40);
  CHECK(stage.message->id != first.id);
}

TEST_CASE("delivery: Retry-After is heard, within bounds; a repaired receiver need not be waited for") {
  Stage stage;
  stage.happens("pool.low");
  stage.next();
  stage.fail(120s);
  CHECK(stage.pause() == 120s);
  stage.delivery.retry_now();
  CHECK(stage.next() == Numbers{1});
  stage.fail(100h);
  CHECK(stage.pause() == 300s);
  stage.now += 300s;
  CHECK(stage.next() == Numbers{1});
  stage.fail(0s);
  CHECK(stage.pause() >= 2s);  // the third failure in a row
}

TEST_CASE("delivery: two webhooks that fail together do not come back together") {
  std::set<std::int64_t> pauses;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Stage stage;
    stage.delivery = Delivery("ops", incarnation, Stage::parsed({"*"}), 0, DeliveryPolicy{}, seed);
    stage.happens("pool.low");
    stage.next();
    stage.fail();
    pauses.insert(stage.pause().count());
  }
  CHECK(pauses.size() > 10);
}

TEST_CASE("delivery: messages are bounded in events and bytes") {
  DeliveryPolicy policy;
  policy.message_events = 3;
  policy.message_bytes = 2000;
  Stage stage({"*"}, 0, policy);
  for (int i = 0; i < 7; ++i) {
    stage.happens("pool.low");
  }
  stage.happens("pool.low", std::string(5000, 'x'));  // alone larger than a message
  stage.happens("pool.low");
  std::vector<Numbers> sent;
  for (Numbers numbers = stage.next(); !numbers.empty(); numbers = stage.next()) {
    sent.push_back(numbers);
    stage.delivery.taken(stage.now);
  }
  CHECK(sent == std::vector<Numbers>{{1, 2, 3}, {4, 5, 6}, {7}, {8}, {9}});
}

TEST_CASE("delivery: what is no longer kept is told as lost") {
  Stage stage({"pool.*"}, 3);
  for (std::size_t i = 0; i < EventLog::limit + 10; ++i) {
    stage.happens(i < EventLog::limit ? "audit.head" : "pool.low");
  }
  CHECK(stage.next().front() == 10);
  const Json lost = Json::parse(stage.message->body).at("events").at(0);
  CHECK(lost.at("type") == "events.lost");
  CHECK(lost.at("details") == Json{{"first", 4}, {"last", 10}});
  CHECK(lost.at("count") == 7);
  stage.delivery.taken(stage.now);
  CHECK(stage.next().empty());
  CHECK(stage.delivery.status().cursor == EventLog::limit + 10);
}

TEST_CASE("delivery: a body says where it comes from, and events as people read them") {
  Stage stage;
  EventRecord event = make_event("pool.exhausted", "pool/p", "pool p: 0 of 254 free", {{"free", 0}});
  event.sequence = 9;
  event.at_ms = event.since_ms = 1'795'225'598'250;
  event.revision = 41;
  stage.log.add(event);
  CHECK(stage.next() == Numbers{9});
  CHECK(Json::parse(stage.message->body) == Json::parse(R"({
    "id": "01234567-ops-9", "webhook": "ops", "incarnation": "0123456789abcdef0123456789abcdef",
    "events": [{"sequence": 9, "at": "2026-11-21T01:46:38.250Z", "since": "2026-11-21T01:46:38.250Z",
      "type": "pool.exhausted", "severity": "error", "subject": "pool/p", "text": "pool p: 0 of 254 free", "count": 1,
      "revision": 41, "details": {"free": 0}}]})"));
}

// The example of the Standard Webhooks specification.
TEST_CASE("delivery: the signature is the one that receivers' libraries expect") {
  const auto headers = signature_headers("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
                                         1614265330, R"({"test": 2432232314})");
  const std::map<std::string, std::string> by_name(headers.begin(), headers.end());
  CHECK(by_name.at("webhook-id") == "msg_p5jXN8AQM9LWM0D4loKWxJek");
  CHECK(by_name.at("webhook-timestamp") == "1614265330");
  CHECK(by_name.at("webhook-signature") == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST_CASE("delivery: secrets") {
  const std::string made = new_webhook_secret();
  CHECK(check_webhook_secret(made));
  CHECK(made != new_webhook_secret());
  CHECK(check_webhook_secret("sixteen-letters!"));
  for (const char* bad : {"", "too short", "with a space inside it", "whsec_", "whsec_no-base64-at-all!",
                          "whsec_c2hvcnQ=", "sixteen\tletters!!"}) {
    INFO(bad);
    const auto refused = check_webhook_secret(bad);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == Errc::invalid_argument);
    CHECK_FALSE(refused.error().hint().empty());
  }
}
