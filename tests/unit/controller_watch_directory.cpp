// What goes down the watch streams: snapshots and digests of the directory, the newest frames, what waits for a reader.
#include <map>

#include <catch2/catch.hpp>

#include "ipam-controller/api/directory_digests.hpp"
#include "ipam-controller/api/directory_snapshot.hpp"
#include "ipam-controller/api/live_frames.hpp"
#include "ipam-controller/api/outbox.hpp"
#include "ipam-controller/api/wake_round.hpp"

using namespace mooring;
using namespace mooring::controller;
using ipam_api::Frame;

namespace {

net::IpAddress address(std::string_view text) {
  return net::IpAddress::parse(text).value();
}

Port port(int number, Revision revision, std::uint32_t vni = 100) {
  Port made;
  made.owner = {"default", "shop", "web-" + std::to_string(number), 0};
  made.subnet = "s" + std::to_string(vni);
  made.vni = net::Vni::from(vni).value();
  made.addresses.set(address("10.0." + std::to_string(number / 256) + "." + std::to_string(number % 256)));
  made.mac = mac_from(made.addresses);
  made.node = "h1";
  made.attachment = {"c" + std::to_string(number), "eth0"};
  made.generation = made.revision = revision;
  made.id = port_id_of(revision);
  return made;
}

Node node(const std::string& name, Revision revision) {
  Node made;
  made.name = name;
  made.vtep = address("172.31.0.1").v4();
  made.revision = revision;
  return made;
}

// A state with a network, and a subnet of each of those VNIs.
struct World {
  explicit World(const std::vector<std::uint32_t>& vnis = {100}) {
    state.apply(Network{"default", false, 1});
    for (const std::uint32_t vni : vnis) {
      Subnet subnet;
      subnet.name = "s" + std::to_string(vni);
      subnet.vni = net::Vni::from(vni).value();
      subnet.blocks = {{net::IpCidr::parse("10.0.0.0/16").value(), address("10.0.0.1")}};
      subnet.revision = 1;
      state.apply(subnet);
    }
  }
  // As a transaction does: the rows, and what is published of them.
  ChangeSet put(const Port& object) {
    state.apply(object);
    return {object.revision, entries_of(object)};
  }
  ChangeSet erase(const Port& object, Revision revision) {
    state.apply(Erase<Port>{object.key()});
    ChangeSet changes{revision, entries_of(object)};
    for (Change& change : changes.changes) {
      change = tombstone_of(change, revision);
    }
    return changes;
  }
  State state;
};

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
          CHECK(entry.shard == part->shard);
          CHECK(entries.emplace(std::to_string(entry.shard) + " " + entry.kind + " " + entry.key, entry).second);
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

Replica replica_of(DirectorySnapshot& snapshot) {
  Replica replica;
  for (std::size_t i = 0; i < snapshot.parts(); ++i) {
    replica.read(*snapshot.part(i));
  }
  return replica;
}

}  // namespace

TEST_CASE("watch: a snapshot has every entry once, ends each shard and itself") {
  World world({100, 200, 300});
  for (int i = 16; i < 16 + 1201; ++i) {
    world.state.apply(port(i, static_cast<Revision>(i)));
  }
  for (int i = 16; i < 19; ++i) {
    world.state.apply(port(i, static_cast<Revision>(2000 + i), 300));
  }
  Port dual = port(20, 3000, 300);
  dual.addresses.set(address("fd00::20"));
  world.state.apply(dual);
  DirectoryDigests digests;
  digests.load(world.state, 3000);
  CHECK(digests.revision() == 3000);
  DirectorySnapshot snapshot(world.state, 3000, digests.sums());
  const Replica replica = replica_of(snapshot);
  CHECK(replica.entries.size() == 4 + 1201 + 3 + 2);
  CHECK(replica.digest() == digests.sums().total().digest);
  CHECK(replica.entries.at("300 port6 fd00::20/128").generation == 3000);

  std::vector<ipam_api::EndOfSnapshot> ends;
  for (const Frame& frame : replica.frames) {
    if (const auto* end = std::get_if<ipam_api::EndOfSnapshot>(&frame)) {
      ends.push_back(*end);
    }
  }
  REQUIRE(ends.size() == 3);
  CHECK(ends[0].shard == 0);
  CHECK(ends[0].count == 4);
  CHECK(ends[1].shard == 100);
  CHECK(ends[1].count == 1201);
  CHECK(ends[2].shard == 300);
  CHECK(ends[2].count == 5);
  CHECK(ends[0].digest + ends[1].digest + ends[2].digest == digests.sums().total().digest);
  const auto last = std::get<ipam_api::EndOfSnapshots>(replica.frames.back());
  CHECK(last.revision == 3000);
  CHECK(last.shards == std::vector<ipam_api::Shard>{0, 100, 300});
}

