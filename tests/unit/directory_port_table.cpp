// The table of ports, and what a replica of 100,000 of them takes.
#include <malloc.h>
#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "fakes/watch_source.hpp"
#include "mooring/directory/directory.hpp"

using namespace mooring;
using directory::Directory;
using directory::PortKey;
using fakes::WatchSource;

namespace {

net::Vni numbered_vni(std::uint32_t value) {
  return net::Vni::from(value).value();
}

}  // namespace

TEST_CASE("the port table keeps what is put and finds nothing else") {
  directory::PortTable table;
  std::map<PortKey, std::uint64_t> expected;
  std::mt19937 random(7);
  for (std::uint64_t step = 1; step < 20'000; ++step) {
    const PortKey at{numbered_vni(static_cast<std::uint32_t>(1 + random() % 3)),
                     net::Ipv4Address(static_cast<std::uint32_t>(random() % 1000))};
    if (random() % 3 == 0) {
      CHECK(table.erase(at) == (expected.erase(at) == 1));
    } else {
      directory::PortRecord record;
      record.key = at;
      record.generation = step;
      table.put(record);
      expected[at] = step;
    }
  }
  REQUIRE(table.size() == expected.size());
  std::size_t visited = 0;
  table.for_each([&](const directory::PortRecord& record) {
    ++visited;
    CHECK(expected.at(record.key) == record.generation);
  });
  CHECK(visited == expected.size());
  for (const auto& [at, generation] : expected) {
    REQUIRE(table.find(at) != nullptr);
    CHECK(table.find(at)->generation == generation);
  }
}

TEST_CASE("100,000 ports of a snapshot take less than 100 bytes each") {
  Directory replica("h1");
  const auto heap = [] { return ::mallinfo2().uordblks; };
  const std::size_t before = heap();
  replica.begin_snapshot("inc-1", false);
  for (std::uint32_t number = 0; number < 100'000; ++number) {
    const std::string address = net::Ipv4Address(0x0a000000 + number).str();
    replica.apply(WatchSource::port(100, address, "h" + std::to_string(2 + number % 100), number + 1));
  }
  replica.end_of_snapshot(100, 100'000);
  replica.end_of_snapshots(100'000, {100});
  CHECK(replica.take_changes().ports.size() == 100'000);
  CHECK(replica.port_count() == 100'000);
  const std::size_t after = heap();  // a sanitizer's heap tells 0 both times
  CHECK(after - before < 100'000 * 100);
}

TEST_CASE("the table of 100,000 ports") {
  directory::PortTable table;
  for (std::uint32_t number = 0; number < 100'000; ++number) {
    directory::PortRecord record;
    record.key = PortKey{numbered_vni(100), net::Ipv4Address(0x0a000000 + number)};
    table.put(record);
  }
  CHECK(table.size() == 100'000);
  CHECK(table.memory_bytes() < 100'000 * 86);
  CHECK(table.find(PortKey{numbered_vni(100), net::Ipv4Address(0x0a000000 + 99'999)}) != nullptr);
}
