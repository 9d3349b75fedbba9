// What goes down the watch streams: the encoded directory, and what waits for a reader.
#include <map>

#include <catch2/catch.hpp>

#include "ipam-controller/api/directory_image.hpp"
#include "ipam-controller/api/outbox.hpp"

using namespace mooring;
using namespace mooring::controller;
using ipam_api::Frame;

namespace {

Change port(int number, Revision revision) {
  Change entry;
  entry.kind = "port";
  entry.shard = 100;
  entry.key = "10.0." + std::to_string(number / 256) + "." + std::to_string(number % 256) + "/32";
  entry.revision = entry.generation = revision;
  entry.value = {{"node", "h1"}, {"state", "active"}};
  return entry;
}

Change node(const char* name, Revision revision) {
  Change entry;
  entry.kind = "node";
  entry.key = name;
  entry.revision = revision;
  entry.value = {{"vtep", "172.31.0.1"}};
  return entry;
}

Change tombstone(Change entry, Revision revision) {
  entry.revision = revision;
  entry.deleted = true;
  entry.value = nullptr;
  return entry;
}

// A reader that believes what it is told.
struct Replica {
  std::map<std::string, ipam_api::Entry> entries;
  std::vector<Frame> frames;

  void read(const std::string& text) {
    std::size_t at = 0;
    while (at < text.size()) {
      const auto end = text.find('\n', at);
      REQUIRE(end != std::string::npos);
      REQUIRE(end - at <= ipam_api::max_line_bytes);
      const auto frame = ipam_api::parse_frame(std::string_view(text).substr(at, end - at));
      REQUIRE(frame.has_value());
      frames.push_back(*frame);
      if (const auto* part = std::get_if<ipam_api::Entries>(&*frame)) {
        CHECK(part->entries.size() <= ipam_api::max_entries_a_frame);
        CHECK_FALSE(part->entries.empty());
        for (const auto& entry : part->entries) {
          CHECK(entries.emplace(entry.kind + " " + entry.key, entry).second);
        }
      }
      at = end + 1;
    }
  }
  ipam_api::Digest digest() const {
    ipam_api::Digest sum = 0;
    for (const auto& [key, entry] : entries) {
      sum += ipam_api::entry_digest(entry);
    }
    return sum;
  }
};

Replica replica_of(DirectoryImage& image) {
  Replica replica;
  const auto snapshot = image.snapshot(0);
  for (const Lines& block : snapshot->blocks) {
    replica.read(*block);
  }
  return replica;
}

}  // namespace

TEST_CASE("watch image: a snapshot has every entry once, ends each shard and itself") {
  DirectoryImage image;
  std::vector<Change> entries = {node("h1", 1)};
  for (int i = 0; i < 1201; ++i) {
    entries.push_back(port(i, 2 + static_cast<Revision>(i)));
  }
  image.load(1300, entries);
  const Replica replica = replica_of(image);
  CHECK(replica.entries.size() == 1202);
  CHECK(replica.digest() == image.digests().total().digest);

  std::vector<ipam_api::EndOfSnapshot> ends;
  for (const Frame& frame : replica.frames) {
    if (const auto* end = std::get_if<ipam_api::EndOfSnapshot>(&frame)) {
      ends.push_back(*end);
    }
  }
  REQUIRE(ends.size() == 2);
  CHECK(ends[0].shard == 0);
  CHECK(ends[0].count == 1);
  CHECK(ends[1].shard == 100);
  CHECK(ends[1].count == 1201);
  CHECK(ends[0].digest + ends[1].digest == image.digests().total().digest);
  const auto last = std::get<ipam_api::EndOfSnapshots>(replica.frames.back());
  CHECK(last.revision == 1300);
  CHECK(last.shards == std::vector<ipam_api::Shard>{0, 100});
}

TEST_CASE("watch image: an empty directory is a snapshot too") {
  DirectoryImage image;
  image.load(7, {});
  const Replica replica = replica_of(image);
  REQUIRE(replica.frames.size() == 1);
  CHECK(std::get<ipam_api::EndOfSnapshots>(replica.frames[0]) == ipam_api::EndOfSnapshots{7, {}});
}

