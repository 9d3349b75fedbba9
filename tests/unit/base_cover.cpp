// The smallest cover of a set of addresses: exact, and nothing of it can be joined.
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "mooring/net/cover.hpp"

using namespace mooring;
using namespace mooring::net;

namespace {

std::vector<std::string> texts(const std::vector<std::string>& ranges) {
  std::vector<IpRange> parsed;
  for (const std::string& text : ranges) {
    parsed.push_back(IpRange::parse(text).value());
  }
  std::vector<std::string> cover;
  for (const IpCidr& block : cover_of(parsed)) {
    cover.push_back(block.str());
  }
  return cover;
}
using Texts = std::vector<std::string>;

// Of 256 addresses from `base` on.
std::vector<IpRange> ranges_of(const std::set<unsigned>& set, IpAddress base, std::mt19937& random) {
  std::vector<IpRange> ranges;
  for (const unsigned one : set) {
    ranges.push_back({plus(base, one), plus(base, one)});
  }
  for (int i = 0; i < 3; ++i) {  // some of it once more, as a range
    const unsigned first = std::uniform_int_distribution<unsigned>(0, 255)(random);
    unsigned last = first;
    while (set.contains(first) && set.contains(last + 1)) {
      ++last;
    }
    if (set.contains(first)) {
      ranges.push_back({plus(base, first), plus(base, last)});
    }
  }
  std::shuffle(ranges.begin(), ranges.end(), random);
  return ranges;
}

// By trying: how few blocks do for the addresses from `first` on, `size` (a power of two) of them?
std::size_t fewest(const std::set<unsigned>& set, unsigned first, unsigned size) {
  std::size_t there = 0;
  for (unsigned i = first; i < first + size; ++i) {
    there += set.contains(i) ? 1U : 0U;
  }
  if (there == 0 || there == size) {
    return there == 0 ? 0 : 1;
  }
  return fewest(set, first, size / 2) + fewest(set, first + size / 2, size / 2);
}

}  // namespace

TEST_CASE("the cover of a few addresses", "[cover]") {
  CHECK(texts({}).empty());
  CHECK(texts({"10.0.0.1", "10.0.0.0"}) == Texts{"10.0.0.0/31"});
  CHECK(texts({"10.0.0.1", "10.0.0.2"}) == Texts{"10.0.0.1/32", "10.0.0.2/32"});
  CHECK(texts({"10.0.0.0-10.0.0.6", "10.0.0.4-10.0.0.7"}) == Texts{"10.0.0.0/29"});
  CHECK(texts({"fd00::1", "10.0.0.0/25", "fd00::", "10.0.0.128/25"}) == Texts{"10.0.0.0/24", "fd00::/127"});
  CHECK(texts({"255.255.255.255", "255.255.255.254", "::", "::1"}) == Texts{"255.255.255.254/31", "::/127"});
  CHECK(texts({"0.0.0.0/0"}) == Texts{"0.0.0.0/0"});
  CHECK(texts({"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"}) ==
        Texts{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127"});
}

TEST_CASE("any cover has exactly the addresses, in as few blocks as there can be", "[cover]") {
  std::mt19937 random(2026);
  for (int round = 0; round < 400; ++round) {
    const IpAddress base = IpAddress::parse(round % 2 == 0 ? "10.9.8.0" : "fd00::700").value();
    const unsigned density = std::uniform_int_distribution<unsigned>(1, 255)(random);
    std::set<unsigned> set;
    for (unsigned i = 0; i < 256; ++i) {
      if (std::uniform_int_distribution<unsigned>(0, 255)(random) < density) {
        set.insert(i);
      }
    }
    const std::vector<IpCidr> cover = cover_of(ranges_of(set, base, random));
    std::set<unsigned> covered;
    std::size_t count = 0;
    for (const IpCidr& block : cover) {
      for (IpAddress at = block.first();; at = next(at)) {
        covered.insert(static_cast<unsigned>(at.bits() - base.bits()));
        ++count;
        if (at == block.last()) {
          break;
        }
      }
    }
    REQUIRE(covered == set);
    REQUIRE(count == set.size());  // none twice
    REQUIRE(cover.size() == fewest(set, 0, 256));
  }
}
