// Checkpoints: what was taken out comes back, damaged ones are refused, and the stream goes on from one.
#include <filesystem>
#include <random>

#include <catch2/catch.hpp>

#include "mooring/directory/checkpoint.hpp"
#include "support/temporary_folder.hpp"

using namespace mooring;
using directory::Directory;

namespace {

ipam_api::Entry entry(const char* kind, ipam_api::Shard shard, std::string key, std::uint64_t revision,
                      const char* value) {
  ipam_api::Entry made;
  made.kind = kind;
  made.shard = shard;
  made.key = std::move(key);
  made.revision = revision;
  made.generation = shard == 0 ? 0 : revision;
  made.value = ipam_api::Json::parse(value);
  return made;
}

std::vector<ipam_api::Entry> everything() {
  return {
      entry("network", 0, "default", 1, R"({"isolated":false})"),
      entry("subnet", 0, "s", 2,
            R"({"network":"default","vni":100,"cidr":"10.0.0.0/24","gateway":"10.0.0.1","mtu_bytes":1450})"),
      entry("subnet6", 0, "s", 2,
            R"({"network":"default","vni":100,"cidr":"fd00::/64","gateway":"fd00::1","mtu_bytes":1450})"),
      entry("pool", 0, "p", 3, R"({"subnet":"s","ranges":["10.0.0.2-10.0.0.9"]})"),
      entry("node", 0, "h1", 4, R"({"vtep":"172.31.0.1"})"),
      entry("gateway", 0, "g1", 5, R"({"vtep":"172.31.0.9","network":"default"})"),
      entry("tomorrow", 0, "x", 6, R"({"what":"\"only a later version knows"})"),
      entry("port", 100, "10.0.0.2/32", 7,
            R"({"node":"h1","mac":"0a:58:0a:00:00:02","state":"active","attachment":"c1/eth0","network":"default"})"),
      entry("port", 100, "10.0.0.3/32", 8,
            R"({"node":"h2","mac":"0a:58:0a:00:00:03","state":"pending","attachment":"c2/eth0","network":"default"})"),
      entry("extra", 100, "10.0.0.7/32", 8, R"({"node":"h1","mac":"0a:58:0a:00:00:02","attachment":"c1/eth0"})"),
      entry("port6", 100, "fd00::3/128", 8,
            R"({"node":"h2","mac":"0a:58:0a:00:00:03","state":"pending","attachment":"c2/eth0","network":"default"})"),
  };
}

void fill(Directory& directory) {
  directory.begin_snapshot("inc-1", false);
  for (const auto& one : everything()) {
    directory.apply(one);
  }
  directory.end_of_snapshot(0, 8);
  directory.end_of_snapshot(100, 8);
  directory.end_of_snapshots(9, {0, 100});
}

directory::PortKey key(const char* address) {
  return {net::Vni::from(100).value(), net::IpAddress::parse(address).value()};
}

}  // namespace

TEST_CASE("a directory that is not whole has no image") {
  Directory directory("h1");
  CHECK_FALSE(directory.image());
  directory.begin_snapshot("inc-1", false);
  CHECK_FALSE(directory.image());
}

