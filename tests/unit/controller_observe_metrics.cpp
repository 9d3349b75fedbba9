// The text that Prometheus reads.
#include <limits>

#include <catch2/catch.hpp>

#include "ipam-controller/observe/metrics.hpp"
#include "mooring/base/process_figures.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("metrics: figures come out with their labels") {
  Figures figures;
  Figures::Pool pool;
  pool.pool = "web";
  pool.network = "default";
  pool.subnet = "s1";
  pool.family = "ipv4";
  pool.size = 254;
  pool.resting = 12;
  pool.seconds_to_empty = std::numeric_limits<double>::infinity();
  figures.pools.push_back(pool);
  figures.nodes.push_back({"h1", 1'795'225'598.5});
  figures.nodes.push_back({"h2", std::nullopt});
  figures.live_nodes = 1;
  figures.silent_nodes = 1;
  figures.audit_sequence = 41;
  figures.audit_hash = "ab\"cd\\";
  figures.revision = 9'007'199'254;
  const std::string text = Metrics().text(figures);
  const std::string labels = R"({pool="web",network="default",subnet="s1",family="ipv4"})";
  CHECK(has_line(text, "mooring_pool_size" + labels + " 254"));
  CHECK(has_line(text, "mooring_pool_quarantined" + labels + " 12"));
  CHECK(has_line(text, "mooring_pool_time_to_empty_seconds" + labels + " +Inf"));
  CHECK(has_line(text, R"(mooring_nodes{state="live"} 1)"));
  CHECK(has_line(text, R"(mooring_nodes{state="silent"} 1)"));
  CHECK(has_line(text, R"(mooring_node_last_heard_timestamp_seconds{node="h1"} 1795225598.5)"));
  CHECK_THAT(text, !Contains(R"(node="h2")"));
  CHECK(has_line(text, R"(mooring_audit_head_info{hash="ab\"cd\\"} 1)"));
  CHECK(has_line(text, "mooring_audit_head_sequence 41"));
  CHECK(has_line(text, "mooring_revision 9007199254"));
  CHECK(has_line(text, "# TYPE mooring_pool_size gauge"));
  CHECK(has_line(text, "mooring_build_info{version=\"" MOORING_VERSION "\"} 1"));
}

TEST_CASE("metrics: what there is not has no series") {
  const std::string text = Metrics().text(Figures());
  CHECK_THAT(text, !Contains("mooring_audit_head") && !Contains("mooring_read_only"));
  Figures figures;
  figures.read_only = true;
  CHECK(has_line(Metrics().text(figures), "mooring_read_only 1"));
}

TEST_CASE("metrics: allocations are timed, and refusals counted by reason from the first one on") {
  Metrics metrics;
  CHECK(has_line(metrics.text(Figures()), R"(mooring_allocation_failures_total{reason="pool-exhausted"} 0)"));
  const Error exhausted(Errc::exhausted, "no address");
  metrics.allocation(700us, nullptr);
  metrics.allocation(3ms, &exhausted);
  metrics.allocation(10s, &exhausted);
  const std::string text = metrics.text(Figures());
  CHECK(has_line(text, R"(mooring_allocation_failures_total{reason="pool-exhausted"} 2)"));
  CHECK(has_line(text, R"(mooring_allocation_duration_seconds_bucket{le="0.001"} 1)"));
  CHECK(has_line(text, R"(mooring_allocation_duration_seconds_bucket{le="5"} 2)"));
  CHECK(has_line(text, R"(mooring_allocation_duration_seconds_bucket{le="+Inf"} 3)"));
  CHECK(has_line(text, "mooring_allocation_duration_seconds_count 3"));
}

TEST_CASE("metrics: what a client sends makes no series") {
  Metrics metrics;
  for (int i = 0; i < 1000; ++i) {
    metrics.http_request("M" + std::to_string(i), "", 404);
  }
  metrics.http_request("GET", "/v1/pools/{name}", 200);
  metrics.http_request("GET", "/v1/pools/{name}", 200);
  const std::string text = metrics.text(Figures());
  CHECK(has_line(text, R"(mooring_http_requests_total{method="other",route="none",status="404"} 1000)"));
  CHECK(has_line(text, R"(mooring_http_requests_total{method="GET",route="/v1/pools/{name}",status="200"} 2)"));
}

TEST_CASE("metrics: batches, events, reclaimed ports") {
  Metrics metrics;
  metrics.batch(3);
  metrics.batch(600);
  metrics.event("pool.low", 1);
  metrics.event("pool.low", 4);
  metrics.reclaimed(2);
  const std::string text = metrics.text(Figures());
  CHECK(has_line(text, R"(mooring_store_batch_requests_bucket{le="4"} 1)"));
  CHECK(has_line(text, "mooring_store_batch_requests_sum 603"));
  CHECK(has_line(text, R"(mooring_events_total{type="pool.low"} 5)"));
  CHECK(has_line(text, "mooring_gc_reclaimed_total 2"));
}

TEST_CASE("metrics: this process has memory, files and a past") {
  const ProcessFigures process = process_figures();
  CHECK(process.resident_bytes > 1024 * 1024);
  CHECK(process.open_fds >= 3);
  CHECK(process.max_fds >= process.open_fds);
  const auto now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  CHECK(process.start_time_seconds > now - 3600);
  CHECK(process.start_time_seconds < now + 5);
}
