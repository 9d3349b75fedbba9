// Events: types and patterns, repeats, alarms of pools, the forecast.
#include <cmath>
#include <fstream>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "ipam-controller/domain/event_log.hpp"
#include "ipam-controller/domain/pool_alarms.hpp"
#include "ipam-controller/domain/repeats.hpp"
#include "ipam-controller/domain/time_to_empty.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using Catch::Contains;

namespace {

constexpr std::int64_t second = 1000;
constexpr std::int64_t minute = 60 * second;

PoolFigures figures(std::uint64_t free, std::uint64_t size, std::uint64_t resting = 0) {
  PoolFigures pool;
  pool.pool = "p";
  pool.size = size;
  pool.free = free;
  pool.resting = resting;
  pool.allocated = size - free - resting;
  return pool;
}

std::string type_of(const std::optional<EventRecord>& event) {
  return event ? event->type : "";
}

}  // namespace

TEST_CASE("events: the list of types is one of its kind, and an event comes back from the store as it was") {
  std::set<std::string_view> seen;
  for (const EventType& row : event_types()) {
    INFO(row.type);
    CHECK(seen.insert(row.type).second);
    CHECK_FALSE(row.meaning.empty());
    CHECK((row.severity == Severity::info || !row.action.empty()));
  }
  EventRecord event = make_event("pool.exhausted", "pool/p", "pool p: 0 of 254 free", {{"free", 0}});
  event.sequence = 7;
  event.at_ms = 1'700'000'000'123;
  event.since_ms = 1'700'000'000'000;
  event.count = 3;
  event.revision = 41;
  CHECK(event.severity == Severity::error);
  CHECK(event_from(to_json(event)).value() == event);
  CHECK_THROWS_AS(make_event("pool.full", "", ""), std::logic_error);
  const auto bad = event_from({{"sequence", 1}, {"severity", "grave"}});
  REQUIRE_FALSE(bad);
  CHECK(bad.error().code() == Errc::invalid_argument);
}

TEST_CASE("events: the page has a row for each type, and no others") {
  std::ifstream file(MOORING_SOURCE_DIR "/docs/observability/events.md");
  std::size_t rows = 0;
  std::set<std::string> lines;
  for (std::string line; std::getline(file, line); lines.insert(line)) {
    rows += line.starts_with("| `") ? 1U : 0U;
  }
  CHECK(rows == event_types().size());
  for (const EventType& row : event_types()) {
    const std::string expected = "| `" + std::string(row.type) + "` | " + to_string(row.severity) + " | " +
                                 std::string(row.meaning) + " | " + std::string(row.action) + " |";
    INFO(expected);
    CHECK(lines.contains(expected));
  }
}

TEST_CASE("events: patterns") {
  const auto fits = [](const char* pattern, const char* type) { return EventPattern::parse(pattern)->matches(type); };
  CHECK(fits("*", "pool.low"));
  CHECK(fits("pool.*", "pool.low"));
  CHECK(fits("pool.low", "pool.low"));
  CHECK_FALSE(fits("pool.*", "node.silent"));
  CHECK_FALSE(fits("pool.low", "pool.exhausted"));
  for (const char* none : {"", "pool", "pool.", "po*", "pool.full", "*.low", ".*", "pool.low.*", "POOL.*", "pools.*"}) {
    INFO(none);
    const auto refused = EventPattern::parse(none);
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().text(), Contains("'" + std::string(none) + "'") && Contains("pool.*"));
  }
}

TEST_CASE("events: the log keeps the newest, and finds its place by number") {
  EventLog log;
  CHECK(log.oldest() == 1);
  CHECK(log.after(0) == log.end());
  for (EventSequence n = 1; n <= EventLog::limit + 5; ++n) {
    EventRecord event = make_event("webhook.test", "webhook/w", "");
    event.sequence = n * 2;  // numbers may have gaps
    log.add(event);
  }
  CHECK(log.size() == EventLog::limit);
  CHECK(log.oldest() == 12);
  CHECK(log.last() == 2 * (EventLog::limit + 5));
  CHECK(log.after(0)->sequence == 12);
  CHECK(log.after(12)->sequence == 14);
  CHECK(log.after(13)->sequence == 14);
  CHECK(log.after(log.last()) == log.end());
}

TEST_CASE("events: what repeats is told at once, then counted, in growing windows, then forgotten") {
  Repeats repeats;
  const EventRecord refused = make_event("allocation.refused", "port/default/shop/web-0/0", "no address");
  std::vector<EventRecord> told;
  const auto take = [&](std::vector<EventRecord> more) { told.insert(told.end(), more.begin(), more.end()); };
  // Every 5 s for an hour.
  std::int64_t now = 0;
  for (; now < 60 * minute; now += 5 * second) {
    take(repeats.due(now));
    take(repeats.offer("k", refused, now));
  }
  REQUIRE(told.size() == 4);  // at 0, 1, 6 and 36 minutes
  CHECK(told[0].at_ms == 0);
  CHECK(told[0].count == 1);
  CHECK(told[1].at_ms == 1 * minute);
  CHECK(told[1].count == 11);
  CHECK(told[1].since_ms == 5 * second);
  CHECK(told[2].at_ms == 6 * minute);
  CHECK(told[2].count == 60);
  CHECK(told[3].at_ms == 36 * minute);
  CHECK(told[3].count == 360);
  // It stops: the rest is told when the window closes, and after a quiet window it is news again.
  told.clear();
  take(repeats.due(96 * minute));
  REQUIRE(told.size() == 1);
  CHECK(told[0].count == 24 * 12);
  CHECK(repeats.next_due_ms() == 156 * minute);
  take(repeats.due(156 * minute));
  CHECK(told.size() == 1);
  CHECK_FALSE(repeats.next_due_ms());
  CHECK(repeats.offer("k", refused, 157 * minute).size() == 1);
}

