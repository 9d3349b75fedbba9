#include "ipam-controller/domain/selection.hpp"

#include <fmt/format.h>

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

}  // namespace

Result<Scope> scope_of(const State& state, const ipam_api::AllocateRequest& request) {
  const ipam_api::Wishes& wishes = request.wishes;
  Scope scope;
  if (!wishes.pool.empty()) {
    scope.pool = state.pool(wishes.pool);
    if (scope.pool == nullptr) {
      return no_such("pool", wishes.pool);
    }
    scope.subnet = state.subnet(scope.pool->subnet);
  }
  if (!wishes.subnet.empty()) {
    if (state.subnet(wishes.subnet) == nullptr) {
      return no_such("subnet", wishes.subnet);
    }
    if (scope.pool != nullptr && scope.pool->subnet != wishes.subnet) {
      return contradiction("pool", scope.pool->name, "subnet", scope.pool->subnet, wishes.subnet);
    }
    scope.subnet = state.subnet(wishes.subnet);
  }
  if (!wishes.network.empty() && state.network(wishes.network) == nullptr) {
    return no_such("network", wishes.network);
  }
  if (scope.subnet != nullptr) {
    if (!wishes.network.empty() && scope.subnet->network != wishes.network) {
      return contradiction("subnet", scope.subnet->name, "network", scope.subnet->network, wishes.network);
    }
    scope.network = scope.subnet->network;
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

Result<std::vector<const Pool*>> candidate_pools(const State& state, const Scope& scope) {
  if (scope.pool != nullptr) {
    return std::vector<const Pool*>{scope.pool};
  }
  const Pool* const usual = state.default_pool(scope.network);
  if (scope.subnet == nullptr) {
    if (usual == nullptr) {
      return Error(Errc::not_found, fmt::format("network {} has no default pool", scope.network),
                   "create one (mooringctl create pool … --default), or wish for a pool: annotation mooring.io/pool");
    }
    return std::vector<const Pool*>{usual};
  }
  std::vector<const Pool*> pools;
  if (usual != nullptr && usual->subnet == scope.subnet->name) {
    pools.push_back(usual);
  }
  for (const Pool* pool : state.pools_of(scope.subnet->name)) {
    // A pool of kind static is kept for the admin's bindings; it gives to others only when wished for by name.
    if (pool != usual && pool->kind != Kind::fixed_by_admin) {
      pools.push_back(pool);
    }
  }
  if (pools.empty()) {
    return Error(Errc::not_found, fmt::format("subnet {} has no pool for pods without a binding", scope.subnet->name),
                 fmt::format("create one: mooringctl create pool NAME --subnet {}", scope.subnet->name));
  }
  return pools;
}

}  // namespace mooring::controller
