// Addresses of either family: one text for each address, and what is refused.
#include <catch2/catch.hpp>

#include "mooring/net/ip.hpp"

using namespace mooring;
using namespace mooring::net;
using Catch::Contains;

namespace {

IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}
IpRange range(std::string_view text) {
  return IpRange::parse(text).value();
}
IpCidr cidr(std::string_view text) {
  return IpCidr::parse(text).value();
}
template <class T>
void check_refused(std::string_view text, const std::string& says) {
  INFO("'" << text << "'");
  const auto result = T::parse(text);
  REQUIRE(result.has_error());
  CHECK(result.error().code() == Errc::invalid_argument);
  CHECK_THAT(result.error().text(), Contains(says));
}

}  // namespace

TEST_CASE("addresses of either family have one text", "[ip]") {
  for (const char* text : {"0.0.0.0", "10.0.0.5", "255.255.255.255", "::", "::1", "fd00::5", "2001:db8::1:0:0:1"}) {
    CHECK(ip(text).str() == text);
  }
  CHECK(ip("FD00:0:0::0005").str() == "fd00::5");
  CHECK(ip("fd00::10.0.0.1").str() == "fd00::a00:1");
  CHECK(ip("10.0.0.5").is_v4());
  CHECK(ip("10.0.0.5") == IpAddress(Ipv4Address::parse("10.0.0.5").value()));
  CHECK(ip("10.0.0.5").v4().str() == "10.0.0.5");
  CHECK(ip("fd00::5").family() == Family::v6);
  CHECK(ip("255.255.255.255") < ip("::"));  // IPv4 first
  CHECK(ip("fd00::5") < ip("fd00::6"));
  CHECK(next(ip("fd00::ffff:ffff:ffff:ffff")).str() == "fd00:0:0:1::");
  CHECK(previous(ip("10.0.1.0")).str() == "10.0.0.255");
}

TEST_CASE("what is no address is refused with the form", "[ip]") {
  for (const char* text : {"", "10.0.0", "10.0.0.256", "010.0.0.1", " 10.0.0.1", "10.0.0.1 ", "fd00", "web"}) {
    check_refused<IpAddress>(text, "is not an IP address");
  }
  for (const char* text : {"fd00::1::2", "fd00:::1", "fd00::1%eth0", "[fd00::1]", "1:2:3:4:5:6:7:8:9", "fd00::12345"}) {
    check_refused<IpAddress>(text, "is not an IPv6 address");
  }
  check_refused<IpAddress>("::ffff:10.0.0.1", "write 10.0.0.1");
  check_refused<IpAddress>("::ffff:a00:1", "write 10.0.0.1");
}

TEST_CASE("blocks of either family", "[ip]") {
  const IpCidr v6 = cidr("fd00:10::/64");
  CHECK(v6.str() == "fd00:10::/64");
  CHECK(v6.last().str() == "fd00:10::ffff:ffff:ffff:ffff");
  CHECK(v6.contains(ip("fd00:10::1")));
  CHECK_FALSE(v6.contains(ip("fd00:10:0:1::")));
  CHECK(v6.contains(cidr("fd00:10::100/120")));
  CHECK(cidr("fd00::/16").overlaps(v6));
  CHECK_FALSE(cidr("0.0.0.0/0").overlaps(cidr("::/0")));
  CHECK_FALSE(cidr("::/0").contains(ip("10.0.0.1")));
  CHECK(cidr("10.0.0.0/8").last().str() == "10.255.255.255");
  check_refused<IpCidr>("fd00::1/64", "did you mean fd00::/64?");
  for (const char* text : {"fd00::/129", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/", "10.0.0.0", "::ffff:0:0/96"}) {
    check_refused<IpCidr>(text, "is not a CIDR block");
  }
}

TEST_CASE("ranges are written in four ways", "[ip]") {
  CHECK(range("10.0.0.10-10.0.0.20").str() == "10.0.0.10-10.0.0.20");
  CHECK(range("10.0.0.10..10.0.0.20") == range("10.0.0.10-10.0.0.20"));
  CHECK(range("10.0.0.16/28") == range("10.0.0.16-10.0.0.31"));
  CHECK(range("10.0.0.5").str() == "10.0.0.5");
  CHECK(range("fd00::10-fd00::1f").size() == 16);
  CHECK(range("fd00::/64").size() == ~std::uint64_t{0});
  CHECK(range("fd00::/60").size() == ~std::uint64_t{0});
  CHECK(range("10.0.0.0/8").size() == 1U << 24);
  CHECK_FALSE(range("10.0.0.0/8").overlaps(range("::/1")));
  CHECK(range("10.0.0.1-10.0.0.5").overlaps(range("10.0.0.5-10.0.0.9")));
  check_refused<IpRange>("10.0.0.20-10.0.0.10", "did you mean 10.0.0.10-10.0.0.20?");
  for (const char* text : {"", "10.0.0.1-", "-10.0.0.1", "10.0.0.1-fd00::1", "10.0.0.1...10.0.0.2", "10.0.0.1-2"}) {
    check_refused<IpRange>(text, "is not an address range");
  }
}

TEST_CASE("a pair has one address of each family", "[ip]") {
  AddressPair pair;
  CHECK(pair.empty());
  CHECK(pair.str() == "none");
  pair.set(ip("fd00::5"));
  CHECK(pair.primary() == ip("fd00::5"));
  pair.set(ip("10.0.0.5"));
  CHECK(pair.dual());
  CHECK(pair.primary() == ip("10.0.0.5"));
  CHECK(pair.str() == "10.0.0.5, fd00::5");
  pair.set(ip("10.0.0.6"));
  CHECK(pair.all() == std::vector<IpAddress>{ip("10.0.0.6"), ip("fd00::5")});
  CHECK_FALSE(pair.contains(ip("10.0.0.5")));
}
