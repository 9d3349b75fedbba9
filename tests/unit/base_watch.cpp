// The frames of the watch stream: there and back, what is refused, and the digest with fixed vectors.
#include <catch2/catch.hpp>

#include "mooring/ipam_api/watch.hpp"

using namespace mooring;
using namespace mooring::ipam_api;
using Catch::Contains;

namespace {

Entry port(const char* key, Revision revision, Generation generation) {
  Entry entry;
  entry.kind = "port";
  entry.shard = 100;
  entry.key = key;
  entry.revision = revision;
  entry.generation = generation;
  entry.value = {{"node", "h1"},
                 {"mac", "0a:58:0a:00:00:05"},
                 {"state", "active"},
                 {"attachment", "c1/eth0"},
                 {"network", "default"}};
  return entry;
}

Entry tombstone(const char* key, Revision revision, Generation generation) {
  Entry entry = port(key, revision, generation);
  entry.deleted = true;
  entry.value = nullptr;
  return entry;
}

}  // namespace

TEST_CASE("watch: frames are written on one line and read back") {
  Query query{"q-1", "inventory", {{"deep", true}}};
  for (const Frame& frame :
       {Frame(Hello{1, "inc-1", 57, true, 5}), Frame(Entries{100, {port("10.0.0.5/32", 41, 41)}}),
        Frame(EndOfSnapshot{100, 57, 1, 0x0123456789abcdefULL}), Frame(EndOfSnapshots{57, {0, 100}}),
        Frame(Changes{58, {tombstone("10.0.0.5/32", 58, 41), port("10.0.0.6/32", 58, 58)}}), Frame(Heartbeat{58, 1}),
        Frame(query), Frame(Goodbye{"too-slow", "more than 8 MiB behind"}), Frame(Unknown{"OF_A_LATER_VERSION"})}) {
    const std::string line = write_frame(frame);
    INFO(line);
    CHECK(line.back() == '\n');
    CHECK(line.find('\n') == line.size() - 1);
    const auto read = parse_frame(line.substr(0, line.size() - 1));
    REQUIRE(read.has_value());
    CHECK(*read == frame);
  }
}

TEST_CASE("watch: the wire form is the page's") {
  CHECK(write_frame(Changes{57, {tombstone("10.0.0.5/32", 57, 41)}}) ==
        "{\"changes\":[{\"deleted\":true,\"generation\":41,\"key\":\"10.0.0.5/32\",\"kind\":\"port\",\"revision\":57,"
        "\"shard\":100}],\"revision\":57,\"type\":\"CHANGES\"}\n");
  CHECK(write_frame(Heartbeat{3, 255}) == "{\"digest\":\"00000000000000ff\",\"revision\":3,\"type\":\"HEARTBEAT\"}\n");
}

TEST_CASE("watch: what a later version adds is ignored") {
  const auto frame = parse_frame(R"({"type":"HEARTBEAT","revision":3,"digest":"00000000000000ff","load":0.5})");
  REQUIRE(frame.has_value());
  CHECK(std::get<Heartbeat>(*frame) == Heartbeat{3, 255});
  const auto kind = parse_frame(
      R"({"type":"CHANGES","revision":3,"changes":[{"kind":"block","shard":7,"key":"10.0.0.0/28","revision":3,"value":{"x":1},"y":2}]})");
  REQUIRE(kind.has_value());
  CHECK(std::get<Changes>(*kind).changes[0].kind == "block");
  CHECK(std::get<Unknown>(*parse_frame(R"({"type":"POLICY","anything":[1]})")).type == "POLICY");
}

