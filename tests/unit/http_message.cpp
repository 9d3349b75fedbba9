#include <catch2/catch.hpp>

#include "mooring/http/endpoint.hpp"
#include "mooring/http/message.hpp"
#include "support/catch_result.hpp"

using namespace mooring::http;
using mooring::Errc;
using mooring::Error;

TEST_CASE("endpoints are read as they are written") {
  for (const std::string text : {"unix:/run/mooring/controller.sock", "http://127.0.0.1:7480", "http://[::1]:7480",
                                 "http://controller.example:1"}) {
    const auto endpoint = Endpoint::parse(text);
    REQUIRE(endpoint);
    CHECK(endpoint->str() == text);
  }
  CHECK(Endpoint::parse("http://10.0.0.1:80/")->str() == "http://10.0.0.1:80");
  CHECK(Endpoint::parse("http://[::1]:7480")->host() == "::1");
  CHECK(Endpoint::parse("unix:/a")->kind() == Endpoint::Kind::unix_socket);
}

TEST_CASE("what is no endpoint is refused with the accepted forms") {
  const std::string text = GENERATE(as<std::string>(), "", "/run/x.sock", "unix:", "unix:relative", "https://h:1",
                                    "http://h", "http://h:0", "http://h:65536", "http://h:80x", "http://h:80/path",
                                    "http://:80", "http://[::1]", "http://[::z]:1", "http://a b:1", "http://u@h:1");
  INFO(text);
  const auto endpoint = Endpoint::parse(text);
  REQUIRE_FALSE(endpoint);
  CHECK(endpoint.error().code() == Errc::invalid_argument);
  CHECK(endpoint.error().hint().find("unix:/run") != std::string::npos);
  CHECK_FALSE(Endpoint::parse("unix:/" + std::string(107, 'x')));
  CHECK(Endpoint::parse("unix:/" + std::string(106, 'x')));
}

TEST_CASE("an error becomes a problem document with the status of its row") {
  const Response response =
      problem(Error(Errc::exhausted, "allocating in pool \"p\": 0 of 9 free\n\x01\xff", "add a range"));
  CHECK(response.status == 409);
  CHECK(response.content_type == "application/problem+json");
  CHECK(response.body == R"({"type":"about:blank#pool-exhausted","title":"pool-exhausted","status":409,)"
                         R"("detail":"allocating in pool \"p\": 0 of 9 free\u000a\u0001\u00ff","hint":"add a range"})");
}

TEST_CASE("a secret is the same only as itself, and an empty one opens nothing") {
  CHECK(same_secret("abc", "abc"));
  CHECK_FALSE(same_secret("abc", "abd"));
  CHECK_FALSE(same_secret("abc", "ab"));
  CHECK_FALSE(same_secret("", ""));
}

TEST_CASE("the bearer token is read in any case of its scheme") {
  Request request;
  CHECK(request.bearer_token().empty());
  request.headers.emplace_back("authorization", "bearer t0ken");
  CHECK(request.bearer_token() == "t0ken");
  request.headers.front().second = "Basic t0ken";
  CHECK(request.bearer_token().empty());
  request.headers.front().second = "Bearer ";
  CHECK(request.bearer_token().empty());
}

TEST_CASE("percent-encoding goes there and back for every byte") {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) {
    all += static_cast<char>(byte);
  }
  CHECK(percent_encoded("a/b c") == "a%2Fb%20c");
  CHECK(percent_decoded(percent_encoded(all)).value() == all);
  CHECK_FALSE(percent_decoded("%"));
  CHECK_FALSE(percent_decoded("%4"));
  CHECK_FALSE(percent_decoded("%4g"));
}
