// Who claims addresses without holding them: told once, folded, over after a while, remembered over a restart.
#include <catch2/catch.hpp>

#include "ipam-controller/observe/rogues.hpp"

using namespace mooring;
using namespace mooring::controller;

namespace {

Sighting sighting(const std::string& address, const std::string& mac) {
  Sighting seen;
  seen.network = "default";
  seen.address = net::IpAddress::parse(address).value();
  seen.mac = net::MacAddress::parse(mac).value();
  seen.reporter = "gateway gw1";
  seen.where = "interface eth1";
  seen.holder = "shop/db-0 on node h1";
  return seen;
}

}  // namespace

TEST_CASE("rogues: one who goes on is one event, and ends when it is quiet") {
  Rogues rogues;
  const auto first = rogues.offer(sighting("10.0.0.5", "02:00:00:00:00:09"), 1'000);
  REQUIRE(first);
  CHECK(first->type == "address.rogue");
  CHECK(first->subject == "address/default/10.0.0.5");
  CHECK(first->text ==
        "10.0.0.5 of network default is claimed by MAC 02:00:00:00:00:09, interface eth1 of gateway gw1; shop/db-0 on "
        "node h1 holds it");
  CHECK_FALSE(rogues.offer(sighting("10.0.0.5", "02:00:00:00:00:09"), 200'000));
  CHECK(rogues.offer(sighting("10.0.0.5", "02:00:00:00:00:0a"), 200'000));  // another machine
  CHECK(rogues.due(1'000 + Rogues::quiet_ms).empty());                      // it was seen since
  const auto over = rogues.due(200'000 + Rogues::quiet_ms);
  REQUIRE(over.size() == 2);
  CHECK(over.front().type == "address.rogue-gone");
  CHECK(over.front().details["count"] == 2);
  CHECK(rogues.size() == 0);
}

TEST_CASE("rogues: what was told in an earlier life is not told again, and ends") {
  Rogues before;
  auto told = before.offer(sighting("fd00::5", "02:00:00:00:00:09"), 1'000);
  REQUIRE(told);
  told->at_ms = 1'000;
  Rogues now;
  now.recall(*told);
  CHECK(now.size() == 1);
  CHECK_FALSE(now.offer(sighting("fd00::5", "02:00:00:00:00:09"), 2'000));
  const auto over = now.due(2'000 + Rogues::quiet_ms);
  REQUIRE(over.size() == 1);
  now.recall(*told);
  now.recall(over.front());
  CHECK(now.size() == 0);
}

TEST_CASE("rogues: only so many are kept") {
  Rogues rogues;
  for (std::size_t i = 0; i < Rogues::max_rogues + 5; ++i) {
    const std::string address = "10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250);
    rogues.offer(sighting(address, "02:00:00:00:00:09"), static_cast<std::int64_t>(i));
  }
  CHECK(rogues.size() == Rogues::max_rogues);
}
