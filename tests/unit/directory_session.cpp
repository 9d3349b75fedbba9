// The watch session from transcripts: lines in, actions out.
#include <random>

#include <catch2/catch.hpp>

#include "fakes/watch_source.hpp"
#include "mooring/directory/watch_session.hpp"

using namespace mooring;
using namespace std::chrono_literals;
using directory::Directory;
using directory::WatchSession;
using fakes::WatchSource;

namespace {

std::string text(const directory::Actions& actions) {
  std::string out;
  for (const auto& one : actions) {
    if (const auto* dial = std::get_if<directory::action::Dial>(&one)) {
      out += "dial " + dial->target + "\n";
    } else if (const auto* close = std::get_if<directory::action::Close>(&one)) {
      out += (close->alarming ? "close! " : "close ") + close->reason + "\n";
    } else if (std::holds_alternative<directory::action::Notify>(one)) {
      out += "notify\n";
    } else if (const auto* answer = std::get_if<directory::action::Answer>(&one)) {
      out += "answer " + answer->id + " " + answer->question + " " + answer->arguments.dump() + "\n";
    }
  }
  return out;
}

// A session, its replica and a clock that stands still until it is moved.
struct Bench {
  WatchSource source;
  Directory replica{"h1"};
  directory::TimePoint now{std::chrono::hours(1)};
  WatchSession session;

  Bench() : session(replica, settings(), now) {}
  static directory::SessionSettings settings() {
    directory::SessionSettings settings;
    settings.role = ipam_api::Role::node;
    settings.name = "h1";
    settings.jitter = [] { return 1.0; };
    return settings;
  }
  std::string tick() { return text(session.tick(now)); }
  std::string line(const std::string& frame) { return text(session.line(frame, now)); }
  std::string lines(const std::vector<std::string>& frames) {
    std::string out;
    for (const auto& frame : frames) {
      out += line(frame);
    }
    return out;
  }
  void open() {
    REQUIRE(tick().rfind("dial ", 0) == 0);
    session.opened(now);
  }
  // Up to a whole snapshot.
  void follow() {
    open();
    REQUIRE(lines(source.snapshot()).find("close") == std::string::npos);
    REQUIRE(replica.complete());
  }
  // Lets the back-off pass and dials again.
  std::string redial() {
    now = session.next_tick().value();
    return tick();
  }
};

const std::string first_dial = "dial /v1/watch?protocol=1&role=node&name=h1\n";

}  // namespace

TEST_CASE("a first stream: snapshot, change, heartbeat") {
  Bench bench;
  bench.source.commit({WatchSource::object("node", "h2", {{"vtep", "172.31.0.2"}})});
  bench.source.commit({WatchSource::port(100, "10.0.0.5", "h2", 2)});
  CHECK(bench.tick() == first_dial);
  CHECK(bench.tick().empty());  // one at a time
  CHECK_FALSE(bench.session.next_tick());
  bench.session.opened(bench.now);
  CHECK_FALSE(bench.session.live());
  CHECK(bench.line(bench.source.hello(false)).empty());
  CHECK(bench.session.live());
  CHECK(bench.line(bench.source.entries(0)).empty());
  CHECK(bench.line(bench.source.end_of_snapshot(0)) == "notify\n");
  CHECK(bench.line(bench.source.entries(100)).empty());
  CHECK(bench.line(bench.source.end_of_snapshot(100)) == "notify\n");
  CHECK(bench.line(bench.source.end_of_snapshots()) == "notify\n");
  CHECK(bench.replica.port_count() == 1);
  CHECK(bench.line(bench.source.commit({WatchSource::port(100, "10.0.0.6", "h2", 3)})) == "notify\n");
  CHECK(bench.replica.revision() == 3);
  CHECK(bench.line(bench.source.heartbeat()).empty());
  bench.source.commit({});  // a transaction that changed nothing in the directory
  CHECK(bench.line(bench.source.heartbeat()) == "notify\n");
  CHECK(bench.replica.revision() == 4);
}

TEST_CASE("a lost stream is resumed where the replica stands") {
  Bench bench;
  bench.source.commit({WatchSource::port(100, "10.0.0.5", "h2", 1)});
  bench.follow();
  const std::string missed = bench.source.commit({WatchSource::port(100, "10.0.0.6", "h2", 2)});
  CHECK(text(bench.session.failed("connection reset", bench.now)) == "close connection reset\n");
  CHECK(text(bench.session.failed("again", bench.now)).empty());
  CHECK(bench.redial() == "dial /v1/watch?protocol=1&role=node&name=h1&incarnation=inc-1&revision=1\n");
  bench.session.opened(bench.now);
  CHECK(bench.lines({bench.source.hello(true), missed, bench.source.heartbeat()}) == "notify\n");
  CHECK(bench.replica.port_count() == 2);
  CHECK(bench.session.counters().resumed == 1);
}

