#include "ipam-controller/observe/metrics.hpp"

#include <initializer_list>
#include <locale>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <sstream>
#include <utility>

#include "mooring/base/process_figures.hpp"

namespace mooring::controller {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using MetricLabels = std::initializer_list<std::pair<const char*, std::string_view>>;

// One name with its help, to which samples are added.
class Family {
 public:
  Family(const char* name, const char* help, MetricType type) {
    family_.name = name;
    family_.help = help;
    family_.type = type;
  }
  void add(double value, MetricLabels labels = {}) {
    ClientMetric metric;
    for (const auto& [name, label] : labels) {
      metric.label.push_back({name, std::string(label)});
    }
    (family_.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    family_.metric.push_back(std::move(metric));
  }
  void add(std::uint64_t value, MetricLabels labels = {}) { add(static_cast<double>(value), labels); }
  void add(ClientMetric metric) { family_.metric.push_back(std::move(metric)); }
  MetricFamily take() { return std::move(family_); }

 private:
  MetricFamily family_;
};

Family gauge(const char* name, const char* help) {
  return {name, help, MetricType::Gauge};
}
Family counter(const char* name, const char* help) {
  return {name, help, MetricType::Counter};
}

using Families = std::vector<MetricFamily>;

template <class T>
void one(Families& out, Family family, T value) {
  family.add(value);
  out.push_back(family.take());
}

// One family of numbers of every pool.
template <class T>
void of_pools(Families& out, const std::vector<Figures::Pool>& pools, const char* name, const char* help,
              T Figures::Pool::*value) {
  Family family = gauge(name, help);
  for (const Figures::Pool& pool : pools) {
    family.add(pool.*value,
               {{"pool", pool.pool}, {"network", pool.network}, {"subnet", pool.subnet}, {"family", pool.family}});
  }
  out.push_back(family.take());
}

void add_pools(Families& out, const std::vector<Figures::Pool>& pools) {
  of_pools(out, pools, "mooring_pool_size", "Addresses that a pool can give out", &Figures::Pool::size);
  of_pools(out, pools, "mooring_pool_allocated", "Addresses of a pool with a live port", &Figures::Pool::allocated);
  of_pools(out, pools, "mooring_pool_bound", "Addresses bound to a hostname without a live port",
           &Figures::Pool::bound);
  of_pools(out, pools, "mooring_pool_reserved", "Addresses kept out of use by a reservation", &Figures::Pool::reserved);
  of_pools(out, pools, "mooring_pool_leased", "Addresses in blocks of nodes, without a port", &Figures::Pool::leased);
  of_pools(out, pools, "mooring_pool_quarantined", "Released addresses that rest before another hostname may have them",
           &Figures::Pool::resting);
  of_pools(out, pools, "mooring_pool_free", "Addresses of a pool that an allocation may get now", &Figures::Pool::free);
  of_pools(out, pools, "mooring_pool_time_to_empty_seconds",
           "Forecast from the last half hour; +Inf: the pool is not shrinking", &Figures::Pool::seconds_to_empty);
}

void add_heard(Families& out, const std::vector<Figures::Machine>& machines, const char* name, const char* kind) {
  Family heard = gauge(name, "Unix time of the last word; nothing since this controller started: absent");
  for (const Figures::Machine& machine : machines) {
    if (machine.last_heard_seconds) {
      heard.add(*machine.last_heard_seconds, {{kind, machine.name}});
    }
  }
  out.push_back(heard.take());
}

void add_count(Families& out, const char* name, std::uint64_t live, std::uint64_t silent) {
  Family count = gauge(name, "Registered, by whether a watch stream is open");
  count.add(live, {{"state", "live"}});
  count.add(silent, {{"state", "silent"}});
  out.push_back(count.take());
}

void add_objects(Families& out, const Figures& figures) {
  one(out, gauge("mooring_ports", "Live container interfaces"), figures.ports);
  one(out, gauge("mooring_bindings", "Addresses that stay with a hostname"), figures.bindings);
  one(out, gauge("mooring_rogue_addresses", "Addresses that somebody claims without holding them"), figures.rogues);
  add_count(out, "mooring_nodes", figures.live_nodes, figures.silent_nodes);
  add_count(out, "mooring_gateways", figures.live_gateways, figures.silent_gateways);
  add_heard(out, figures.nodes, "mooring_node_last_heard_timestamp_seconds", "node");
  add_heard(out, figures.gateways, "mooring_gateway_last_heard_timestamp_seconds", "gateway");
  Family left_out = gauge("mooring_metrics_left_out", "Objects without series of their own: there are too many");
  for (const auto& [kind, count] : figures.left_out) {
    left_out.add(count, {{"kind", kind}});
  }
  out.push_back(left_out.take());
}

void add_store(Families& out, const Figures& figures) {
  Family store = gauge("mooring_store_info", "The store's incarnation");
  store.add(1.0, {{"incarnation", figures.incarnation}});
  out.push_back(store.take());
  one(out, gauge("mooring_revision", "Of the last durable transaction"), figures.revision);
  if (figures.read_only) {
    one(out, gauge("mooring_read_only", "1 while the controller gives no addresses: a restore is under way"),
        *figures.read_only ? 1.0 : 0.0);
  }
  one(out, counter("mooring_requests_total", "Changing requests"), figures.requests);
  one(out, counter("mooring_requests_refused_total", "Changing requests answered with an error other than storage"),
      figures.refused);
  one(out, counter("mooring_store_batches_total", "Commits of the store"), figures.batches);
  one(out, counter("mooring_store_errors_total", "Batches that could not be made durable; all their requests failed"),
      figures.failed_batches);
  if (figures.audit_sequence) {
    one(out, gauge("mooring_audit_head_sequence", "Number of the newest record of the audit ledger"),
        *figures.audit_sequence);
    Family head = gauge("mooring_audit_head_info", "Hash of the newest record of the audit ledger");
    head.add(1.0, {{"hash", figures.audit_hash}});
    out.push_back(head.take());
  }
}

void add_webhooks(Families& out, const std::vector<Figures::Receiver>& webhooks) {
  Family pending = gauge("mooring_webhook_pending_events", "Events that wait for the receiver");
  Family failing = gauge("mooring_webhook_failing_seconds", "How long every attempt has failed; 0: it works");
  Family deliveries = counter("mooring_webhook_deliveries_total", "Messages sent, by outcome");
  for (const Figures::Receiver& webhook : webhooks) {
    pending.add(webhook.pending, {{"webhook", webhook.name}});
    failing.add(webhook.failing_seconds, {{"webhook", webhook.name}});
    deliveries.add(webhook.taken, {{"webhook", webhook.name}, {"outcome", "taken"}});
    deliveries.add(webhook.failed, {{"webhook", webhook.name}, {"outcome", "failed"}});
  }
  out.push_back(pending.take());
  out.push_back(failing.take());
  out.push_back(deliveries.take());
}

void add_vips(Families& out, const std::vector<Figures::Vip>& vips) {
  Family backends = gauge("mooring_vip_backends", "Pods behind a VIP");
  Family healthy = gauge("mooring_vip_backends_healthy", "Of these, those that are healthy");
  for (const auto& vip : vips) {
    backends.add(vip.backends, {{"vip", vip.name}, {"network", vip.network}});
    healthy.add(vip.healthy, {{"vip", vip.name}, {"network", vip.network}});
  }
  out.push_back(backends.take());
  out.push_back(healthy.take());
}

void add_process(Families& out) {
  const ProcessFigures process = process_figures();
  one(out, counter("process_cpu_seconds_total", "User and system time"), process.cpu_seconds);
  one(out, gauge("process_resident_memory_bytes", "Resident memory"), process.resident_bytes);
  one(out, gauge("process_open_fds", "Open file descriptors"), process.open_fds);
  one(out, gauge("process_max_fds", "How many file descriptors may be open"), process.max_fds);
  one(out, gauge("process_start_time_seconds", "Unix time of the start"), process.start_time_seconds);
}

}  // namespace

struct Metrics::Histograms {
  prometheus::Histogram allocation{{0.0005, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.12, 0.25, 0.5, 1, 2.5, 5}};
  prometheus::Histogram batch{{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}};
};

Metrics::Metrics() : histograms_(std::make_unique<Histograms>()) {
  // There from the start, so that rate() sees the first one.
  for (const Errc code : {Errc::exhausted, Errc::conflict, Errc::address_taken, Errc::superseded, Errc::not_found,
                          Errc::permission_denied, Errc::invalid_argument, Errc::storage, Errc::unavailable}) {
    failures_[info(code).id] = 0;
  }
}

Metrics::~Metrics() = default;

void Metrics::allocation(std::chrono::nanoseconds took, const Error* refused) {
  histograms_->allocation.Observe(std::chrono::duration<double>(took).count());
  if (refused != nullptr) {
    ++failures_[refused->info().id];
  }
}

void Metrics::batch(std::size_t requests) {
  histograms_->batch.Observe(static_cast<double>(requests));
}

void Metrics::http_request(std::string_view method, std::string_view route, int status) {
  // A method is the client's text: only those that there are get a series.
  constexpr std::string_view methods[] = {"GET", "POST", "PUT", "DELETE", "PATCH"};
  std::string_view known = "other";
  for (const std::string_view candidate : methods) {
    known = candidate == method ? candidate : known;
  }
  ++http_[{known, route, status}];
}

void Metrics::event(std::string_view type, std::uint64_t count) {
  const auto found = events_.find(type);
  (found != events_.end() ? found->second : events_[std::string(type)]) += count;
}

std::string Metrics::text(const Figures& figures) const {
  Families out;
  Family build = gauge("mooring_build_info", "The controller's version");
  build.add(1.0, {{"version", MOORING_VERSION}});
  out.push_back(build.take());
  add_pools(out, figures.pools);

  Family allocation("mooring_allocation_duration_seconds",
                    "From the arrival of an allocation to its durable answer, refusals too", MetricType::Histogram);
  allocation.add(histograms_->allocation.Collect());
  out.push_back(allocation.take());
  Family failures = counter("mooring_allocation_failures_total", "Allocations refused, by id of the error");
  for (const auto& [reason, count] : failures_) {
    failures.add(count, {{"reason", reason}});
  }
  out.push_back(failures.take());
  one(out, counter("mooring_gc_reclaimed_total", "Ports released by garbage collection or an inventory, not by a DEL"),
      reclaimed_);
  add_objects(out, figures);
  add_store(out, figures);
  Family batch("mooring_store_batch_requests", "Requests that shared one commit", MetricType::Histogram);
  batch.add(histograms_->batch.Collect());
  out.push_back(batch.take());
  one(out, gauge("mooring_watch_streams", "Open watch streams"), figures.watch_streams);
  one(out, gauge("mooring_http_connections", "Open connections"), figures.http_connections);
  Family requests = counter("mooring_http_requests_total", "Answers, by route and status; route none: no such path");
  for (const auto& [key, count] : http_) {
    const auto& [method, route, status] = key;
    const std::string code = std::to_string(status);
    requests.add(count, {{"method", method}, {"route", route.empty() ? "none" : route}, {"status", code}});
  }
  out.push_back(requests.take());
  one(out, gauge("mooring_event_sequence", "Number of the newest event"), figures.event_sequence);
  Family events = counter("mooring_events_total", "Events since the start of the controller, repeats counted");
  for (const auto& [type, count] : events_) {
    events.add(count, {{"type", type}});
  }
  out.push_back(events.take());
  add_webhooks(out, figures.webhooks);
  add_vips(out, figures.vips);
  add_process(out);

  std::ostringstream text;
  text.imbue(std::locale::classic());
  prometheus::TextSerializer().Serialize(text, out);
  return text.str();
}

}  // namespace mooring::controller