TEST_CASE("events: repeats remember a bounded number of kinds and lose no count") {
  Repeats repeats;
  const EventRecord refused = make_event("allocation.refused", "port/x", "no address");
  std::uint64_t told = 0;
  const auto take = [&](const std::vector<EventRecord>& events) {
    for (const EventRecord& event : events) {
      told += event.count;
    }
  };
  std::uint64_t offered = 0;
  for (std::int64_t now = 0; now < 3; ++now) {
    for (int kind = 0; kind < 1200; ++kind, ++offered) {
      take(repeats.offer(std::to_string(kind), refused, now));
    }
  }
  take(repeats.due(10 * minute));
  CHECK(told == offered);
}

TEST_CASE("pools: low, exhausted and recovered are told once each, with numbers") {
  PoolAlarms alarms;
  CHECK_FALSE(alarms.judge(figures(254, 254), 0));
  CHECK_FALSE(alarms.judge(figures(26, 254), 1));
  CHECK(type_of(alarms.judge(figures(25, 254), 2)) == "pool.low");
  CHECK_FALSE(alarms.judge(figures(24, 254), 3));
  PoolFigures empty = figures(0, 254, 12);
  empty.first_clears_ms = 4 + 39'001;
  const auto exhausted = alarms.judge(empty, 4);
  REQUIRE(exhausted);
  CHECK(exhausted->type == "pool.exhausted");
  CHECK(exhausted->severity == Severity::error);
  CHECK(exhausted->subject == "pool/p");
  CHECK(exhausted->text == "pool p: 0 of 254 free, 12 resting, the oldest clears in 40 s");
  CHECK(exhausted->details.at("allocated") == 242);
  // At its edge: silence.
  for (std::int64_t now = 5; now < PoolAlarms::calm_ms * 3; now += 1000) {
    REQUIRE_FALSE(alarms.judge(figures(static_cast<std::uint64_t>(now / 1000 % 30), 254), now));
  }
  const std::int64_t later = PoolAlarms::calm_ms * 3;
  CHECK_FALSE(alarms.judge(figures(38, 254), later));
  const auto recovered = alarms.judge(figures(39, 254), later);
  REQUIRE(recovered);
  CHECK(recovered->type == "pool.recovered");
  CHECK(recovered->text == "pool p: 39 of 254 free");
  CHECK_FALSE(alarms.judge(figures(39, 254), later + 1));
}

TEST_CASE("pools: what was told is known again after a restart; a pool without addresses is no alarm") {
  PoolAlarms before;
  const auto told = before.judge(figures(0, 10), 1000);
  REQUIRE(told);
  PoolAlarms after;
  after.recall(*told);
  CHECK_FALSE(after.judge(figures(0, 10), 2000));
  CHECK_FALSE(after.judge(figures(10, 10), 2000));  // too soon after
  CHECK(type_of(after.judge(figures(10, 10), 1000 + PoolAlarms::calm_ms)) == "pool.recovered");
  after.keep_only([](const std::string&) { return false; });
  CHECK(type_of(after.judge(figures(0, 10), 3000)) == "pool.exhausted");
  CHECK_FALSE(PoolAlarms().judge(figures(0, 0), 1));
}

TEST_CASE("forecast: a steady leak, noise, a burst, growth") {
  const auto forecast_of = [](auto free_at, int samples = 60) {
    TimeToEmpty forecast;
    for (int i = 0; i < samples; ++i) {
      const std::int64_t at = i * TimeToEmpty::between_ms;
      forecast.sample(at, static_cast<std::uint64_t>(free_at(i)), 100'000);
    }
    return forecast.seconds();
  };
  CHECK(std::isinf(forecast_of([](int) { return 1000; })));
  CHECK(std::isinf(forecast_of([](int i) { return 1000 + i; })));
  // One address each 30 s, 941 left.
  CHECK(forecast_of([](int i) { return 1000 - i; }) == Approx(941 * 30));
  // 500 pods at once, then nothing more.
  CHECK(std::isinf(forecast_of([](int i) { return i < 10 ? 10'000 : 9'500; })));
  // The leak shows through the noise of pods that come and go.
  std::mt19937 random(7);
  std::uniform_int_distribution<int> noise(-20, 20);
  CHECK(forecast_of([&](int i) { return 5000 - 10 * i + noise(random); }) == Approx(4410 * 3).epsilon(0.1));
  CHECK(std::isinf(forecast_of([](int i) { return 100 - i; }, TimeToEmpty::min_samples - 1)));
  CHECK(forecast_of([](int i) { return 59 - i; }) == 0);
}

TEST_CASE("forecast: samples too close together do not count, another size starts anew, empty is empty") {
  TimeToEmpty forecast;
  for (int i = 0; i < 1000; ++i) {
    forecast.sample(i, static_cast<std::uint64_t>(2000 - i), 4000);
  }
  CHECK(std::isinf(forecast.seconds()));
  forecast.sample(1001, 0, 4000);
  CHECK(forecast.seconds() == 0);
  TimeToEmpty grown;
  for (int i = 0; i < 10; ++i) {
    grown.sample(i * TimeToEmpty::between_ms, static_cast<std::uint64_t>(100 - i), 200);
  }
  CHECK_FALSE(std::isinf(grown.seconds()));
  grown.sample(10 * TimeToEmpty::between_ms, 590, 700);
  CHECK(std::isinf(grown.seconds()));
}
