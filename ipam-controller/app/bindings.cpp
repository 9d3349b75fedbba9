// An admin binds a hostname to its address, and frees it.
#include <fmt/format.h>

#include "ipam-controller/app/use_cases.hpp"
#include "ipam-controller/domain/ranges.hpp"
#include "ipam-controller/domain/validate.hpp"

namespace mooring::controller {
namespace {

struct Place {
  const Subnet* subnet = nullptr;
  std::string pool;
  net::Ipv4Address address;
};

Result<BindingKey> checked_owner(const State& state, const BindingKey& owner) {
  BindingKey checked = owner;
  if (state.network(owner.network) == nullptr) {
    return Error(Errc::not_found, fmt::format("there is no network {}", owner.network),
                 fmt::format("mooringctl create network {}", owner.network));
  }
  const auto namespace_name = ipam_api::parse_name("namespace", owner.namespace_);
  if (!namespace_name) {
    return namespace_name.error();
  }
  auto hostname = ipam_api::parse_hostname("hostname", owner.hostname);
  if (!hostname) {
    return hostname.error();
  }
  checked.hostname = std::move(*hostname);
  return checked;
}

// The pool that was asked for; nullptr: none was.
Result<const Pool*> wished_pool(const State& state, const NewBinding& wanted) {
  if (wanted.pool.empty()) {
    return nullptr;
  }
  const Pool* pool = state.pool(wanted.pool);
  if (pool == nullptr) {
    return Error(Errc::not_found, fmt::format("there is no pool {}", wanted.pool), "mooringctl get pools");
  }
  const std::string& network = state.subnet(pool->subnet)->network;
  if (network != wanted.owner.network) {
    return Error(Errc::conflict, fmt::format("pool {} is in network {}, and the binding in network {}", pool->name,
                                             network, wanted.owner.network));
  }
  return pool;
}

Result<Place> place_at(const State& state, const NewBinding& wanted, const Pool* pool, net::Ipv4Address address) {
  const Subnet* subnet =
      pool != nullptr ? state.subnet(pool->subnet) : state.subnet_containing(wanted.owner.network, address);
  if (subnet == nullptr) {
    return Error(Errc::conflict, fmt::format("{} is in no subnet of network {}", address.str(), wanted.owner.network),
                 "mooringctl get subnets");
  }
  if (auto usable = check_address_usable(*subnet, address); !usable) {
    return usable.error();
  }
  if (pool != nullptr && (!pool->covers(address) || pool->excludes(address))) {
    return Error(Errc::conflict,
                 pool->excludes(address)
                     ? fmt::format("{} is excluded from pool {}", address.str(), pool->name)
                     : fmt::format("{} is not in pool {} ({})", address.str(), pool->name, text_of(pool->ranges)),
                 "leave the pool out: a static address need not be in one");
  }
  if (pool == nullptr) {
    pool = state.pool_covering(subnet->name, address);
  }
  const bool in_pool = pool != nullptr && !pool->excludes(address);
  return Place{subnet, in_pool ? pool->name : std::string(), address};
}

Result<Place> next_place(const State& state, const NewBinding& wanted, const Pool* pool) {
  if (pool == nullptr) {
    pool = state.default_pool(wanted.owner.network);
  }
  if (pool == nullptr) {
    return Error(Errc::not_found, fmt::format("network {} has no default pool", wanted.owner.network),
                 "name an address or a pool");
  }
  const auto address = state.next_free(pool->name);
  if (!address) {
    const PoolUse use = state.use(pool->name);
    return Error(Errc::exhausted,
                 fmt::format("pool {}: 0 of {} free, {} live, {} bound without a live port", pool->name, use.size,
                             use.allocated, use.bound),
                 "name another pool, or delete bindings that nobody needs: mooringctl get bindings");
  }
  return Place{state.subnet(pool->subnet), pool->name, *address};
}

Result<Place> choose_place(const State& state, const NewBinding& wanted, const Port* live) {
  const auto pool = wished_pool(state, wanted);
  if (!pool) {
    return pool.error();
  }
  if (live != nullptr) {
    if (wanted.address && *wanted.address != live->address) {
      return Error(Errc::conflict,
                   fmt::format("it is live with {} on node {}, and the binding is for {}", live->address.str(),
                               live->node, wanted.address->str()),
                   fmt::format("delete the pod first, or bind {}", live->address.str()));
    }
    return place_at(state, wanted, *pool, live->address);
  }
  if (!wanted.address) {
    return next_place(state, wanted, *pool);
  }
  auto place = place_at(state, wanted, *pool, *wanted.address);
  if (place) {
    if (auto free = check_address_free(state, {place->subnet->vni, place->address}); !free) {
      return free.error();
    }
  }
  return place;
}

Result<net::MacAddress> choose_mac(const State& state, const NewBinding& wanted, const Port* live, const Place& place) {
  if (!wanted.mac) {
    return live != nullptr ? live->mac : mac_from(place.address);
  }
  if (live != nullptr && live->mac != *wanted.mac) {
    return Error(Errc::conflict,
                 fmt::format("it is live with MAC {} on node {}, and the binding is for {}", live->mac.str(),
                             live->node, wanted.mac->str()),
                 "delete the pod first");
  }
  if (auto fits = check_wished_mac(state, *place.subnet, wanted.owner, place.address, *wanted.mac); !fits) {
    return fits.error();
  }
  return *wanted.mac;
}

Result<Binding> binding_from(const State& state, const NewBinding& asked) {
  if (asked.kind == Kind::stateless) {
    return Error(Errc::invalid_argument, "a stateless address has no binding", "kind is static or stateful");
  }
  auto owner = checked_owner(state, asked.owner);
  if (!owner) {
    return owner.error();
  }
  NewBinding wanted = asked;
  wanted.owner = std::move(*owner);
  if (const Binding* there = state.binding(wanted.owner)) {
    return Error(
        Errc::already_exists, fmt::format("it is bound to {} ({})", there->address.str(), to_string(there->kind)),
        fmt::format("to rebind: mooringctl delete binding {} -n {}", there->owner.hostname, there->owner.namespace_));
  }
  const Port* live = state.port_of(wanted.owner);
  const auto place = choose_place(state, wanted, live);
  if (!place) {
    return place.error();
  }
  const auto mac = choose_mac(state, wanted, live, *place);
  if (!mac) {
    return mac.error();
  }
  return Binding{wanted.owner, wanted.kind, place->subnet->name, place->pool, place->address, *mac, {}, {}, 0};
}

}  // namespace

Result<Binding> create_binding(Transaction& tx, const NewBinding& wanted) {
  auto binding = binding_from(tx.state(), wanted);
  if (!binding) {
    return binding.error().within(fmt::format("binding {}", wanted.owner.str()));
  }
  const BindingKey owner = binding->owner;
  const Kind kind = binding->kind;
  tx.put(std::move(*binding));
  if (const Port* live = tx.state().port_of(owner)) {
    Port bound = *live;
    bound.kind = kind;
    tx.put_unpublished(std::move(bound));
  }
  return *tx.state().binding(owner);
}

Result<void> delete_binding(Transaction& tx, const BindingKey& owner, bool force) {
  const std::string doing = fmt::format("deleting the binding of {}", owner.str());
  const Binding* binding = tx.state().binding(owner);
  if (binding == nullptr) {
    return Error(Errc::not_found, doing + ": there is none", "mooringctl get bindings");
  }
  const Port* live = tx.state().port_of(owner);
  if (live != nullptr && !force) {
    return Error(Errc::in_use,
                 fmt::format("{}: {} is live on node {} (port {})", doing, live->address.str(), live->node, live->id),
                 "delete the pod first, or use --force: the port keeps the address until it is released");
  }
  tx.erase(Binding(*binding));
  if (live != nullptr) {
    Port unbound = *live;
    unbound.kind = Kind::stateless;
    tx.put_unpublished(std::move(unbound));
  } else {
    for (FencedUid& fenced : tx.state().fenced_uids(owner)) {
      tx.erase(std::move(fenced));
    }
  }
  return ok();
}

}  // namespace mooring::controller
