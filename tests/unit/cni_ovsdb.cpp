// OVSDB's framing and its answers.
#include <catch2/catch.hpp>

#include "cni-plugin/ovsdb_client.hpp"
#include "support/catch_result.hpp"

using namespace mooring::cni;

TEST_CASE("a JSON message ends where its braces do") {
  CHECK(end_of_json(R"({"a":[1,{"b":"}"}]}{"next":1})") == 19);
  CHECK(end_of_json(R"({"a":"\"}"})") == 11);
  CHECK(end_of_json(R"({"a":)") == std::string_view::npos);
  CHECK(end_of_json("") == std::string_view::npos);
  CHECK(end_of_json(R"({"a":"\)") == std::string_view::npos);
  CHECK(end_of_json("}") == 1);
}

TEST_CASE("the operation that failed is found") {
  CHECK_FALSE(failure_of(Json::parse(R"([{},{"count":1},{"uuid":["uuid","x"]}])")));
  CHECK(failure_of(Json::parse(R"({"a":"b"})"))->error == "protocol error");
  const auto failure = failure_of(Json::parse(R"([{},{"error":"timed out","details":"late"},null])"));
  REQUIRE(failure);
  CHECK(failure->operation == 1);
  CHECK(failure->error == "timed out");
  CHECK(failure->details == "late");
}