TEST_CASE("what a checkpoint holds comes back, and the stream goes on from there") {
  Directory before("h1");
  fill(before);
  const auto read = directory::read_image(directory::write_image(before.image().value()));
  REQUIRE(read.has_value());
  Directory after("h1");
  REQUIRE(after.restore(*read));
  CHECK(after.complete());
  CHECK(after.revision() == 9);
  CHECK(after.incarnation() == "inc-1");
  CHECK(after.sums().total() == before.sums().total());
  CHECK(after.sums().shards() == before.sums().shards());
  CHECK(after.port_count() == 4);
  CHECK(after.find(key("10.0.0.7"))->extra);
  CHECK(after.extras_of("c1/eth0").size() == 1);
  CHECK(after.find(key("10.0.0.2"))->attachment == "c1/eth0");
  CHECK(after.find(key("10.0.0.2"))->own);
  CHECK(after.find(key("fd00::3"))->node == "h2");
  CHECK(after.find(key("fd00::3"))->state == directory::PortState::pending);
  CHECK(after.vtep_of("h1")->str() == "172.31.0.1");
  CHECK(after.subnets(net::Family::v6).at("s").gateway.str() == "fd00::1");
  CHECK(after.gateways().at("g1").network == "default");
  CHECK(after.pools().at("p").ranges.size() == 1);
  CHECK(after.known_absent(key("10.0.0.4"), 9));
  CHECK_FALSE(after.known_absent(key("10.0.0.4"), 10));
  const auto changes = after.take_changes();
  CHECK(changes.ports.size() == 4);
  CHECK(changes.layout);
  // Deltas: a newer port, a tombstone, a change of the kind that only a later version knows.
  for (Directory* each : {&before, &after}) {
    auto moved = entry("port", 100, "10.0.0.3/32", 10,
                       R"({"node":"h1","mac":"0a:58:0a:00:00:03","state":"active","attachment":"c9/eth0"})");
    each->apply(moved);
    auto gone = entry("port", 100, "10.0.0.2/32", 11, "null");
    gone.generation = 7;
    gone.deleted = true;
    each->apply(gone);
    auto let_go = entry("extra", 100, "10.0.0.7/32", 12, "null");
    let_go.generation = 8;
    let_go.deleted = true;
    each->apply(let_go);
    each->apply(entry("tomorrow", 0, "x", 12, R"({"what":2})"));
    each->advance(12);
  }
  CHECK(after.find(key("10.0.0.3"))->own);
  CHECK_FALSE(after.find(key("10.0.0.2")));
  CHECK_FALSE(after.find(key("10.0.0.7")));
  CHECK(after.sums().total() == before.sums().total());
  CHECK(directory::write_image(after.image().value()) == directory::write_image(before.image().value()));
}

TEST_CASE("a checkpoint that is damaged anywhere is refused") {
  Directory directory("h1");
  fill(directory);
  const std::string whole = directory::write_image(directory.image().value());
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    CHECK(directory::read_image(std::string_view(whole).substr(0, size)).has_error());
  }
  std::minstd_rand random(7);
  for (int i = 0; i < 2000; ++i) {
    std::string text = whole;
    text[random() % text.size()] ^= static_cast<char>(1U << (random() % 8));
    CHECK(directory::read_image(text).has_error());
  }
}

TEST_CASE("lines that fit their checksum and make no sense are refused too") {
  Directory directory("h1");
  fill(directory);
  auto image = directory.image().value();
  SECTION("the digest") {
    image.digest ^= 1;
    Directory other("h1");
    CHECK_FALSE(other.restore(image));
    CHECK_FALSE(other.complete());
    CHECK(other.port_count() == 0);
  }
  SECTION("a name that is not there") {
    image.ports[0].node = 99;
    Directory other("h1");
    CHECK_FALSE(other.restore(image));
  }
  SECTION("mutated text with a checksum made for it") {
    std::minstd_rand random(11);
    const std::string whole = directory::write_image(image);
    const std::string body = whole.substr(0, whole.rfind("{\"checksum"));
    std::size_t read = 0;
    for (int i = 0; i < 3000; ++i) {
      std::string text = body;
      text[random() % text.size()] = static_cast<char>(random() % 256);
      if (const auto made = directory::read_image(directory::with_checksum(text))) {
        ++read;
        Directory other("h1");
        static_cast<void>(other.restore(*made));  // taken or not: it must not fall over
      }
    }
    CHECK(read > 0);
  }
}

TEST_CASE("a file is whole or not there") {
  const tests::TemporaryFolder folder;
  const std::string path = folder.path("directory");
  CHECK(directory::load_checkpoint(path).error().code() == Errc::not_found);
  Directory directory("h1");
  fill(directory);
  REQUIRE(directory::save_checkpoint(path, directory.image().value()));
  CHECK(directory::load_checkpoint(path)->ports.size() == 4);
  CHECK_FALSE(std::filesystem::exists(path + ".new"));
  std::filesystem::resize_file(path, 100);
  CHECK(directory::load_checkpoint(path).error().code() == Errc::undecodable);
  CHECK(directory::load_checkpoint(path).error().message().find(path) != std::string::npos);
  CHECK(directory::save_checkpoint(folder.path("no/such"), directory.image().value()).error().code() == Errc::storage);
}