TEST_CASE("watch: an empty directory is a snapshot too") {
  const State nothing;
  DirectoryDigests digests;
  digests.load(nothing, 7);
  DirectorySnapshot snapshot(nothing, 7, digests.sums());
  const Replica replica = replica_of(snapshot);
  REQUIRE(replica.frames.size() == 1);
  CHECK(std::get<ipam_api::EndOfSnapshots>(replica.frames[0]) == ipam_api::EndOfSnapshots{7, {}});
}

TEST_CASE("watch: a snapshot stays as of its revision, and its parts are shared") {
  World world;
  world.state.apply(port(16, 2));
  world.state.apply(port(17, 3));
  DirectoryDigests digests;
  digests.load(world.state, 3);
  DirectorySnapshot snapshot(world.state, 3, digests.sums());
  world.erase(port(16, 2), 4);
  Port moved = port(17, 5);
  moved.node = "h2";
  world.put(moved);
  const Replica replica = replica_of(snapshot);
  CHECK(replica.digest() == digests.sums().total().digest);
  CHECK(replica.entries.at("100 port 10.0.0.17/32").value["node"] == "h1");
  CHECK(replica.entries.count("100 port 10.0.0.16/32") == 1);
  CHECK(snapshot.part(0) == snapshot.part(0));
}

TEST_CASE("watch: changes give the frame of the contract and move the digests") {
  World world;
  DirectoryDigests digests;
  world.state.apply(node("h1", 1));
  world.state.apply(port(16, 2));
  world.state.apply(port(17, 3));
  digests.load(world.state, 3);

  ChangeSet changes = world.erase(port(16, 2), 4);
  for (const Port& put : {port(17, 4), port(18, 4)}) {
    for (const Change& change : world.put(put).changes) {
      changes.changes.push_back(change);
    }
  }
  const auto frame = ipam_api::parse_frame(frame_of(changes));
  REQUIRE(frame.has_value());
  CHECK(ipam_api::write_frame(*frame) == frame_of(changes));
  CHECK(frame_of(logged(changes)) == frame_of(changes));
  const auto& parsed = std::get<ipam_api::Changes>(*frame);
  REQUIRE(parsed.changes.size() == 3);
  CHECK(parsed.changes[0].deleted);
  CHECK(ipam_api::entry_digest(parsed.changes[1]) == changes.changes[1].digest);

  digests.apply(changes);
  CHECK(digests.revision() == 4);
  CHECK(digests.sums().total().count == 2 + 3);
  DirectorySnapshot snapshot(world.state, 4, digests.sums());
  const Replica replica = replica_of(snapshot);
  CHECK(replica.entries.at("100 port 10.0.0.17/32").revision == 4);
  CHECK(replica.digest() == digests.sums().total().digest);

  // A tombstone of what is not there changes nothing; the last entry of a shard takes the shard with it.
  digests.apply(world.erase(port(99, 1), 5));
  CHECK(digests.sums().total().count == 5);
  digests.apply(world.erase(port(17, 4), 6));
  digests.apply(world.erase(port(18, 4), 7));
  CHECK(digests.sums().shards().size() == 1);
  DirectorySnapshot without(world.state, 7, digests.sums());
  CHECK(std::get<ipam_api::EndOfSnapshots>(replica_of(without).frames.back()).shards ==
        std::vector<ipam_api::Shard>{0});
}

TEST_CASE("watch: kinds of one key do not mix") {
  State state;
  Gateway gateway;
  gateway.name = "x";
  gateway.revision = 2;
  state.apply(gateway);
  state.apply(node("x", 1));
  DirectoryDigests digests;
  digests.load(state, 2);
  CHECK(digests.sums().total().count == 2);
  digests.apply({3, {tombstone_of(entries_of(node("x", 1))[0], 3)}});
  CHECK(digests.sums().total().count == 1);
  CHECK(digests.sums().total().digest == entries_of(gateway)[0].digest);
}

