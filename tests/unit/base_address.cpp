// Addresses: what is accepted, what is refused and what the refusal says.
#include <catch2/catch.hpp>

#include "mooring/net/address.hpp"

using namespace mooring;
using namespace mooring::net;
using Catch::Contains;

namespace {

struct Refused {
  const char* text;
  const char* says;
};

template <class T>
void check_refused(const Refused& c) {
  INFO("'" << c.text << "'");
  const auto result = T::parse(c.text);
  REQUIRE(result.has_error());
  CHECK(result.error().code() == Errc::invalid_argument);
  CHECK_THAT(result.error().text(), Contains(c.says));
  CHECK_THAT(result.error().text(), Contains(c.text));
}

Ipv4Address ip(const char* text) {
  return Ipv4Address::parse(text).value();
}
Cidr cidr(const char* text) {
  return Cidr::parse(text).value();
}

}  // namespace

TEST_CASE("IPv4 addresses") {
  for (const char* text : {"0.0.0.0", "10.0.0.5", "192.168.255.1", "255.255.255.255"}) {
    CHECK(ip(text).str() == text);
  }
  CHECK(ip("10.0.0.1").bits() == 0x0a000001U);
  CHECK(ip("9.255.255.255") < ip("10.0.0.0"));
  for (const char* text : {"", "10", "10.0.0", "10.0.0.", ".10.0.0", "10.0.0.0.0", "10.0.0.256", "10.0.0.1 ",
                           " 10.0.0.1", "10.0.0.01", "010.0.0.1", "10.0.0.-1", "10.0.0.+1", "10.0.0.0x1", "10..0.1",
                           "10.0.0.1/24", "a.b.c.d", "10.0.0.99999999999999999999", "::1"}) {
    check_refused<Ipv4Address>({text, "is not an IPv4 address"});
  }
}

TEST_CASE("CIDR blocks") {
  for (const char* text : {"0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/24", "10.0.0.5/32", "128.0.0.0/1"}) {
    CHECK(cidr(text).str() == text);
  }
  CHECK(cidr("10.0.0.0/24").last() == ip("10.0.0.255"));
  CHECK(cidr("10.0.0.0/24").netmask() == ip("255.255.255.0"));
  CHECK(cidr("0.0.0.0/0").last() == ip("255.255.255.255"));
  CHECK(cidr("0.0.0.0/0").netmask() == ip("0.0.0.0"));
  for (const char* text : {"", "/", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/-1",
                           "10.0.0.0/24/", "10.0.0/24", "10.0.0.0 /24", "10.0.0.0/ 24", "10.0.0.0/255.255.255.0"}) {
    check_refused<Cidr>({text, "is not a CIDR block"});
  }
  check_refused<Cidr>({"10.0.0.1/24", "did you mean 10.0.0.0/24?"});
  check_refused<Cidr>({"10.0.0.1/0", "did you mean 0.0.0.0/0?"});
}

TEST_CASE("CIDR blocks contain and overlap") {
  CHECK(cidr("10.0.0.0/24").contains(ip("10.0.0.255")));
  CHECK_FALSE(cidr("10.0.0.0/24").contains(ip("10.0.1.0")));
  CHECK(cidr("0.0.0.0/0").contains(ip("255.1.2.3")));
  CHECK(cidr("10.0.0.0/8").contains(cidr("10.9.0.0/16")));
  CHECK_FALSE(cidr("10.9.0.0/16").contains(cidr("10.0.0.0/8")));
  CHECK(cidr("10.9.0.0/16").overlaps(cidr("10.0.0.0/8")));
  CHECK_FALSE(cidr("10.0.0.0/25").overlaps(cidr("10.0.0.128/25")));
}

TEST_CASE("interface addresses keep their host bits") {
  const auto address = InterfaceAddress::parse("10.0.0.5/24").value();
  CHECK(address.address == ip("10.0.0.5"));
  CHECK(address.prefix_length == 24);
  CHECK(address.str() == "10.0.0.5/24");
  for (const char* text : {"10.0.0.5", "10.0.0.5/", "/24", "10.0.0.5/33"}) {
    check_refused<InterfaceAddress>({text, "is not an address with a prefix length"});
  }
}

