// Which address comes next: the bitmap and the ranges around it.
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "fakes/controller_engine.hpp"
#include "ipam-controller/domain/address_pool.hpp"
#include "ipam-controller/domain/bitmap.hpp"
#include "ipam-controller/domain/ranges.hpp"

using namespace mooring::controller;
using namespace mooring::controller::fakes;

namespace {

Subnet web() {
  Subnet subnet;
  subnet.name = "web";
  subnet.network = default_network;
  subnet.vni = vni(100);
  subnet.blocks = {{cidr("10.0.0.0/24"), ip("10.0.0.1")}};
  return subnet;
}

Pool pool_of(const std::vector<std::string>& ranges, const std::vector<std::string>& exclusions = {}) {
  Pool pool;
  pool.name = "web";
  pool.subnet = "web";
  for (const auto& text : ranges) {
    pool.ranges.push_back(range(text));
  }
  for (const auto& text : exclusions) {
    pool.exclusions.push_back(range(text));
  }
  return pool;
}

}  // namespace

TEST_CASE("a bitmap gives out every number once, and again when it came back", "[domain]") {
  for (const std::uint64_t size : {1ULL, 2ULL, 63ULL, 64ULL, 65ULL, 4095ULL, 4096ULL, 4097ULL, 300000ULL}) {
    CAPTURE(size);
    Bitmap bits(size);
    std::uint64_t next = 0;
    for (std::uint64_t i = 0; i < size; ++i) {
      const auto found = bits.next_free(next);
      REQUIRE(found == i);
      REQUIRE(bits.take(*found));
      next = *found + 1;
    }
    CHECK(bits.free_count() == 0);
    CHECK_FALSE(bits.next_free(0));
    CHECK_FALSE(bits.take(size - 1));
    CHECK(bits.give_back(size / 2));
    CHECK_FALSE(bits.give_back(size / 2));
    CHECK(bits.next_free(0) == size / 2);
    CHECK(bits.next_free(size - 1) == size / 2);  // around the end
  }
  CHECK_FALSE(Bitmap(0).next_free(0));
}

TEST_CASE("a bitmap agrees with a plain set under random use", "[domain]") {
  std::mt19937 random(7);
  for (const std::uint64_t size : {70ULL, 5000ULL}) {
    Bitmap bits(size);
    std::set<std::uint64_t> free;
    for (std::uint64_t i = 0; i < size; ++i) {
      free.insert(i);
    }
    for (int step = 0; step < 20000; ++step) {
      const std::uint64_t at = random() % size;
      // Phases that fill up and phases that empty.
      if (random() % 10 < ((step / 5000) % 2 == 0 ? 8U : 2U)) {
        REQUIRE(bits.take(at) == (free.erase(at) == 1));
      } else {
        REQUIRE(bits.give_back(at) == free.insert(at).second);
      }
      const std::uint64_t from = random() % size;
      auto expected = free.lower_bound(from);
      if (expected == free.end()) {
        expected = free.begin();
      }
      const auto found = bits.next_free(from);
      REQUIRE(found.has_value() == !free.empty());
      if (found) {
        REQUIRE(*found == *expected);
      }
      REQUIRE(bits.free_count() == free.size());
    }
  }
}

TEST_CASE("ranges are cut", "[domain]") {
  const auto cut = [](const std::vector<std::string>& ranges, const std::vector<std::string>& cuts) {
    const Pool pool = pool_of(ranges, cuts);
    return text_of(subtract(pool.ranges, pool.exclusions));
  };
  CHECK(cut({"10.0.0.1-10.0.0.9"}, {}) == "10.0.0.1-10.0.0.9");
  CHECK(cut({"10.0.0.1-10.0.0.9"}, {"10.0.0.1", "10.0.0.9"}) == "10.0.0.2-10.0.0.8");
  CHECK(cut({"10.0.0.1-10.0.0.9"}, {"10.0.0.4-10.0.0.5", "10.0.0.2"}) == "10.0.0.1, 10.0.0.3, 10.0.0.6-10.0.0.9");
  CHECK(cut({"10.0.0.1-10.0.0.9"}, {"10.0.0.0-10.0.0.20"}).empty());
  CHECK(cut({"10.0.0.1-10.0.0.3", "10.0.0.7-10.0.0.9"}, {"10.0.0.3-10.0.0.7"}) ==
        "10.0.0.1-10.0.0.2, 10.0.0.8-10.0.0.9");
  CHECK(cut({"255.255.255.250-255.255.255.255"}, {"255.255.255.255"}) == "255.255.255.250-255.255.255.254");
}

TEST_CASE("a pool never gives network, broadcast, gateway or excluded addresses", "[domain]") {
  AddressPool pool(web(), pool_of({"10.0.0.0/29", "10.0.0.250-10.0.0.255"}, {"10.0.0.3-10.0.0.4"}),
                   mooring::net::Family::v4);
  CHECK(pool.size() == 9);
  std::vector<std::string> given;
  for (Generation generation = 1; const auto next = pool.propose(Strategy::next); ++generation) {
    given.push_back(next->str());
    pool.take(*next);
    pool.turn_after(*next, generation);
  }
  CHECK(given == std::vector<std::string>{"10.0.0.2", "10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.250", "10.0.0.251",
                                          "10.0.0.252", "10.0.0.253", "10.0.0.254"});
  CHECK(pool.free_count() == 0);
  CHECK_FALSE(pool.contains(ip("10.0.0.1")));
  CHECK_FALSE(pool.contains(ip("10.0.0.3")));
  CHECK_FALSE(pool.contains(ip("10.0.0.100")));
  CHECK_FALSE(pool.contains(ip("9.255.255.255")));
}

TEST_CASE("an address that was given back rests until its turn comes", "[domain]") {
  AddressPool pool(web(), pool_of({"10.0.0.10-10.0.0.13"}), mooring::net::Family::v4);
  const auto give = [&](Generation generation) {
    const auto next = *pool.propose(Strategy::next);
    pool.take(next);
    pool.turn_after(next, generation);
    return next.str();
  };
  CHECK(give(1) == "10.0.0.10");
  CHECK(give(2) == "10.0.0.11");
  pool.give_back(ip("10.0.0.10"));
  CHECK(give(3) == "10.0.0.12");
  CHECK(give(4) == "10.0.0.13");
  CHECK(give(5) == "10.0.0.10");

  SECTION("also after a restart, in whatever order the ports are loaded") {
    AddressPool again(web(), pool_of({"10.0.0.10-10.0.0.13"}), mooring::net::Family::v4);
    again.take(ip("10.0.0.12"));
    again.turn_after(ip("10.0.0.12"), 3);
    again.take(ip("10.0.0.11"));
    again.turn_after(ip("10.0.0.11"), 2);
    CHECK(again.propose(Strategy::next) == ip("10.0.0.13"));
  }
}
