#include <string>
#include <utility>

#include <catch2/catch.hpp>

#include "mooring/http/signature.hpp"
#include "mooring/http/url.hpp"
#include "support/catch_result.hpp"

using namespace mooring::http;

namespace {

std::string hex(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    constexpr const char* digits = "0123456789abcdef";
    text += digits[(static_cast<unsigned char>(c) >> 4) & 15];
    text += digits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

}  // namespace

TEST_CASE("a URL is an endpoint and a target") {
  const auto full = Url::parse("https://hooks.example:8443/mooring?team=net");
  REQUIRE(full);
  CHECK(full->endpoint() == Endpoint::tls("hooks.example", 8443));
  CHECK(full->target() == "/mooring?team=net");
  CHECK(full->str() == "https://hooks.example:8443/mooring?team=net");

  CHECK(Url::parse("https://hooks.example")->endpoint() == Endpoint::tls("hooks.example", 443));
  CHECK(Url::parse("http://10.0.0.9")->endpoint() == Endpoint::tcp("10.0.0.9", 80));
  CHECK(Url::parse("http://[fd00::9]/x")->endpoint() == Endpoint::tcp("fd00::9", 80));
  CHECK(Url::parse("http://[fd00::9]:81/x")->endpoint() == Endpoint::tcp("fd00::9", 81));
  CHECK(Url::parse("http://h")->target() == "/");
  CHECK(Url::parse("http://h?x=1")->target() == "/?x=1");
  CHECK(Url::parse("http://h/a:b")->target() == "/a:b");
}

TEST_CASE("URLs that are none are refused without being repeated") {
  const std::pair<std::string, std::string> cases[] = {
      {"", "neither"},
      {"ftp://h/", "neither"},
      {"HTTP://h/", "neither"},
      {"http://", "\"\" is no host name"},
      {"http:///x", "no host name"},
      {"http://h:0/", "\"0\" is no port"},
      {"http://h:65536/", "is no port"},
      {"http://h:/", "is no port"},
      {"http://h:80x/", "is no port"},
      {"http://[fd00::9", "no host name"},
      {"http://fd00::9/", "no host name"},
      {"http://[nothing]/", "is no IPv6 address"},
      {"http://user:secret@h/", "a user name or password"},
      {"http://h/#top", "fragment"},
      {"http://h/a b", "percent-encoded"},
      {"http://h/\r\nX: 1", "percent-encoded"},
      {"http://h\xc3\xa4/", "percent-encoded"},
      {"https://h/" + std::string(2048, 'a'), "at most 2048"},
  };
  for (const auto& [text, cause] : cases) {
    INFO(text);
    const auto refused = Url::parse(text);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == mooring::Errc::invalid_argument);
    CHECK(refused.error().message().find(cause) != std::string::npos);
    CHECK(refused.error().message().find("secret") == std::string::npos);
  }
}

// RFC 4231, test cases 1, 2 and 6.
TEST_CASE("HMAC-SHA256 gives what the standard's examples say") {
  CHECK(hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")) ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(hex(hmac_sha256("Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(hex(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("Base64 goes there and back, and refuses what is none") {
  CHECK(base64("") == "");
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foobar") == "Zm9vYmFy");
  const std::string all = random_bytes(257);
  CHECK(all.size() == 257);
  CHECK(base64_decoded(base64(all)) == all);
  for (const char* none : {"Zg", "Zg=", "Z===", "Zm9v YmFy", "Zm9\n", "====", "Z*9v"}) {
    INFO(none);
    CHECK_FALSE(base64_decoded(none).has_value());
  }
}