TEST_CASE("a stream that ends within its snapshot is not resumed") {
  Bench bench;
  bench.source.commit({WatchSource::port(100, "10.0.0.5", "h2", 1)});
  bench.open();
  bench.lines({bench.source.hello(false), bench.source.entries(100)});
  bench.session.failed("reset", bench.now);
  CHECK(bench.redial() == first_dial);
  bench.session.opened(bench.now);
  CHECK(bench.lines(bench.source.snapshot()) == "notify\nnotify\n");
}

TEST_CASE("another incarnation brings a snapshot; nothing is forgotten before its end") {
  Bench bench;
  bench.source.commit({WatchSource::port(100, "10.0.0.5", "h2", 1)});
  bench.follow();
  bench.session.failed("reset", bench.now);
  bench.redial();
  bench.session.opened(bench.now);
  WatchSource restored;
  restored.incarnation = "inc-2";
  bench.line(restored.hello(false));
  CHECK(bench.replica.port_count() == 1);
  CHECK(bench.line(restored.end_of_snapshots()) == "notify\n");
  CHECK(bench.replica.port_count() == 0);
  CHECK(bench.replica.incarnation() == "inc-2");
}

TEST_CASE("a digest that differs is counted, and the replica starts over and is right again") {
  Bench bench;
  bench.source.commit({WatchSource::port(100, "10.0.0.5", "h2", 1)});
  bench.follow();
  bench.source.commit({WatchSource::port(100, "10.0.0.5", "h3", 2)});  // never sent
  CHECK(bench.line(bench.source.heartbeat()).rfind("close! the replica has drifted: digest ", 0) == 0);
  CHECK(bench.session.counters().drifts == 1);
  CHECK(bench.redial() == first_dial);
  bench.session.opened(bench.now);
  CHECK(bench.lines(bench.source.snapshot()) == "notify\nnotify\n");
  CHECK(bench.line(bench.source.heartbeat()).empty());
  CHECK(bench.replica.find({net::Vni::from(100).value(), net::Ipv4Address(0x0a000005)})->node == "h3");
  bench.session.failed("reset", bench.now);
  CHECK(bench.redial().find("revision=2") != std::string::npos);  // trusted again
}

TEST_CASE("a snapshot that lost an entry is noticed at the end of its shard") {
  Bench bench;
  bench.source.commit({WatchSource::port(100, "10.0.0.5", "h2", 1)});
  bench.source.commit({WatchSource::port(100, "10.0.0.6", "h2", 2)});
  bench.open();
  bench.line(bench.source.hello(false));
  bench.line(WatchSource::write(ipam_api::Entries{100, {WatchSource::port(100, "10.0.0.5", "h2", 1)}}));
  CHECK(bench.line(bench.source.end_of_snapshot(100)).rfind("close! the replica has drifted: shard 100", 0) == 0);
}

TEST_CASE("changes may come between the parts of a snapshot") {
  Bench bench;
  const auto first = WatchSource::port(100, "10.0.0.5", "h2", 1);
  bench.source.commit({first});
  bench.source.commit({WatchSource::port(100, "10.0.0.6", "h2", 2)});
  bench.open();
  const std::string entries = bench.source.entries(100);
  const std::string end = bench.source.end_of_snapshot(100);
  const std::string ends = bench.source.end_of_snapshots();
  bench.line(bench.source.hello(false));
  const std::string gone = bench.source.commit({WatchSource::tombstone(first)});
  CHECK(bench.line(gone) == "notify\n");
  CHECK(bench.lines({entries, end, ends}) == "notify\nnotify\n");
  CHECK(bench.replica.port_count() == 1);
  CHECK(bench.replica.revision() == 3);
  CHECK(bench.line(bench.source.heartbeat()).empty());
  CHECK(bench.session.counters().drifts == 0);
}

TEST_CASE("three heartbeats of silence end the stream") {
  Bench bench;
  bench.follow();
  CHECK(bench.session.next_tick() == bench.now + 15s);
  bench.now += 14s;
  CHECK(bench.tick().empty());
  bench.line(bench.source.heartbeat());
  bench.now += 14s;
  CHECK(bench.tick().empty());
  bench.now += 1s;
  CHECK(bench.tick() == "close three heartbeats of silence\n");
  CHECK(bench.session.counters().silences == 1);
  CHECK_FALSE(bench.session.live());
  CHECK(bench.line(bench.source.heartbeat()).empty());  // too late
}

