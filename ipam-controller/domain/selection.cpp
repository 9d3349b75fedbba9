#include "ipam-controller/domain/selection.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace mooring::controller {
namespace {

Error no_such(std::string_view kind, const std::string& name) {
  return Error(Errc::not_found, fmt::format("there is no {} {}", kind, name),
               fmt::format("see what there is: mooringctl get {}s", kind));
}

Error contradiction(std::string_view a, const std::string& a_name, std::string_view b, const std::string& in,
                    const std::string& wished) {
  return Error(Errc::conflict, fmt::format("{} {} is in {} {}, and the wish is {} {}", a, a_name, b, in, b, wished),
               fmt::format("wish for the {} alone", a));
}

// The network that the hostname is bound in, when the request names none.
Result<std::string> network_of_binding(const State& state, const ipam_api::AllocateRequest& request) {
  BindingKey key{default_network, request.namespace_, request.hostname, request.interface_ordinal};
  if (state.binding(key) != nullptr) {
    return key.network;
  }
  std::string found;
  for (const auto& [name, network] : state.networks()) {
    key.network = name;
    if (state.binding(key) == nullptr) {
      continue;
    }
    if (!found.empty()) {
      return Error(Errc::conflict,
                   fmt::format("{}/{} is bound in network {} and in network {}", request.namespace_, request.hostname,
                               found, name),
                   "name the network: annotation mooring.io/network, or `network` in the CNI configuration");
    }
    found = name;
  }
  return found.empty() ? std::string(default_network) : found;
}

// Fields that `to` leaves open are taken from `from`; `source` for the explanation. Was anything taken?
bool fill_in(ipam_api::Wishes& to, const ipam_api::Wishes& from, const std::string& source, Explanation& why) {
  std::string took;
  const auto take = [&](std::string_view what, auto& field, const auto& value, const std::string& text, bool open) {
    if (open && !text.empty()) {
      field = value;
      took += fmt::format("{}{} {}", took.empty() ? "" : ", ", what, text);
    }
  };
  // Where an address comes from is one question: a source that names a pool does not mix with another's subnet.
  const bool place_is_open = to.network.empty() && to.subnet.empty() && to.pools.empty();
  take("network", to.network, from.network, from.network, place_is_open);
  take("subnet", to.subnet, from.subnet, from.subnet, place_is_open);
  take("pools", to.pools, from.pools, fmt::format("{}", fmt::join(from.pools, ", ")), place_is_open);
  take("kind", to.kind, from.kind, from.kind ? to_string(*from.kind) : std::string(), !to.kind);
  take("retention", to.retention, from.retention, from.retention ? from.retention->str() : std::string(),
       !to.retention);
  take("workload", to.workload, from.workload, from.workload, to.workload.empty());
  for (const auto& [key, value] : from.labels) {
    if (to.labels.emplace(key, value).second) {
      took += fmt::format("{}label {}={}", took.empty() ? "" : ", ", key, value);
    }
  }
  if (!took.empty()) {
    why.add("{}: {}", source, took);
  }
  return !took.empty();
}

}  // namespace

Asker asker_of(const State& state, const ipam_api::AllocateRequest& request) {
  const Node* node = state.node(request.node);
  return {request.namespace_, request.hostname, request.node, node == nullptr ? std::string() : node->zone,
          request.wishes.labels};
}

Intent intent_of(const State& state, const ipam_api::AllocateRequest& request, const Asker& asker, Explanation& why) {
  Intent intent;
  intent.wishes.addresses = request.wishes.addresses;
  intent.wishes.mac = request.wishes.mac;
  fill_in(intent.wishes, request.wishes, "the pod", why);
  std::optional<bool> takeover;
  for (const Rule* rule : state.rules_in_order()) {
    const std::string source = fmt::format("{} rule {}", rule->of_namespace() ? "namespace" : "workload", rule->name);
    if (const std::string reason = mismatch(rule->selector, asker); !reason.empty()) {
      why.add("{} does not apply: {}", source, reason);
      continue;
    }
    bool counts = fill_in(intent.wishes, rule->wishes, source, why);
    if (!takeover && rule->takeover) {
      counts = true;
      takeover = rule->takeover;
      why.add("{}: takeover {}", source, *takeover ? "allowed" : "refused");
    }
    if (counts) {
      intent.rules.push_back(rule->name);
    }
  }
  intent.takeover = takeover.value_or(false);
  fill_in(intent.wishes, request.configured, "the CNI configuration", why);
  return intent;
}

