// Times as people write them, who had an address when, and copies of the ledger verified without a controller.
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "ipam-controller/cli/audit_copy.hpp"
#include "ipam-controller/cli/holdings.hpp"
#include "ipam-controller/cli/times.hpp"
#include "mooring/http/sha256.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::ctl;

namespace {

struct Utc {
  Utc() {
    ::setenv("TZ", "UTC0", 1);
    ::tzset();
  }
};

Json port(const std::string& node, int generation) {
  return {{"namespace", "shop"}, {"hostname", "db-0"}, {"network", "default"},     {"address", "10.0.3.7"},
          {"node", node},        {"mac", "0a:58"},     {"generation", generation}, {"created_ms", 500}};
}

Json record(std::int64_t at_ms, Json before, Json after, const std::string& reason = "") {
  return {{"kind", "port"},           {"key", "10.0.3.7 of VNI 100"},
          {"at_ms", at_ms},           {"actor", {{"kind", "node"}, {"name", "h1"}}},
          {"reason", reason},         {"before", std::move(before)},
          {"after", std::move(after)}};
}

// Two records in one segment.
std::string copy_text() {
  http::Sha256 sha256;
  const std::string none = ipam_api::no_hash();
  const std::string first = sha256.of(none, R"({"seq":1})");
  const std::string second = sha256.of(first, R"({"seq":2})");
  ipam_api::AuditSegment segment;
  segment.incarnation = "abc";
  segment.last_seq = 2;
  segment.previous_hash = ipam_api::hash_text(none);
  segment.last_hash = ipam_api::hash_text(second);
  return header_line(segment) + "\n" + ipam_api::record_line(ipam_api::hash_text(first), R"({"seq":1})") + "\n" +
         ipam_api::record_line(segment.last_hash, R"({"seq":2})") + "\n";
}

Result<AuditCopy> verified(const std::string& text) {
  const std::string path =
      (std::filesystem::temp_directory_path() / fmt::format("mooring-audit-{}", ::getpid())).string();
  std::ofstream(path) << text;
  auto copy = verify_copy(path, AuditCopy());
  std::filesystem::remove(path);
  return copy;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

}  // namespace

TEST_CASE("times are read as people write them") {
  const Utc utc;
  const std::int64_t now = parse_time("2026-11-26T12:00:00Z", 0).value();  // a Thursday
  const auto shown = [&](std::string_view text) { return time_text(parse_time(text, now).value()); };
  CHECK(shown("2026-11-21 14:00") == "2026-11-21T14:00:00Z");
  CHECK(shown("2026-11-21T14:00:30.25+01:30") == "2026-11-21T12:30:30Z");
  CHECK(shown("2026-11-21") == "2026-11-21T00:00:00Z");
  CHECK(shown("Tuesday 14:00") == "2026-11-24T14:00:00Z");
  CHECK(shown("thu 11:59") == "2026-11-26T11:59:00Z");
  CHECK(shown("thursday 12:01") == "2026-11-19T12:01:00Z");  // today's is still to come
  CHECK(shown("12:01") == "2026-11-25T12:01:00Z");
  CHECK(shown("yesterday 14:00") == "2026-11-25T14:00:00Z");
  CHECK(shown("2h ago") == "2026-11-26T10:00:00Z");
  CHECK(shown("now") == "2026-11-26T12:00:00Z");
  for (const char* wrong : {"", "noon", "2026-13-01", "25:00", "h ago", "2y ago", "2026-11-21 14:00 x", "tuesday x"}) {
    CAPTURE(wrong);
    CHECK(parse_time(wrong, now).error().code() == Errc::invalid_argument);
  }
}

TEST_CASE("who had an address when is put together from the records") {
  Holdings holdings;
  holdings.add(record(1000, nullptr, port("h1", 1)));
  holdings.add(record(2000, port("h1", 1), port("h2", 2)));  // taken over
  holdings.add(record(3000, port("h2", 2), nullptr, "cni-del"));
  REQUIRE(holdings.all().size() == 2);
  const Holding& first = holdings.all()[0];
  CHECK(first.pod == "shop/db-0");
  CHECK(first.addresses == "10.0.3.7");
  CHECK(first.node == "h1");
  CHECK(first.by == "node h1");
  CHECK(first.at(1000));
  CHECK_FALSE(first.at(2000));
  const Holding& second = holdings.all()[1];
  CHECK(second.node == "h2");
  CHECK(second.at(2000));
  CHECK_FALSE(second.at(3000));
  CHECK(second.ended_by == "node h1: cni-del");
}

TEST_CASE("a holding whose beginning was pruned began when the port says") {
  Holdings holdings;
  holdings.add(record(3000, port("h2", 2), nullptr));
  REQUIRE(holdings.all().size() == 1);
  CHECK(holdings.all()[0].from_ms == 500);
  CHECK(holdings.all()[0].by.empty());
  CHECK(holdings.all()[0].to_ms == 3000);
}

TEST_CASE("a copy of the ledger is verified, and what was changed in it is named") {
  const std::string text = copy_text();
  const auto whole = verified(text);
  REQUIRE(whole);
  CHECK(whole->records == 2);
  CHECK(whole->last_seq == 2);
  const auto changed = verified(replaced(text, R"({"seq":2}})", R"({"seq":3}})"));
  REQUIRE_FALSE(changed);
  CHECK(changed.error().code() == Errc::check_failed);
  CHECK(changed.error().message().find("record 2 does not fit") != std::string::npos);
  const auto shortened = verified(text.substr(0, text.rfind("{\"hash\"")));
  REQUIRE_FALSE(shortened);
  CHECK(shortened.error().message().find("the segment ends with record 1") != std::string::npos);
  CHECK(verified("").error().code() == Errc::check_failed);
  CHECK(verified("hello\n").error().code() == Errc::check_failed);
}