TEST_CASE("bytes of a line that is not whole yet are no silence") {
  Bench bench;
  bench.follow();
  const auto whole = bench.now;
  bench.now += 16s;
  bench.session.heard(whole - 1s);  // older than the last line: tells nothing
  CHECK(bench.session.next_tick() == whole + 15s);
  bench.session.heard(whole + 14s);
  CHECK(bench.tick().empty());
  bench.now = whole + 29s;
  CHECK(bench.tick() == "close three heartbeats of silence\n");
  bench.session.heard(bench.now);  // too late
  CHECK_FALSE(bench.session.live());
}

TEST_CASE("a stream without HELLO is given up") {
  Bench bench;
  bench.open();
  bench.now += 5s;
  CHECK(bench.tick() == "close no HELLO came\n");
}

TEST_CASE("the back-off doubles up to its bound and ends with a right heartbeat") {
  Bench bench;
  std::vector<std::int64_t> waits;
  for (int attempt = 0; attempt < 7; ++attempt) {
    REQUIRE_FALSE(bench.tick().empty());
    bench.session.failed("refused", bench.now);
    const auto wait = bench.session.next_tick().value() - bench.now;
    waits.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(wait).count());
    CHECK(bench.tick().empty());
    bench.now += wait;
  }
  CHECK(waits == std::vector<std::int64_t>{200, 400, 800, 1600, 3200, 5000, 5000});
  bench.follow();
  bench.session.failed("reset", bench.now);
  CHECK(bench.session.next_tick().value() - bench.now == 5000ms);  // it proved nothing yet
  bench.redial();
  bench.session.opened(bench.now);
  bench.lines({bench.source.hello(true), bench.source.heartbeat()});
  bench.session.failed("reset", bench.now);
  CHECK(bench.session.next_tick().value() - bench.now == 200ms);
}

TEST_CASE("the jitter spreads the back-off over its second half") {
  Directory replica("h1");
  auto settings = Bench::settings();
  settings.jitter = [] { return 0.0; };
  const directory::TimePoint now{std::chrono::hours(1)};
  WatchSession session(replica, settings, now);
  session.tick(now);
  session.failed("refused", now);
  CHECK(session.next_tick().value() - now == 100ms);
}

TEST_CASE("queries are handed on, unknown frames and fields are not minded") {
  Bench bench;
  bench.follow();
  CHECK(bench.line(R"({"type":"QUERY","id":"q1","question":"inventory","arguments":{"a":1},"new":2})") ==
        "answer q1 inventory {\"a\":1}\n");
  CHECK(bench.line(R"({"type":"LANTERN","light":1})").empty());
  CHECK(bench.session.live());
}

TEST_CASE("goodbyes: a name taken over is not fought for") {
  Bench bench;
  bench.follow();
  bench.line(bench.source.heartbeat());
  SECTION("shutdown") {
    CHECK(bench.line(R"({"type":"GOODBYE","title":"shutdown","detail":"bye"})") ==
          "close the controller says goodbye: shutdown bye\n");
    CHECK(bench.session.next_tick().value() - bench.now == 200ms);
  }
  SECTION("superseded") {
    CHECK(bench.line(R"({"type":"GOODBYE","title":"superseded","detail":"by 10.0.0.9"})") ==
          "close! the controller says goodbye: superseded by 10.0.0.9\n");
    CHECK(bench.session.next_tick().value() - bench.now == 5000ms);
  }
}

