// The controller's metrics as Prometheus reads them (docs/observability/README.md lists them). Two sources: what is
// counted as it happens (Metrics), and what is looked up when somebody asks (Figures).
//
// Cardinality is bounded: routes are patterns, reasons are ids of the error table, and of objects with a label of their
// own (pools, nodes, webhooks) at most Figures::max_labelled are shown; `mooring_metrics_left_out` says how many are
// not. Performance: counting is below a microsecond; a text with 1,000 pools takes about 20 ms. Threading: one thread,
// Ipam's. Source: the text format 0.0.4, written by prometheus-cpp, which no other file knows.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "mooring/base/error.hpp"

namespace mooring::controller {

// What there is, looked up for one answer.
struct Figures {
  static constexpr std::size_t max_labelled = 2000;  // of each kind

  struct Pool {
    std::string pool, network, subnet, family;  // "ipv4"
    std::uint64_t size = 0, allocated = 0, bound = 0, reserved = 0, leased = 0, resting = 0, free = 0;
    double seconds_to_empty = 0;
  };
  struct Machine {
    std::string name;
    std::optional<double> last_heard_seconds;  // Unix time
  };
  struct Vip {
    std::string name, network;
    std::uint64_t backends = 0, healthy = 0;
  };
  struct Receiver {
    std::string name;
    std::uint64_t pending = 0;
    std::uint64_t taken = 0;
    std::uint64_t failed = 0;
    double failing_seconds = 0;
  };

  std::string incarnation;
  std::uint64_t revision = 0;
  std::optional<bool> read_only;  // none: there is no such state
  std::vector<Pool> pools;        // at most max_labelled of these three; the rest in left_out
  std::vector<Machine> nodes, gateways;
  std::vector<Receiver> webhooks;
  std::vector<Vip> vips;
  std::map<std::string, std::uint64_t> left_out;  // "pool" -> 7
  std::uint64_t ports = 0, bindings = 0;
  std::uint64_t live_nodes = 0, silent_nodes = 0, live_gateways = 0, silent_gateways = 0;
  std::uint64_t requests = 0, refused = 0, batches = 0, failed_batches = 0;
  std::uint64_t watch_streams = 0;
  std::uint64_t http_connections = 0;
  std::uint64_t rogues = 0;  // addresses that somebody claims without holding them
  std::uint64_t event_sequence = 0;
  std::optional<std::uint64_t> audit_sequence;  // none: there is no ledger
  std::string audit_hash;
};

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // `refused`: nullptr if it was granted.
  void allocation(std::chrono::nanoseconds took, const Error* refused);
  // How many requests one commit of the store carried.
  void batch(std::size_t requests);
  void reclaimed(std::uint64_t ports) { reclaimed_ += ports; }
  // `route` is a pattern with static lifetime, "" for a path that there is not.
  void http_request(std::string_view method, std::string_view route, int status);
  void event(std::string_view type, std::uint64_t count);

  std::string text(const Figures& figures) const;

 private:
  struct Histograms;
  std::unique_ptr<Histograms> histograms_;
  std::map<std::string_view, std::uint64_t> failures_;  // by id of the error table
  std::map<std::tuple<std::string_view, std::string_view, int>, std::uint64_t> http_;
  std::map<std::string, std::uint64_t, std::less<>> events_;
  std::uint64_t reclaimed_ = 0;
};

}  // namespace mooring::controller