TEST_CASE("watch: a line that breaks the contract is refused with its place") {
  struct Case {
    std::string line;
    const char* says;
  };
  const std::string entry =
      R"({"kind":"port","shard":100,"key":"10.0.0.5/32","revision":41,"generation":41,"value":{}})";
  const auto with = [&entry](const char* from, const char* to) {
    std::string text = entry;
    text.replace(text.find(from), std::string_view(from).size(), to);
    return R"({"type":"CHANGES","revision":41,"changes":[)" + text + "]}";
  };
  for (
      const Case& c :
      {Case{"", "frame is not JSON"},
       Case{"[]", "not a JSON object"},
       Case{"{}", "frame.type: is missing"},
       Case{R"({"type":7})", "frame.type: is 7"},
       Case{R"({"type":"HEARTBEAT"})", "HEARTBEAT.revision: is missing"},
       Case{R"({"type":"HEARTBEAT","revision":1,"digest":"FF"})", "HEARTBEAT.digest: 'FF' is not a digest"},
       Case{R"({"type":"HEARTBEAT","revision":-1,"digest":"00000000000000ff"})", "HEARTBEAT.revision: is -1"},
       Case{R"({"type":"HELLO","protocol":1,"incarnation":"i","revision":1,"resume":1,"heartbeat_seconds":5})",
            "HELLO.resume: is 1"},
       Case{R"({"type":"HELLO","protocol":1,"incarnation":"i","revision":1,"resume":true,"heartbeat_seconds":0})",
            "HELLO.heartbeat_seconds: is 0"},
       Case{R"({"type":"HELLO","protocol":0,"incarnation":"i","revision":1,"heartbeat_seconds":5})", "HELLO.protocol"},
       Case{R"({"type":"HELLO","protocol":1,"revision":1,"heartbeat_seconds":5})", "HELLO.incarnation: is missing"},
       Case{R"({"type":"ENTRIES","shard":1})", "ENTRIES.entries: is missing"},
       Case{R"({"type":"ENTRIES","shard":16777216,"entries":[]})", "ENTRIES.shard: shard 16777216 is above"},
       Case{R"({"type":"ENTRIES","shard":1,"entries":[)" + entry + "]}", "is of another shard"},
       Case{
           R"({"type":"ENTRIES","shard":0,"entries":[{"kind":"node","shard":0,"key":"h","revision":1,"deleted":true}]})",
           "is a tombstone in a snapshot"},
       Case{R"({"type":"END_OF_SNAPSHOTS","revision":1})", "END_OF_SNAPSHOTS.shards: is missing"},
       Case{R"({"type":"END_OF_SNAPSHOTS","revision":1,"shards":[-1]})", "-1, which is no shard"},
       Case{R"({"type":"END_OF_SNAPSHOT","shard":1,"revision":1,"digest":"00000000000000ff"})",
            "END_OF_SNAPSHOT.count: is missing"},
       Case{R"({"type":"CHANGES","revision":41,"changes":[7]})", "entry is 7, not a JSON object"},
       Case{R"({"type":"CHANGES","revision":40,"changes":[)" + entry + "]}", "has revision 41, above the frame's 40"},
       Case{with(R"("generation":41,)", ""), "entry.generation: is missing or 0"},
       Case{with(R"("shard":100)", R"("shard":0)"), "entry.shard: is missing or 0"},
       Case{with(R"("value":{})", R"("value":[])"), "entry.value"},
       Case{with(R"(,"value":{})", ""), "entry.value: is missing"},
       Case{with(R"("kind":"port")", R"("kind":"")"), "entry.kind: is missing"},
       Case{with("10.0.0.5/32", std::string(254, 'k').c_str()), "entry.key: is 254 bytes long"},
       Case{R"({"type":"QUERY","question":"inventory"})", "QUERY.id: is missing"},
       Case{R"({"type":"QUERY","id":"1","question":"inventory","arguments":[]})", "QUERY.arguments"},
       Case{R"({"type":"GOODBYE"})", "GOODBYE.title: is missing"},
       Case{std::string(100000, '['), "nested deeper than"},
       Case{std::string(max_line_bytes + 1, ' '), "at most 1048576"}}) {
    INFO(c.line.substr(0, 200));
    const auto frame = parse_frame(c.line);
    REQUIRE(frame.has_error());
    CHECK_THAT(frame.error().text(), Contains(c.says));
  }
}

TEST_CASE("watch: no prefix of a frame is taken for a frame, and nothing throws") {
  const std::string line = write_frame(Changes{58, {tombstone("10.0.0.5/32", 58, 41), port("10.0.0.6/32", 58, 58)}});
  for (std::size_t size = 0; size + 1 < line.size(); ++size) {
    INFO(size);
    CHECK(parse_frame(std::string_view(line).substr(0, size)).has_error());
  }
  // Every single damaged byte is either refused or still a frame; it is never an exception.
  for (std::size_t at = 0; at < line.size(); ++at) {
    for (const char byte : {'\0', '"', '}', '\xff', '0'}) {
      std::string damaged = line;
      damaged[at] = byte;
      CHECK_NOTHROW(parse_frame(damaged));
    }
  }
}

