// Attachments, hostnames and names of objects.
#include <catch2/catch.hpp>

#include "mooring/ipam_api/names.hpp"

using namespace mooring;
using namespace mooring::ipam_api;
using Catch::Contains;

TEST_CASE("attachments") {
  const std::string longest(255, 'c');
  const std::string too_long(256, 'c');
  for (const std::string id : {"c", "0abc", "a_b.c-d", longest.c_str()}) {
    for (const std::string ifname : {"e", "eth0", "net-1.100@x", "fifteen-bytes-0"}) {
      const auto attachment = make_attachment(id, ifname);
      REQUIRE(attachment.has_value());
      CHECK(parse_attachment(attachment->str()).value() == *attachment);
    }
  }
  for (const std::string id : {"", "-a", ".a", "_a", "a b", "a/b", "a\n", "a\xc3\xa9", too_long.c_str()}) {
    INFO(id);
    const auto refused = make_attachment(id, "eth0");
    REQUIRE(refused.has_error());
    CHECK(refused.error().code() == Errc::invalid_argument);
    CHECK_THAT(refused.error().message(), Contains("container_id"));
  }
  for (const std::string ifname :
       {"", ".", "..", "a/b", "a:b", "a b", "a\t", "sixteen-bytes-00", "a\x7f", "\xc3\xa9"}) {
    INFO(ifname);
    const auto refused = make_attachment("c1", ifname);
    REQUIRE(refused.has_error());
    CHECK_THAT(refused.error().message(), Contains("ifname"));
  }
  for (const char* text : {"", "c1", "/", "/eth0", "c1/", "c1/eth0/eth1"}) {
    INFO(text);
    CHECK(parse_attachment(text).has_error());
  }
}

TEST_CASE("hostnames") {
  const std::string label(63, 'a');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  REQUIRE(longest.size() == 253);
  const std::string long_label = label + "a";
  const std::string too_long = longest + "b";
  for (const std::string text : {"a", "db-0", "0", "a.b.c", label.c_str(), longest.c_str()}) {
    CHECK(parse_hostname("hostname", text).value() == text);
  }
  CHECK(parse_hostname("hostname", "DB-0.Shop").value() == "db-0.shop");
  for (const std::string text : {"", ".", "a.", ".a", "a..b", "-a", "a-", "a_b", "a b", "a/b", "a\n", "z\xc3\xbcrich",
                                 long_label.c_str(), too_long.c_str()}) {
    INFO(text);
    const auto refused = parse_hostname("hostname", text);
    REQUIRE(refused.has_error());
    CHECK(refused.error().code() == Errc::invalid_argument);
    CHECK_THAT(refused.error().message(), Contains("hostname '"));
    CHECK_FALSE(refused.error().hint().empty());
  }
}

TEST_CASE("names of objects") {
  const std::string longest(63, 'a');
  const std::string too_long(64, 'a');
  for (const std::string text : {"a", "default", "shop-fixed", "0", longest.c_str()}) {
    CHECK(parse_name("pool", text).value() == text);
  }
  for (const std::string text : {"", "Shop", "a.b", "-a", "a-", "a_b", "a b", "a/b", "..", too_long.c_str()}) {
    INFO(text);
    const auto refused = parse_name("pool", text);
    REQUIRE(refused.has_error());
    CHECK_THAT(refused.error().message(), Contains("pool '"));
  }
}
