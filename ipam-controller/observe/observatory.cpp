#include "ipam-controller/observe/observatory.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace mooring::controller {
namespace {

constexpr std::chrono::seconds between_looks{1};
constexpr double milliseconds_a_second = 1000.0;

// Given back by others than the container's own DEL.
bool is_reclaim(const std::string& reason) {
  return reason == "gone" || reason == "earlier-boot" || reason == "cni-gc" || reason == "inventory";
}

std::vector<Figures::Pool> pools_of(const State& state, const Lookout& lookout) {
  std::vector<Figures::Pool> list;
  for (const auto& [name, pool] : state.pools()) {
    const Subnet* subnet = state.subnet(pool.subnet);
    for (const auto family : {net::Family::v4, net::Family::v6}) {
      if (!pool.has(family)) {
        continue;
      }
      const PoolUse use = state.use(name, family);
      Figures::Pool figures;
      figures.pool = name;
      figures.network = subnet == nullptr ? "" : subnet->network;
      figures.subnet = pool.subnet;
      figures.family = family == net::Family::v4 ? "ipv4" : "ipv6";
      figures.size = use.size;
      figures.allocated = use.allocated;
      figures.bound = use.bound;
      figures.reserved = use.reserved;
      figures.leased = use.leased;
      figures.resting = use.resting;
      figures.free = use.free;
      figures.seconds_to_empty = lookout.seconds_to_empty(name, family == net::Family::v6);
      list.push_back(std::move(figures));
    }
  }
  return list;
}

// Keeps the first ones, and says how many were too many.
template <class T>
void bound(std::vector<T>& list, const char* kind, Figures& figures) {
  if (list.size() > Figures::max_labelled) {
    figures.left_out[kind] = list.size() - Figures::max_labelled;
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(Figures::max_labelled), list.end());
  }
}

}  // namespace

Observatory::Observatory(asio::any_io_executor executor, Ipam& ipam, WebhookOptions webhooks)
    : executor_(std::move(executor)),
      ipam_(ipam),
      webhook_options_(std::move(webhooks)),
      events_(executor_, ipam),
      timer_(executor_) {}

Observatory::~Observatory() = default;

void Observatory::loaded(std::vector<EventRecord> events, WebhookCursors cursors) {
  events_.load(std::move(events));
  cursors_ = std::move(cursors);
}

void Observatory::start(Sources sources) {
  sources_ = std::move(sources);
  const auto tell = [this](EventRecord event) { events_.record(std::move(event)); };
  lookout_ = std::make_unique<Lookout>(ipam_.now(), sources_.presence, tell);
  for (const EventRecord& event : events_.log()) {
    lookout_->recall(event);
    rogues_.recall(event);
  }
  const auto keep = [this](const WebhookCursors& cursors) {
    const Caller caller{Actor{Actor::Kind::system, "webhooks", ""}, "", false, std::nullopt};
    ipam_.run<void>(
        caller,
        [cursors](Transaction& tx) {
          tx.keep_cursors(cursors);
          return ok();
        },
        [](const Result<void>&) {},  // not kept: sent again after a restart; the next ones are tried with the next move
        even_while_restoring);
  };
  sender_ = std::make_unique<WebhookSender>(executor_, events_.log(), ipam_.incarnation(), webhook_options_, cursors_,
                                            keep, tell);
  events_.record(make_event(
      "controller.started", "controller",
      fmt::format("mooring-controller {} started at revision {}", MOORING_VERSION, ipam_.committed_revision()),
      {{"version", MOORING_VERSION}, {"incarnation", ipam_.incarnation()}}));
  look();
  arm();
}

void Observatory::stop() {
  if (stopped_) {
    return;
  }
  if (sender_) {
    sender_->stop();
  }
  stopped_ = true;
  events_.stop();
  timer_.cancel();
}

void Observatory::arm() {
  timer_.expires_after(between_looks);
  timer_.async_wait([this](const boost::system::error_code& failure) {
    if (!failure && !stopped_) {
      look();
      arm();
    }
  });
}

void Observatory::look() {
  events_.tick();
  if (looking_) {
    return;  // the store is slow: the last look has not been answered
  }
  looking_ = true;
  ipam_.read([this](const State& state, Revision) {
    looking_ = false;
    if (stopped_) {
      return;
    }
    const std::int64_t now = ipam_.now();
    lookout_->look_at(state, now);
    for (EventRecord& event : rogues_.due(now)) {
      events_.record(std::move(event));
    }
    const Ipam::Counters& counters = ipam_.counters();
    lookout_->look_at(Lookout::StoreHealth{counters.failed_batches, counters.batches}, now);
    if (sources_.audit_head) {
      lookout_->look_at(sources_.audit_head(), now);
    }
    set_webhooks(state);
  });
}

void Observatory::gateway_reported(const std::string& gateway) {
  if (lookout_) {
    lookout_->look_at_drain(gateway);
  }
}

void Observatory::gateway_mac(const std::string& gateway, net::MacAddress mac) {
  gateway_macs_[gateway] = mac;
}

void Observatory::sighted(const Sighting& sighting) {
  const bool of_gateway = std::any_of(gateway_macs_.begin(), gateway_macs_.end(),
                                      [&](const auto& known) { return known.second == sighting.mac; });
  if (of_gateway) {
    return;
  }
  if (auto event = rogues_.offer(sighting, ipam_.now())) {
    events_.record(std::move(*event));
  }
}