TEST_CASE("address ranges in all four spellings") {
  struct Case {
    const char* text;
    const char* first;
    const char* last;
    std::uint64_t size;
    const char* shown;
  };
  for (const Case& c : {Case{"10.0.0.10-10.0.0.20", "10.0.0.10", "10.0.0.20", 11, "10.0.0.10-10.0.0.20"},
                        Case{"10.0.0.10..10.0.0.20", "10.0.0.10", "10.0.0.20", 11, "10.0.0.10-10.0.0.20"},
                        Case{"10.0.0.0/28", "10.0.0.0", "10.0.0.15", 16, "10.0.0.0-10.0.0.15"},
                        Case{"10.0.0.10", "10.0.0.10", "10.0.0.10", 1, "10.0.0.10"},
                        Case{"10.0.0.7-10.0.0.7", "10.0.0.7", "10.0.0.7", 1, "10.0.0.7"},
                        Case{"0.0.0.0/0", "0.0.0.0", "255.255.255.255", 4294967296, "0.0.0.0-255.255.255.255"}}) {
    INFO(c.text);
    const auto range = AddressRange::parse(c.text).value();
    CHECK(range.first == ip(c.first));
    CHECK(range.last == ip(c.last));
    CHECK(range.size() == c.size);
    CHECK(range.str() == c.shown);
    CHECK(AddressRange::parse(range.str()).value() == range);
  }
  for (const char* text : {"", "-", "..", "10.0.0.1-", "-10.0.0.1", "10.0.0.1..", "10.0.0.1-20", "10.0.0.1 - 10.0.0.2",
                           "10.0.0.1...10.0.0.2", "10.0.0.1-10.0.0.2-10.0.0.3", "10.0.0.1,10.0.0.2"}) {
    check_refused<AddressRange>({text, "is not an address range"});
  }
  check_refused<AddressRange>({"10.0.0.20-10.0.0.10", "did you mean 10.0.0.10-10.0.0.20?"});
  check_refused<AddressRange>({"10.0.0.1/28", "did you mean 10.0.0.0/28?"});
}

TEST_CASE("address ranges contain and overlap") {
  const auto range = AddressRange::parse("10.0.0.10-10.0.0.20").value();
  CHECK(range.contains(ip("10.0.0.10")));
  CHECK(range.contains(ip("10.0.0.20")));
  CHECK_FALSE(range.contains(ip("10.0.0.9")));
  CHECK_FALSE(range.contains(ip("10.0.0.21")));
  CHECK(range.overlaps(AddressRange::parse("10.0.0.20-10.0.0.30").value()));
  CHECK_FALSE(range.overlaps(AddressRange::parse("10.0.0.21-10.0.0.30").value()));
}

TEST_CASE("MAC addresses") {
  CHECK(MacAddress::parse("0A:58:0a:00:00:05").value().str() == "0a:58:0a:00:00:05");
  for (const char* text :
       {"", "0a:58:0a:00:00", "0a:58:0a:00:00:05:06", "0a-58-0a-00-00-05", "0a:58:0a:00:00:0g", "0a580a000005",
        "0a:58:0a:00:00: 5", "+a:58:0a:00:00:05", "0x:58:0a:00:00:05", "0a:58:0a:00:00:-5"}) {
    check_refused<MacAddress>({text, "is not a MAC address"});
  }
  check_refused<MacAddress>({"01:00:5e:00:00:01", "is a multicast address"});
  check_refused<MacAddress>({"ff:ff:ff:ff:ff:ff", "is a multicast address"});
  check_refused<MacAddress>({"00:00:00:00:00:00", "is not a usable MAC address"});
}

TEST_CASE("VNIs") {
  CHECK(Vni::from(1).value().str() == "1");
  CHECK(Vni::from(16777215).value().value() == 16777215U);
  for (const std::uint64_t value :
       {std::uint64_t{0}, std::uint64_t{16777216}, std::uint64_t{1} << 32, ~std::uint64_t{0}}) {
    const auto vni = Vni::from(value);
    REQUIRE(vni.has_error());
    CHECK_THAT(vni.error().text(), Contains(std::to_string(value)) && Contains("1 to 16777215"));
  }
}