TEST_CASE("watch image: changes give the frame of the contract and move the digest") {
  DirectoryImage image;
  image.load(3, {node("h1", 1), port(1, 2), port(2, 3)});

  const ChangeSet changes{4, {tombstone(port(1, 2), 4), port(2, 4), port(3, 4)}};
  CHECK(image.apply(changes) == ipam_api::write_frame(changes));
  CHECK(image.revision() == 4);
  CHECK(image.digests().total().count == 3);
  const Replica replica = replica_of(image);
  CHECK(replica.entries.at("port 10.0.0.2/32").revision == 4);
  CHECK(replica.digest() == image.digests().total().digest);

  // A tombstone of what is not there changes nothing; the last entry of a shard takes the shard with it.
  image.apply(ChangeSet{5, {tombstone(port(9, 1), 5)}});
  CHECK(image.digests().total().count == 3);
  image.apply(ChangeSet{6, {tombstone(port(2, 4), 6), tombstone(port(3, 4), 6)}});
  CHECK(image.digests().shards().size() == 1);
  CHECK(std::get<ipam_api::EndOfSnapshots>(replica_of(image).frames.back()).shards == std::vector<ipam_api::Shard>{0});
}

TEST_CASE("watch image: kinds of one key do not mix") {
  DirectoryImage image;
  Change gateway = node("x", 2);
  gateway.kind = "gateway";
  image.load(2, {node("x", 1), gateway});
  CHECK(image.digests().total().count == 2);
  image.apply(ChangeSet{3, {tombstone(node("x", 1), 3)}});
  CHECK(replica_of(image).entries.count("gateway x") == 1);
}

TEST_CASE("watch image: a snapshot that is being sent is shared until it is too old") {
  DirectoryImage image;
  image.load(10, {node("h1", 1)});
  const auto first = image.snapshot(5);
  image.apply(ChangeSet{12, {node("h2", 12)}});
  CHECK(image.snapshot(5) == first);
  CHECK(image.snapshot(0) != first);
  image.apply(ChangeSet{17, {node("h3", 17)}});
  CHECK(image.snapshot(5)->revision == 17);
}

TEST_CASE("outbox: blocks leave in order, small ones together") {
  Outbox outbox(1000);
  const auto block = [](std::size_t size, char c) { return std::make_shared<const std::string>(size, c); };
  CHECK(outbox.empty());
  const Lines alone = block(10, 'a');
  CHECK(outbox.push(alone));
  CHECK(outbox.bytes() == 10);
  CHECK(outbox.take() == alone);  // the very same bytes
  CHECK(outbox.bytes() == 0);

  CHECK(outbox.push(block(2, 'a')));
  CHECK(outbox.push(block(1, 'b')));
  CHECK(outbox.push(block(3, 'c')));
  CHECK(*outbox.take() == "aabccc");
  CHECK(outbox.empty());
}

TEST_CASE("outbox: a big block is not copied for the sake of a small one") {
  Outbox outbox(std::size_t{8} << 20);
  const Lines big = std::make_shared<const std::string>(std::size_t{256} * 1024, 'x');
  outbox.push(big);
  outbox.push(std::make_shared<const std::string>("y"));
  CHECK(outbox.take() == big);
  CHECK(*outbox.take() == "y");
}

TEST_CASE("outbox: the bound holds, and last words replace what waits") {
  Outbox outbox(100);
  const Lines block = std::make_shared<const std::string>(60, 'x');
  CHECK(outbox.push(block));
  CHECK_FALSE(outbox.push(block));
  CHECK(outbox.bytes() == 60);
  outbox.end("bye\n");
  CHECK(outbox.ended());
  CHECK(outbox.push(block));  // nobody hears it
  outbox.end("second\n");
  CHECK(*outbox.take() == "bye\n");
  CHECK(outbox.empty());
}
