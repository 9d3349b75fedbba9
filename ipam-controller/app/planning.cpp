#include "ipam-controller/app/planning.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ipam-controller/app/grant.hpp"
#include "ipam-controller/domain/patterns.hpp"
#include "ipam-controller/domain/selection.hpp"

namespace mooring::controller {
namespace {

// At the end of a pod's name, as Kubernetes makes it.
constexpr std::size_t hash_letters = 5;
constexpr std::string_view hash_alphabet = "xbcdfghjklmnpqrstvwz2456789";

// Which selectors of rules and pools the node fits, as a text that is the same for nodes that are alike.
std::string likeness(const State& state, const Node& node) {
  std::string text;
  const Asker asker{"", "", node.name, node.zone, {}};
  const auto look = [&](const Selector& selector) {
    const Selector of_nodes{{}, {}, selector.nodes, selector.zones, {}};
    text += mismatch(of_nodes, asker).empty() ? '+' : '-';
  };
  for (const auto& [name, rule] : state.rules()) {
    look(rule.selector);
  }
  for (const auto& [name, pool] : state.pools()) {
    look(pool.selector);
  }
  return text;
}

}  // namespace

std::vector<std::string> nodes_in_service(const State& state) {
  std::vector<std::string> names;
  for (const auto& [name, node] : state.nodes()) {
    if (!node.fenced) {
      names.push_back(name);
    }
  }
  return names;
}

Result<std::vector<std::string>> different_nodes(const State& state, const std::vector<std::string>& names) {
  std::vector<std::string> different;
  std::set<std::string> seen;
  for (const std::string& name : names) {
    const auto node = state.nodes().find(name);
    if (node == state.nodes().end() || node->second.fenced) {
      return Error(node == state.nodes().end() ? Errc::not_found : Errc::superseded,
                   node == state.nodes().end() ? fmt::format("there is no node {}", name)
                                               : fmt::format("node {} is fenced", name),
                   "mooringctl get nodes");
    }
    if (seen.insert(likeness(state, node->second)).second) {
      different.push_back(name);
    }
  }
  return different;
}

ipam_api::AllocateRequest request_like(const State& state, const Port& port, const std::string& hostname) {
  ipam_api::AllocateRequest request;
  request.node = port.node;
  request.namespace_ = port.owner.namespace_;
  request.hostname = hostname;
  request.interface_ordinal = port.owner.interface_ordinal;
  request.wishes.workload = port.workload;
  request.wishes.labels = port.labels;
  Explanation silent(false);
  Asker asker = asker_of(state, request);
  const Intent intent = intent_of(state, request, asker, silent);
  asker.labels = intent.wishes.labels;
  const auto scope = scope_of(state, request, intent.wishes);
  if (!scope || scope->network != port.owner.network) {
    request.wishes.network = port.owner.network;
  }
  const auto led_to = scope_of(state, request, request.wishes.network.empty() ? intent.wishes : request.wishes);
  const auto pools =
      led_to ? candidate_pools(state, *led_to, asker, silent) : Result<std::vector<const Pool*>>(led_to.error());
  const bool found =
      pools && std::any_of(pools->begin(), pools->end(), [&](const auto& pool) { return pool->name == port.pool; });
  if (!found && !port.pool.empty()) {
    request.wishes.pools = {port.pool};
  }
  const auto pool = state.pools().find(port.pool);
  const Kind kind = intent.wishes.kind            ? *intent.wishes.kind
                    : pool != state.pools().end() ? pool->second.kind
                                                  : Kind::stateless;
  if (kind != port.kind) {
    request.wishes.kind = port.kind;
  }
  return request;
}

bool has_ordinal(const std::string& hostname) {
  const auto dash = hostname.rfind('-');
  return dash != std::string::npos && dash + 1 < hostname.size() &&
         std::all_of(hostname.begin() + static_cast<std::ptrdiff_t>(dash) + 1, hostname.end(),
                     [](char c) { return c >= '0' && c <= '9'; });
}

std::string successor_of(const std::string& hostname, std::size_t index) {
  if (has_ordinal(hostname) || workload_of(hostname) == hostname) {
    return hostname;
  }
  std::string letters;
  for (std::size_t rest = index; letters.size() < hash_letters || rest != 0; rest /= hash_alphabet.size()) {
    letters.insert(letters.begin(), hash_alphabet[rest % hash_alphabet.size()]);
  }
  return hostname.substr(0, hostname.rfind('-') + 1) + letters;
}

PoolCounts::PoolCounts(const State& state) {
  for (const auto& [name, pool] : state.pools()) {
    for (const net::Family family : {net::Family::v4, net::Family::v6}) {
      if (pool.has(family)) {
        const PoolUse use = state.use(name, family);
        before_.push_back({name, family, use.size, use.free, 0, 0});
      }
    }
  }
}

std::vector<PlanPool> PoolCounts::after(const State& state) const {
  std::vector<PlanPool> counts;
  for (PlanPool pool : before_) {
    if (touched_.contains(pool.name)) {
      const auto there = state.pools().find(pool.name);
      const PoolUse use = there != state.pools().end() && there->second.has(pool.family)
                              ? state.use(pool.name, pool.family)
                              : PoolUse();
      pool.size_after = use.size;
      pool.free_after = use.free;
      counts.push_back(std::move(pool));
    }
  }
  return counts;
}

std::string because_of(const State& state, const Grant& grant, const ipam_api::AllocateRequest& request) {
  const auto binding = state.bindings().find(grant.port.owner);
  if (binding != state.bindings().end()) {
    return fmt::format("{} binding, {}", to_string(binding->second.kind), binding->second.retention.str());
  }
  if (grant.taken_over) {
    return "its pod has it";
  }
  if (!request.wishes.pools.empty() || !request.wishes.subnet.empty()) {
    return "wish";
  }
  if (!grant.rules.empty()) {
    return fmt::format("rule {}", fmt::join(grant.rules, ", rule "));
  }
  const auto pool = state.pools().find(grant.port.pool);
  if (pool == state.pools().end()) {
    return "";
  }
  return !pool->second.selector.empty() ? "selector of the pool"
         : pool->second.is_default      ? "default pool"
                                        : "fallback";
}

bool Trial::same_elsewhere(ipam_api::AllocateRequest request, const std::vector<std::string>& nodes,
                           const PlanItem& item) const {
  return std::all_of(nodes.begin(), nodes.end(), [&](const std::string& node) {
    request.node = node;
    Explanation silent(false);
    const auto grant = decide(tx_.state(), request, tx_.now(), silent);
    return grant && grant->port.pool == item.pool;
  });
}

PlanItem Trial::add(ipam_api::AllocateRequest request) {
  request.attachment = {fmt::format("plan-{}", count_++), "eth0"};
  PlanItem item;
  item.subject = fmt::format("{}/{}", request.namespace_, request.hostname);
  if (request.interface_ordinal != 0) {
    item.subject += fmt::format(" (interface {})", request.interface_ordinal);
  }
  const std::vector<std::string> nodes = request.node.empty() ? nodes_ : std::vector<std::string>{request.node};
  for (const std::string& node : nodes) {
    request.node = node;
    Explanation why(true);
    auto grant = decide(tx_.state(), request, tx_.now(), why);
    if (!grant) {
      // Of several nodes the first one's reason is told.
      if (!item.error) {
        item.node = node;
        item.error = grant.error();
        item.tried = why.lines();
      }
      continue;
    }
    const Port& port = grant->port;
    item.error.reset();
    item.owner = port.owner;
    item.node = grant->taken_over ? grant->taken_over->node : node;
    item.addresses = port.addresses;
    item.mac = port.mac;
    item.subnet = port.subnet;
    item.pool = port.pool;
    item.kind = port.kind;
    item.because = because_of(tx_.state(), *grant, request);
    item.tried = why.lines();
    const bool bound = tx_.state().bindings().contains(port.owner);
    item.outcome = grant->taken_over ? PlanOutcome::live : bound ? PlanOutcome::bound : PlanOutcome::fresh;
    if (item.outcome == PlanOutcome::fresh && !depends_on_node_) {
      depends_on_node_ = !same_elsewhere(request, nodes, item);
    }
    if (item.outcome != PlanOutcome::live) {
      // As if each came with a revision of its own: whose turn it is goes by the generations of ports.
      std::optional<Binding> made = std::move(grant->new_binding);
      grant->new_binding.reset();
      take(tx_, std::move(*grant), tx_.revision() + taken_++);
      if (made) {
        tx_.put(std::move(*made));
      }
    }
    return item;
  }
  if (nodes.empty()) {
    item.error = Error(Errc::conflict, "there is no node that it could run on",
                       "register one: mooring-agent does so when it starts");
  }
  return item;
}

}  // namespace mooring::controller
