// Bytes from outside, damaged at random: every reader of ipam_api answers with a value or an error, never with an
// exception, and what it accepts it can write and read again. Short here, for long with [full].
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "mooring/ipam_api/messages.hpp"
#include "mooring/ipam_api/watch.hpp"

using namespace mooring;
using namespace mooring::ipam_api;

namespace {

const std::vector<std::string>& seeds() {
  static const std::vector<std::string> texts = {
      R"({"type":"HELLO","protocol":1,"incarnation":"i1","revision":57,"resume":true,"heartbeat_seconds":5})",
      R"({"type":"ENTRIES","shard":100,"entries":[{"kind":"port","shard":100,"key":"10.0.0.5/32","revision":41,)"
      R"("generation":41,"value":{"node":"h1","state":"active"}}]})",
      R"({"type":"END_OF_SNAPSHOT","shard":100,"revision":57,"count":1,"digest":"0123456789abcdef"})",
      R"({"type":"END_OF_SNAPSHOTS","revision":57,"shards":[0,100]})",
      R"({"type":"CHANGES","revision":58,"changes":[{"kind":"port","shard":100,"key":"10.0.0.5/32","revision":58,)"
      R"("generation":41,"deleted":true}]})",
      R"({"type":"QUERY","id":"q","question":"inventory","arguments":{"deep":[1,2.5,null,"\u00fc"]}})",
      R"({"type":"GOODBYE","title":"shutdown","detail":"\"bye\""})",
      R"({"node":"h1","attachment":{"container_id":"c1","ifname":"eth0"},"namespace":"shop","hostname":"db-0",)"
      R"("interface_ordinal":1,"wishes":{"address":"10.0.0.5","mac":"0a:58:0a:00:00:05","kind":"static"}})",
      R"({"node":"h1","vni":100,"address":"10.0.0.5","generation":7,"reason":"gone"})",
      R"({"machine_id":"m","vtep":"172.31.0.1","version":"0.1.0","network":"default"})",
      R"({"type":"about:blank#in-use","title":"in-use","status":409,"detail":"x","hint":"y"})"};
  return texts;
}

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  std::string next() {
    std::string text = pick(seeds());
    for (auto damages = 1 + below(4); damages > 0; --damages) {
      damage(text);
    }
    return text;
  }

 private:
  std::size_t below(std::size_t bound) { return random_() % bound; }
  const std::string& pick(const std::vector<std::string>& from) { return from[below(from.size())]; }

  void damage(std::string& text) {
    static const std::vector<std::string> tokens = {
        "null",       "true",    "-1",        "1e999",      "18446744073709551616",
        "4294967296", "0.5",     "\"\"",      "[]",         "{}",
        "\\u0000",    "\\ud800", "\xff",      "\xc3",       std::string("\0", 1),
        "[[[[[[[[",   "}}}}",    "\"type\":", "10.0.0.256", "::",
        "/",          "..",      ",,",        ":"};
    const std::size_t at = below(text.size() + 1);
    switch (below(6)) {
      case 0:
        text.insert(at, pick(tokens));
        break;
      case 1:
        text.resize(at);
        break;
      case 2:
        text.erase(at, below(12));
        break;
      case 3:
        if (at < text.size()) {
          text[at] = static_cast<char>(random_());
        }
        break;
      case 4:
        text.replace(at, std::min(below(12), text.size() - at), pick(tokens));
        break;
      default: {
        const std::string& other = pick(seeds());
        text.replace(at, text.size() - at, other.substr(below(other.size())));
      }
    }
  }

  std::minstd_rand random_;
};

// What a reader accepts, it writes, reads again and writes alike.
template <class T>
void check_reader(const Json& json, Result<T> (*read)(const Json&)) {
  const Result<T> value = read(json);
  if (!value) {
    CHECK_FALSE(value.error().message().empty());
    return;
  }
  const Json written = to_json(*value);
  const Result<T> again = read(written);
  REQUIRE(again.has_value());
  CHECK(to_json(*again) == written);
}

void feed(const std::string& text) {
  if (const auto frame = parse_frame(text)) {
    const std::string written = write_frame(*frame);
    CHECK(written.find('\n') == written.size() - 1);
    const auto again = parse_frame(std::string_view(written).substr(0, written.size() - 1));
    REQUIRE(again.has_value());
    CHECK(*again == *frame);
  }
  CHECK_FALSE(error_from_problem(500, text).info().id.empty());
  if (const auto json = parse_json("body", text)) {
    check_reader(*json, &entry_from);
    check_reader(*json, &allocate_request_from);
    check_reader(*json, &allocation_from);
    check_reader(*json, &release_request_from);
    check_reader(*json, &confirm_request_from);
    check_reader(*json, &registration_from);
    check_reader(*json, &registration_answer_from);
    check_reader(*json, &wishes_from);
    check_reader(*json, &dns_from);
    check_reader(*json, &route_from);
    check_reader(*json, &attachment_from);
  }
}

void feed_mutated(int count, unsigned seed) {
  Mutator mutator(seed);
  for (int i = 0; i < count; ++i) {
    const std::string text = mutator.next();
    INFO("seed " << seed << " number " << i << ": " << text);
    CHECK_NOTHROW(feed(text));
  }
}

}  // namespace

TEST_CASE("mutated: the texts that damage starts from are good") {
  int accepted = 0;
  for (const std::string& text : seeds()) {
    feed(text);
    const auto json = parse_json("seed", text);
    REQUIRE(json.has_value());
    accepted += allocate_request_from(*json).has_value() || release_request_from(*json).has_value() ||
                        registration_from(*json).has_value() || error_from_problem(409, text).code() == Errc::in_use ||
                        (parse_frame(text).has_value() && json->contains("type"))
                    ? 1
                    : 0;
  }
  CHECK(accepted == static_cast<int>(seeds().size()));
}

TEST_CASE("mutated: damaged messages are refused or understood, never fatal") {
  feed_mutated(3000, std::random_device()());
}

TEST_CASE("mutated: damaged messages, for long", "[full]") {
  feed_mutated(1'000'000, std::random_device()());
}