void Observatory::look_soon() {
  look();
}

void Observatory::set_webhooks(const State& state) {
  std::vector<WebhookTarget> targets;
  for (const auto& [name, webhook] : state.webhooks()) {
    WebhookTarget target{name, webhook.url, webhook.events, webhook.secret, webhook.disabled, 0};
    const auto kept = cursors_.find(name);
    if (kept != cursors_.end()) {
      target.cursor = kept->second;
    } else if (sender_->status(name) == nullptr) {
      // New: it gets what happened after it was made.
      for (const EventRecord& event : events_.log()) {
        target.cursor = event.revision < webhook.revision ? event.sequence : target.cursor;
      }
    }
    targets.push_back(std::move(target));
  }
  // One that is gone and comes again begins anew.
  std::erase_if(cursors_, [&](const auto& entry) { return state.webhook(entry.first) == nullptr; });
  if (targets != targets_) {
    targets_ = std::move(targets);
    sender_->set(targets_);
  }
}

const Delivery::Status* Observatory::webhook_status(const std::string& name) const {
  return sender_ ? sender_->status(name) : nullptr;
}

std::size_t Observatory::webhook_pending(const std::string& name) const {
  return sender_ ? sender_->pending(name) : 0;
}

void Observatory::allocated(const ipam_api::AllocateRequest& request, std::chrono::nanoseconds took,
                            const Error* refused) {
  metrics_.allocation(took, refused);
  if (refused == nullptr) {
    return;
  }
  const std::string network = request.wishes.network.empty() ? default_network : request.wishes.network;
  const std::string subject = fmt::format("port/{}/{}/{}", network, request.namespace_, request.hostname);
  events_.record_repeated(fmt::format("{} {}", refused->info().id, subject),
                          make_event("allocation.refused", subject, refused->text(),
                                     {{"reason", refused->info().id}, {"node", request.node}}));
}

void Observatory::committed(std::size_t requests, bool durable) {
  if (durable) {
    metrics_.batch(requests);
  }
}

void Observatory::released(const std::string& reason, std::uint64_t ports) {
  if (is_reclaim(reason)) {
    metrics_.reclaimed(ports);
  }
}

void Observatory::happened(const std::vector<EventRecord>& events) {
  for (const EventRecord& event : events) {
    metrics_.event(event.type, event.count);
  }
  events_.happened(events);
  if (sender_ && !stopped_) {
    sender_->look();
  }
}

Figures Observatory::figures_of(const State& state, Revision revision) const {
  Figures figures;
  figures.incarnation = ipam_.incarnation();
  figures.revision = revision;
  figures.pools = pools_of(state, *lookout_);
  const auto machines = [&](const std::string& kind, const auto& objects, std::vector<Figures::Machine>& list,
                            std::uint64_t& live, std::uint64_t& silent) {
    for (const auto& [name, object] : objects) {
      const Lookout::Presence presence = sources_.presence(kind, name);
      ++(presence.live ? live : silent);
      Figures::Machine machine;
      machine.name = name;
      if (presence.last_heard_ms) {
        machine.last_heard_seconds = static_cast<double>(*presence.last_heard_ms) / milliseconds_a_second;
      }
      list.push_back(std::move(machine));
    }
  };
  machines("node", state.nodes(), figures.nodes, figures.live_nodes, figures.silent_nodes);
  machines("gateway", state.gateways(), figures.gateways, figures.live_gateways, figures.silent_gateways);
  for (const WebhookTarget& target : targets_) {
    if (const Delivery::Status* status = webhook_status(target.name)) {
      const double failing =
          status->failing_since
              ? std::chrono::duration<double>(Delivery::Time::clock::now() - *status->failing_since).count()
              : 0;
      figures.webhooks.push_back(
          {target.name, webhook_pending(target.name), status->messages, status->failures, failing});
    }
  }
  for (const auto& [name, vip] : state.vips()) {
    const auto healthy =
        std::count_if(vip.backends.begin(), vip.backends.end(), [](const VipBackend& one) { return one.healthy; });
    figures.vips.push_back({name, vip.network, vip.backends.size(), static_cast<std::uint64_t>(healthy)});
  }
  bound(figures.vips, "vip", figures);
  bound(figures.pools, "pool", figures);
  bound(figures.nodes, "node", figures);
  bound(figures.gateways, "gateway", figures);
  figures.ports = state.ports().size();
  figures.bindings = state.bindings().size();
  const Ipam::Counters& counters = ipam_.counters();
  figures.requests = counters.requests;
  figures.refused = counters.refused;
  figures.batches = counters.batches;
  figures.failed_batches = counters.failed_batches;
  figures.watch_streams = sources_.watch_streams();
  figures.http_connections = sources_.http_connections();
  figures.rogues = rogues_.size();
  figures.event_sequence = events_.log().last();
  if (sources_.audit_head) {
    const Lookout::AuditHead head = sources_.audit_head();
    figures.audit_sequence = head.sequence;
    figures.audit_hash = head.hash;
  }
  if (sources_.read_only) {
    figures.read_only = sources_.read_only();
  }
  return figures;
}

void Observatory::metrics_text(std::function<void(std::string)> done) {
  ipam_.read([this, done = std::move(done)](const State& state, Revision revision) {
    done(metrics_.text(figures_of(state, revision)));
  });
}

}  // namespace mooring::controller
