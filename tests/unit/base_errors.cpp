// The error table and the way of an error over the wire.
#include <set>

#include <catch2/catch.hpp>

#include "mooring/base/error.hpp"
#include "mooring/ipam_api/messages.hpp"

using namespace mooring;

TEST_CASE("every error code has a row of its own") {
  int expected = 0;
  std::set<std::string_view> ids;
  for (const ErrcInfo& row : all_errors()) {
    INFO(row.id);
    // Rows are in the order of the enumeration, none left out.
    CHECK(static_cast<int>(row.code) == expected++);
    CHECK(ids.insert(row.id).second);
    CHECK(info(row.code).id == row.id);
    CHECK(info_by_id(row.id).code == row.code);
    CHECK(row.http_status >= 400);
    CHECK(row.http_status < 600);
    CHECK(row.cni_code > 0);
    CHECK((row.exit_code == 1 || row.exit_code == 2));
    CHECK(row.id.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") == std::string_view::npos);
  }
  CHECK(expected == static_cast<int>(Errc::check_failed) + 1);
}

TEST_CASE("CNI codes that the specification fixes") {
  // CNI 1.1, section 5.
  CHECK(info(Errc::incompatible_version).cni_code == 1);
  CHECK(info(Errc::unsupported).cni_code == 2);
  CHECK(info(Errc::bad_environment).cni_code == 4);
  CHECK(info(Errc::io).cni_code == 5);
  CHECK(info(Errc::invalid_config).cni_code == 7);
  CHECK(info(Errc::unavailable).cni_code == 11);
  for (const ErrcInfo& row : all_errors()) {
    INFO(row.id);
    CHECK((row.cni_code <= 11 || row.cni_code == 50 || row.cni_code == 51 || row.cni_code >= 100));
  }
}

TEST_CASE("an unknown error id is internal") {
  CHECK(info_by_id("no-such-id").code == Errc::internal);
  CHECK(info_by_id("").code == Errc::internal);
}

TEST_CASE("an error keeps its code and hint when its context grows") {
  const Error inner(Errc::exhausted, "pool p has no free address", "add a range");
  const Error outer = inner.within("allocating for shop/db-0");
  CHECK(outer.code() == Errc::exhausted);
  CHECK(outer.message() == "allocating for shop/db-0: pool p has no free address");
  CHECK(outer.hint() == "add a range");
  CHECK(outer.text() == "allocating for shop/db-0: pool p has no free address (add a range)");
  CHECK(Error(Errc::io, "m").text() == "m");
}

TEST_CASE("an unchecked error is loud") {
  const Result<int> result = Error(Errc::not_found, "no such pool");
  CHECK_THROWS_WITH(result.value(), Catch::Contains("no such pool"));
}

TEST_CASE("an error survives the way over the wire as a problem") {
  for (const ErrcInfo& row : all_errors()) {
    const Error sent(row.code, "what happened to p", "the way out");
    const ipam_api::Json problem = ipam_api::problem_from(sent);
    CHECK(problem["status"] == row.http_status);
    CHECK(problem["type"] == "about:blank#" + std::string(row.id));
    const Error read = ipam_api::error_from_problem(row.http_status, problem.dump());
    CHECK(read.code() == sent.code());
    CHECK(read.message() == sent.message());
    CHECK(read.hint() == sent.hint());
  }
  CHECK_FALSE(ipam_api::problem_from(Error(Errc::io, "m")).contains("hint"));
}

TEST_CASE("an answer that is no problem is unavailable and tells the status") {
  for (const char* body : {"", "<html>502</html>", "[]", "{}", R"({"title":7})", "{\"title\":"}) {
    INFO(body);
    const Error error = ipam_api::error_from_problem(502, body);
    CHECK(error.code() == Errc::unavailable);
    CHECK_THAT(error.message(), Catch::Contains("502"));
  }
}