TEST_CASE("a round that begins before the last one is over goes on where that one was") {
  std::map<std::uint64_t, int> readers = {{1, 0}, {2, 0}, {3, 0}, {5, 0}};
  WakeRound round;
  const auto told = [&](int most) {
    std::vector<std::uint64_t> numbers;
    for (auto one = round.next(readers); most > 0 && one != readers.end(); one = round.next(readers)) {
      numbers.push_back(one->first);
      if (--most == 0) {
        break;
      }
    }
    return numbers;
  };
  using Numbers = std::vector<std::uint64_t>;
  CHECK(told(9).empty());  // nothing has begun
  round.begin();
  CHECK(told(2) == Numbers{1, 2});
  round.begin();  // and again before 3 and 5 were told
  CHECK(told(3) == Numbers{3, 5, 1});
  readers.erase(1);
  readers.emplace(6, 0);  // came in after the last block: may be told or not
  CHECK(told(9) == Numbers{2});
  CHECK(round.over());
  CHECK(told(9).empty());
  round.begin();
  CHECK(told(9) == Numbers{3, 5, 6, 2});
  readers.clear();
  round.begin();
  CHECK(told(9).empty());
}

TEST_CASE("live frames: a block for each flush, and small ones leave together") {
  LiveFrames live(1000);
  live.start(5);
  auto reader = live.after(5);
  REQUIRE(reader.has_value());
  CHECK(live.at_end(*reader));
  live.add(6, "six\n");
  live.add(8, "eight\n");
  CHECK(live.gathering());
  CHECK(live.at_end(*reader));  // not before flush()
  live.flush();
  CHECK_FALSE(live.gathering());
  auto other = reader;
  const Lines block = live.take(*reader);
  CHECK(*block == "six\neight\n");
  CHECK(live.take(*other) == block);  // the very same bytes
  CHECK(live.at_end(*reader));

  live.add(9, "nine\n");
  live.flush();
  live.add(10, "ten\n");
  live.flush();
  CHECK(*live.take(*reader) == "nine\nten\n");
}

TEST_CASE("live frames: a big block is not copied for the sake of a small one") {
  LiveFrames live(std::size_t{8} << 20);
  auto reader = live.after(0);
  live.add(1, std::string(std::size_t{256} * 1024, 'x'));
  live.flush();
  live.add(2, "y");
  live.flush();
  CHECK(live.take(*reader)->size() == std::size_t{256} * 1024);
  CHECK(*live.take(*reader) == "y");
}

TEST_CASE("live frames: a reader goes on anywhere in what is kept") {
  LiveFrames live(1000);
  live.start(5);
  live.add(6, "six\n");
  live.add(8, "eight\n");
  live.flush();
  live.add(9, "nine\n");
  live.flush();
  const auto text_after = [&](Revision revision) {
    auto reader = live.after(revision).value();
    std::string text;
    while (!live.at_end(reader)) {
      text += *live.take(reader);
    }
    return text;
  };
  CHECK_FALSE(live.after(4).has_value());
  CHECK(text_after(5) == "six\neight\nnine\n");
  CHECK(text_after(6) == "eight\nnine\n");
  CHECK(text_after(7) == "eight\nnine\n");
  CHECK(text_after(8) == "nine\n");
  CHECK(text_after(9).empty());
}

TEST_CASE("live frames: the oldest go when there are too many bytes, and who needs them is lost") {
  LiveFrames live(100);
  live.start(0);
  const auto slow = live.after(0);
  for (Revision revision = 1; revision <= 4; ++revision) {
    live.add(revision, std::string(40, 'x'));
    CHECK(live.flush() == (revision > 2));
  }
  CHECK(live.bytes() == 80);
  CHECK(live.lost(*slow));
  CHECK_FALSE(live.after(1).has_value());
  CHECK_FALSE(live.lost(live.after(2).value()));
  // One that is larger than all that may be kept still reaches everybody who is not behind.
  auto quick = live.after(4);
  live.add(5, std::string(500, 'y'));
  CHECK(live.flush());
  CHECK_FALSE(live.lost(*quick));
  CHECK(live.take(*quick)->size() == 500);
}

TEST_CASE("outbox: lines in order, the bound holds, and last words replace what waits") {
  Outbox outbox(100);
  CHECK(outbox.empty());
  CHECK(outbox.push("first\n"));
  CHECK(outbox.push("second\n"));
  CHECK(*outbox.take() == "first\n");
  CHECK(outbox.bytes() == 7);
  CHECK_FALSE(outbox.push(std::string(100, 'x')));
  outbox.end("bye\n");
  CHECK(outbox.ended());
  CHECK(outbox.push("third\n"));  // nobody hears it
  outbox.end("once more\n");
  CHECK(*outbox.take() == "bye\n");
  CHECK(outbox.empty());
}