TEST_CASE("what breaks the contract closes the stream, and the next one starts over") {
  Bench bench;
  bench.source.commit({WatchSource::port(100, "10.0.0.5", "h2", 1)});
  const std::vector<std::string> live_breaches{
      "",
      "{",
      "[]",
      "null",
      "{}",
      R"({"type":7})",
      R"({"type":"CHANGES","revision":-1,"changes":[]})",
      R"({"type":"CHANGES","revision":5})",
      R"({"type":"CHANGES","revision":5,"changes":[{"kind":"port","shard":100,"key":"10.0.0.5/32","revision":5}]})",
      R"({"type":"HEARTBEAT","revision":5,"digest":"xyz"})",
      R"({"type":"ENTRIES","shard":100,"entries":[]})",
      R"({"type":"END_OF_SNAPSHOT","shard":100,"revision":1,"count":0,"digest":"0000000000000000"})",
      R"({"type":"END_OF_SNAPSHOTS","revision":1,"shards":[]})",
      R"({"type":"HEARTBEAT","revision":0,"digest":"0000000000000000"})",
      bench.source.hello(true),
      std::string(2'000'000, ' '),
      std::string(100'000, '['),
  };
  for (const std::string& breach : live_breaches) {
    Bench one;
    one.source = bench.source;
    one.follow();
    INFO(breach.substr(0, 100));
    CHECK(one.line(breach).rfind("close! the stream breaks its contract: ", 0) == 0);
    CHECK(one.session.counters().malformed_frames == 1);
    CHECK(one.replica.port_count() == 1);  // nothing is forgotten
    CHECK(one.redial() == first_dial);
  }
}

TEST_CASE("a HELLO that does not fit the replica is a breach") {
  Bench bench;
  bench.source.commit({WatchSource::port(100, "10.0.0.5", "h2", 1)});
  SECTION("resume without anything to resume from") {
    bench.open();
    CHECK(bench.line(bench.source.hello(true)).rfind("close! ", 0) == 0);
  }
  SECTION("resume of another incarnation, or from before the replica's revision") {
    bench.follow();
    bench.session.failed("reset", bench.now);
    bench.redial();
    bench.session.opened(bench.now);
    WatchSource other;
    other.incarnation = GENERATE("inc-1", "inc-2");
    other.revision = other.incarnation == "inc-2" ? 9 : 0;
    CHECK(bench.line(other.hello(true)).rfind("close! ", 0) == 0);
  }
  SECTION("a protocol that was not offered") {
    bench.open();
    CHECK(bench.line(WatchSource::write(ipam_api::Hello{2, "inc-1", 1, false, 5})).rfind("close! ", 0) == 0);
  }
  SECTION("not the first frame") {
    bench.open();
    CHECK(bench.line(bench.source.heartbeat()).rfind("close! ", 0) == 0);
  }
  SECTION("a list of shards with one that never ended") {
    bench.open();
    bench.line(bench.source.hello(false));
    CHECK(bench.line(bench.source.end_of_snapshots()).rfind("close! ", 0) == 0);
    CHECK_FALSE(bench.replica.complete());
  }
}

TEST_CASE("whatever is done to the lines of a stream, the replica ends equal to the source") {
  std::mt19937 random(77);
  const auto below = [&random](std::size_t bound) { return static_cast<std::size_t>(random()) % bound; };
  for (int round = 0; round < 300; ++round) {
    Bench bench;
    std::vector<std::string> lines;
    for (std::uint32_t number = 0; number < 6; ++number) {
      bench.source.commit({WatchSource::port(100 + number % 2, "10.0.0." + std::to_string(number), "h2", 0)});
    }
    lines = bench.source.snapshot();
    for (std::uint32_t number = 0; number < 6; ++number) {
      const auto port = WatchSource::port(100, "10.0.0." + std::to_string(number), "h3", 0);
      auto gone = WatchSource::tombstone(port);
      gone.generation = bench.source.revision + 1;
      lines.push_back(bench.source.commit({number % 3 == 0 ? gone : port}));
    }
    for (std::size_t damage = below(4); damage != 0; --damage) {
      const std::size_t at = below(lines.size());
      switch (below(5)) {
        case 0:
          lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(at));
          break;
        case 1:
          lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(below(lines.size())), lines[at]);
          break;
        case 2:
          std::swap(lines[at], lines[below(lines.size())]);
          break;
        case 3:
          lines[at][below(lines[at].size())] = static_cast<char>(below(256));
          break;
        default:
          lines[at].resize(below(lines[at].size()));
          break;
      }
    }
    bench.open();
    bench.lines(lines);
    for (int beat = 0; beat < 4; ++beat) {
      bench.line(bench.source.heartbeat());
    }
    for (int dials = 0; dials < 3 && !bench.session.live(); ++dials) {
      const bool resume = bench.redial().find("revision=" + std::to_string(bench.source.revision)) != std::string::npos;
      bench.session.opened(bench.now);
      if (resume) {
        bench.line(bench.source.hello(true));
      } else {
        bench.lines(bench.source.snapshot());
      }
      bench.line(bench.source.heartbeat());
    }
    INFO("round " << round);
    REQUIRE(bench.session.live());
    REQUIRE(bench.replica.sums().total() == bench.source.sums().total());
    REQUIRE(bench.replica.complete());
  }
}
