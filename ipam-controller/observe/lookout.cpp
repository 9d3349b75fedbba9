#include "ipam-controller/observe/lookout.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "ipam-controller/domain/state.hpp"
#include "ipam-controller/observe/event_view.hpp"

namespace mooring::controller {
namespace {

// Of the family that runs out first: without an address of each a pod gets none.
PoolUse scarcest(const State& state, const Pool& pool) {
  PoolUse use = state.use(pool.name);
  for (const auto family : {net::Family::v4, net::Family::v6}) {
    if (const PoolUse other = state.use(pool.name, family); pool.has(family) && other.free < use.free) {
      use = other;
    }
  }
  return use;
}

PoolFigures figures_of(const State& state, const Pool& pool) {
  const PoolUse use = scarcest(state, pool);
  PoolFigures figures;
  figures.pool = pool.name;
  figures.size = use.size;
  figures.free = use.free;
  figures.allocated = use.allocated;
  figures.bound = use.bound;
  figures.reserved = use.reserved;
  figures.leased = use.leased;
  figures.resting = use.resting;
  figures.first_clears_ms = state.first_rested(pool.name);
  return figures;
}

}  // namespace

Lookout::Lookout(std::int64_t now_ms, PresenceOf presence, Tell tell)
    : started_ms_(now_ms), presence_(std::move(presence)), tell_(std::move(tell)) {}

void Lookout::recall(const EventRecord& event) {
  pools_.recall(event);
  if (event.type == "node.silent" || event.type == "gateway.silent") {
    silent_.insert(event.subject);
  } else if (event.type == "node.heard" || event.type == "gateway.heard") {
    silent_.erase(event.subject);
  } else if (event.type == "gateway.drained") {
    drained_.insert(event.subject);
  } else if (event.type == "gateway.undrained") {
    drained_.erase(event.subject);
  } else if (event.type == "audit.head") {
    told_head_ = event.details.value("sequence", std::uint64_t{0});
    head_told_ms_ = event.at_ms;
  }
}

void Lookout::look_at(const State& state, std::int64_t now_ms) {
  for (const auto& [name, pool] : state.pools()) {
    if (auto event = pools_.judge(figures_of(state, pool), now_ms)) {
      tell_(std::move(*event));
    }
    for (const auto family : {net::Family::v4, net::Family::v6}) {
      if (pool.has(family)) {
        const PoolUse use = state.use(name, family);
        forecasts_[{name, family == net::Family::v6}].sample(now_ms, use.free, use.size);
      }
    }
  }
  std::erase_if(forecasts_, [&](const auto& entry) { return state.pool(entry.first.first) == nullptr; });
  pools_.keep_only([&](const std::string& pool) { return state.pool(pool) != nullptr; });
  for (const auto& [name, node] : state.nodes()) {
    if (!node.fenced) {
      look_at_machine("node", name, now_ms);
    }
  }
  for (const auto& [name, gateway] : state.gateways()) {
    look_at_machine("gateway", name, now_ms);
    look_at_drain(name);
  }
  const auto is_gone = [&](const std::string& subject) {
    const auto slash = subject.find('/');
    const std::string name = subject.substr(slash + 1);
    return subject.starts_with("node/") ? state.node(name) == nullptr : state.gateway(name) == nullptr;
  };
  std::erase_if(silent_, is_gone);
  std::erase_if(drained_, is_gone);
}

void Lookout::look_at_drain(const std::string& gateway) {
  const std::string state = presence_("gateway", gateway).state;
  const std::string subject = "gateway/" + gateway;
  const bool told = drained_.contains(subject);
  if (state == "drained" && !told) {
    drained_.insert(subject);
    tell_(make_event("gateway.drained", subject, fmt::format("gateway {} is drained: nothing goes by it", gateway)));
  } else if (told && (state == "serving" || state == "not-ready")) {
    drained_.erase(subject);
    tell_(make_event("gateway.undrained", subject, fmt::format("gateway {} is no longer drained", gateway)));
  }
}

void Lookout::look_at_machine(const std::string& kind, const std::string& name, std::int64_t now_ms) {
  const Presence presence = presence_(kind, name);
  const std::string subject = kind + "/" + name;
  const bool told = silent_.contains(subject);
  const std::int64_t last_ms = std::max(presence.last_heard_ms.value_or(0), started_ms_);
  const bool silent = !presence.live && now_ms >= last_ms + silent_after_ms;
  if (silent && !told) {
    silent_.insert(subject);
    const std::string since = presence.last_heard_ms ? "since " + utc_text_ms(*presence.last_heard_ms)
                                                     : std::string("since this controller started");
    tell_(make_event(kind + ".silent", subject, fmt::format("{} {} has not been heard {}", kind, name, since)));
  } else if (presence.live && told) {
    silent_.erase(subject);
    tell_(make_event(kind + ".heard", subject, fmt::format("{} {} is heard again", kind, name)));
  }
}

void Lookout::look_at(const AuditHead& head, std::int64_t now_ms) {
  if (head.sequence == told_head_ || now_ms < head_told_ms_ + audit_head_every_ms) {
    return;
  }
  told_head_ = head.sequence;
  head_told_ms_ = now_ms;
  tell_(make_event("audit.head", "audit",
                   fmt::format("the audit ledger stands at {} with hash {}", head.sequence, head.hash),
                   {{"sequence", head.sequence}, {"hash", head.hash}}));
}

void Lookout::look_at(const StoreHealth& store, std::int64_t now_ms) {
  const StoreHealth before = store_.value_or(StoreHealth());
  store_ = store;
  if (store.failed_batches > before.failed_batches && failing_since_ms_ == 0) {
    failing_since_ms_ = now_ms;
    failed_before_ = before.failed_batches;
  }
  // Written down when it can be: with the first look after a batch that went well.
  const bool works = store.batches > before.batches && store.failed_batches == before.failed_batches;
  if (failing_since_ms_ != 0 && works) {
    const std::uint64_t failed = store.failed_batches - failed_before_;
    tell_(make_event("store.failing", "store",
                     fmt::format("the store failed {} times between {} and {}; it works again", failed,
                                 utc_text_ms(failing_since_ms_), utc_text_ms(now_ms)),
                     {{"failed_batches", failed}, {"since_ms", failing_since_ms_}}));
    failing_since_ms_ = 0;
  }
}

double Lookout::seconds_to_empty(const std::string& pool, bool v6) const {
  const auto found = forecasts_.find({pool, v6});
  return found == forecasts_.end() ? std::numeric_limits<double>::infinity() : found->second.seconds();
}

}  // namespace mooring::controller