Result<Scope> scope_of(const State& state, const ipam_api::AllocateRequest& request, const ipam_api::Wishes& wishes) {
  Scope scope;
  for (const std::string& name : wishes.pools) {
    const Pool* pool = state.pool(name);
    if (pool == nullptr) {
      return no_such("pool", name);
    }
    const Subnet* subnet = state.subnet(pool->subnet);
    if (!scope.pools.empty() && state.subnet(scope.pools.front()->subnet)->network != subnet->network) {
      return Error(Errc::conflict,
                   fmt::format("pool {} is in network {} and pool {} in network {}", scope.pools.front()->name,
                               state.subnet(scope.pools.front()->subnet)->network, name, subnet->network),
                   "wish for pools of one network");
    }
    scope.subnet = scope.pools.empty() || scope.subnet == subnet ? subnet : nullptr;
    scope.pools.push_back(pool);
  }
  if (!wishes.subnet.empty()) {
    if (state.subnet(wishes.subnet) == nullptr) {
      return no_such("subnet", wishes.subnet);
    }
    for (const Pool* pool : scope.pools) {
      if (pool->subnet != wishes.subnet) {
        return contradiction("pool", pool->name, "subnet", pool->subnet, wishes.subnet);
      }
    }
    scope.subnet = state.subnet(wishes.subnet);
  }
  if (!wishes.network.empty() && state.network(wishes.network) == nullptr) {
    return no_such("network", wishes.network);
  }
  const Subnet* some = scope.subnet;
  if (some == nullptr && !scope.pools.empty()) {
    some = state.subnet(scope.pools.front()->subnet);
  }
  if (some != nullptr) {
    if (!wishes.network.empty() && some->network != wishes.network) {
      return contradiction("subnet", some->name, "network", some->network, wishes.network);
    }
    scope.network = some->network;
  } else if (!wishes.network.empty()) {
    scope.network = wishes.network;
  } else {
    auto network = network_of_binding(state, request);
    if (!network) {
      return network.error();
    }
    scope.network = std::move(*network);
    if (state.network(scope.network) == nullptr) {
      return Error(Errc::not_found, fmt::format("there is no network {}", scope.network),
                   fmt::format("create it, with a subnet and a pool: mooringctl create network {}", scope.network));
    }
  }
  return scope;
}

Result<std::vector<const Pool*>> candidate_pools(const State& state, const Scope& scope, const Asker& asker,
                                                 Explanation& why) {
  std::vector<const Pool*> pools;
  const auto add = [&](const Pool* pool) {
    if (std::find(pools.begin(), pools.end(), pool) == pools.end()) {
      pools.push_back(pool);
    }
  };
  if (!scope.pools.empty()) {
    std::for_each(scope.pools.begin(), scope.pools.end(), add);
  } else {
    const Pool* const usual = state.default_pool(scope.network);
    const auto in_scope = [&](const Pool& pool) {
      return scope.subnet != nullptr ? pool.subnet == scope.subnet->name
                                     : state.subnet(pool.subnet)->network == scope.network;
    };
    for (const auto& [name, pool] : state.pools()) {
      if (pool.selector.empty() || !in_scope(pool)) {
        continue;
      }
      if (const std::string reason = mismatch(pool.selector, asker); !reason.empty()) {
        why.add("pool {} is not for it: {}", name, reason);
      } else {
        add(&pool);
      }
    }
    if (usual != nullptr && in_scope(*usual)) {
      add(usual);
    }
    if (scope.subnet != nullptr) {
      for (const Pool* pool : state.pools_of(scope.subnet->name)) {
        // A pool of kind static is kept for the admin's bindings; it gives to others only when wished for by name.
        if (pool->selector.empty() && pool->kind != Kind::fixed_by_admin) {
          add(pool);
        }
      }
    }
    if (pools.empty()) {
      return scope.subnet != nullptr
                 ? Error(Errc::not_found,
                         fmt::format("subnet {} has no pool for pods without a binding", scope.subnet->name),
                         fmt::format("create one: mooringctl create pool NAME --subnet {}", scope.subnet->name))
                 : Error(Errc::not_found, fmt::format("network {} has no default pool", scope.network),
                         "create one (mooringctl create pool … --default), or wish for a pool: annotation "
                         "mooring.io/pool");
    }
  }
  for (std::size_t i = 0; i < pools.size(); ++i) {
    for (const std::string& name : pools[i]->fallback) {
      if (const Pool* next = state.pool(name)) {
        add(next);
      }
    }
  }
  return pools;
}

Result<void> check_may_use(const State& state, const Pool& pool, const Asker& asker, bool already) {
  const std::string who = fmt::format("{}/{}", asker.namespace_, asker.hostname);
  const auto denied = [&](const std::string& why) {
    return Error(Errc::permission_denied, fmt::format("pool {}: {}", pool.name, why),
                 fmt::format("wish for another pool, or let an admin change it: mooringctl edit pool {}", pool.name));
  };
  if (const std::string reason = mismatch(pool.selector, asker); !reason.empty()) {
    return denied("it is not for " + who + ": " + reason);
  }
  if (const std::string* pattern = first_fitting(pool.deny, asker)) {
    return denied(fmt::format("it denies {} ({})", who, *pattern));
  }
  if (!pool.allow.empty() && first_fitting(pool.allow, asker) == nullptr) {
    return denied(fmt::format("it allows {}, and not {}", fmt::join(pool.allow, ", "), who));
  }
  const auto own = pool.quotas.find(asker.namespace_);
  const std::optional<std::uint64_t> quota =
      own != pool.quotas.end() ? std::optional(own->second) : pool.namespace_quota;
  const std::uint64_t used = state.used_by_namespace(pool.name, asker.namespace_);
  if (quota && !already && used >= *quota) {
    return Error(Errc::quota_exceeded,
                 fmt::format("pool {}: namespace {} has {} addresses of the {} that it may have", pool.name,
                             asker.namespace_, used, *quota),
                 fmt::format("delete pods or bindings of the namespace, or raise the quota: mooringctl edit pool {}",
                             pool.name));
  }
  return ok();
}

}  // namespace mooring::controller