TEST_CASE("watch: digests of fixed vectors") {
  // Computed by an independent implementation of docs/api/watch.md.
  const Entry a = port("10.0.0.5/32", 41, 41);
  Entry b;
  b.kind = "network";
  b.key = "default";
  b.revision = 1;
  b.value = {{"isolated", false}};
  Entry c;
  c.kind = "subnet";
  c.key = "s1";
  c.revision = 18446744073709551615ULL;
  c.value = {{"vni", 16777215}, {"mtu_bytes", 1450}, {"name", "z\xc3\xbcrich"}};
  CHECK(digest_text(entry_digest(a)) == "e5b1ec26db0f0bca");
  CHECK(digest_text(entry_digest(b)) == "1eed2382e3468051");
  CHECK(digest_text(entry_digest(c)) == "fa5e83b85a4d9379");

  DigestSums sums;
  sums.add(a.shard, entry_digest(a));
  sums.add(b.shard, entry_digest(b));
  sums.add(c.shard, entry_digest(c));
  CHECK(digest_text(sums.total().digest) == "fefd936218a31f94");
  CHECK(sums.total().count == 3);
  CHECK(sums.shard(0).count == 2);
  CHECK(sums.shard(100).digest == entry_digest(a));
  CHECK(sums.shard(7) == DigestSums::Sum{});

  sums.remove(a.shard, entry_digest(a));
  CHECK(sums.shards().size() == 1);
  CHECK(sums.shard(0) == sums.total());
  sums.remove(7, 1);  // nothing there
  CHECK(sums.shard(0) == sums.total());
}

TEST_CASE("watch: each part of an entry that readers rely on changes its digest") {
  const Entry base = port("10.0.0.5/32", 41, 41);
  const auto differs = [&base](void (*change)(Entry&)) {
    Entry entry = base;
    change(entry);
    return entry_digest(entry) != entry_digest(base);
  };
  CHECK(differs([](Entry& e) { e.kind = "block"; }));
  CHECK(differs([](Entry& e) { e.shard = 101; }));
  CHECK(differs([](Entry& e) { e.key = "10.0.0.6/32"; }));
  CHECK(differs([](Entry& e) { e.revision = 42; }));
  CHECK(differs([](Entry& e) { e.value["node"] = "h2"; }));
  // A digest that was read from the wire is the one that was written.
  CHECK(entry_digest(entry_from(to_json(base)).value()) == entry_digest(base));
}

TEST_CASE("watch: digest text") {
  CHECK(parse_digest("0123456789abcdef").value() == 0x0123456789abcdefULL);
  CHECK(parse_digest(digest_text(0)).value() == 0);
  for (const char* text :
       {"", "0", "0123456789ABCDEF", "0123456789abcde", "0123456789abcdef0", "0x23456789abcdef", "g123456789abcdef"}) {
    INFO(text);
    CHECK(parse_digest(text).has_error());
  }
}

TEST_CASE("watch: the request target, there and back") {
  WatchRequest request;
  request.role = Role::node;
  request.name = "h1";
  CHECK(watch_target(request) == "/v1/watch?protocol=1&role=node&name=h1");
  request.incarnation = "inc-1";
  request.revision = 57;
  const std::string target = watch_target(request);
  CHECK(target == "/v1/watch?protocol=1&role=node&name=h1&incarnation=inc-1&revision=57");
  const auto read = watch_request_from(
      {{"protocol", "1"}, {"role", "node"}, {"name", "h1"}, {"incarnation", "inc-1"}, {"revision", "57"}});
  REQUIRE(read.has_value());
  CHECK(watch_target(*read) == target);
  CHECK(watch_request_from({{"protocol", "2"}, {"role", "observer"}})->protocol == 2);

  struct Case {
    std::map<std::string, std::string> parameters;
    const char* says;
  };
  for (const Case& c :
       {Case{{}, "protocol: is missing"}, Case{{{"role", "node"}, {"name", "h1"}}, "protocol: is missing"},
        Case{{{"protocol", "1"}, {"name", "h1"}}, "role: is missing"},
        Case{{{"protocol", "1"}, {"role", "node"}}, "name: is missing, and a node has one"},
        Case{{{"protocol", "0"}, {"role", "observer"}}, "protocol 0"},
        Case{{{"protocol", "x"}, {"role", "observer"}}, "protocol: 'x'"},
        Case{{{"protocol", "1"}, {"role", "king"}}, "'king' is not a role"},
        Case{{{"protocol", "1"}, {"role", "node"}, {"name", "H1"}}, "name 'H1'"},
        Case{{{"protocol", "1"}, {"role", "observer"}, {"revision", "-1"}}, "revision: '-1'"},
        Case{{{"protocol", "1"}, {"role", "observer"}, {"revision", "99999999999999999999"}}, "revision: '9999"},
        Case{{{"protocol", "1"}, {"role", "observer"}, {"incarnation", "a b"}}, "incarnation 'a b'"},
        Case{{{"protocol", "1"}, {"role", "observer"}, {"color", "red"}}, "watch.color is not a field"}}) {
    INFO(c.says);
    const auto refused = watch_request_from(c.parameters);
    REQUIRE(refused.has_error());
    CHECK_THAT(refused.error().text(), Contains(c.says));
  }
  CHECK(watch_request_from({{"protocol", "0"}, {"role", "observer"}}).error().code() == Errc::incompatible_version);
}
