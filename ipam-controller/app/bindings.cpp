// An admin binds a hostname to its address, and frees it.
#include <fmt/format.h>

#include "ipam-controller/app/use_cases.hpp"
#include "ipam-controller/domain/allocation.hpp"
#include "ipam-controller/domain/patterns.hpp"
#include "ipam-controller/domain/ranges.hpp"
#include "ipam-controller/domain/validate.hpp"

namespace mooring::controller {
namespace {

struct BoundPlace {
  const Subnet* subnet = nullptr;
  std::string pool;
  net::AddressPair addresses;
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

// The place of given addresses; families that the pool has beside them are left open.
Result<BoundPlace> place_at(const State& state, const NewBinding& wanted, const Pool* pool,
                            const net::AddressPair& addresses) {
  const net::IpAddress first = addresses.primary();
  const Subnet* subnet =
      pool != nullptr ? state.subnet(pool->subnet) : state.subnet_containing(wanted.owner.network, first);
  if (subnet == nullptr) {
    return Error(Errc::conflict, fmt::format("{} is in no subnet of network {}", first.str(), wanted.owner.network),
                 "mooringctl get subnets");
  }
  bool in_pool = true;
  const Pool* around = pool != nullptr ? pool : state.pool_covering(subnet->name, first);
  for (const net::IpAddress address : addresses.all()) {
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
    in_pool = in_pool && around != nullptr && around->covers(address) && !around->excludes(address);
  }
  return BoundPlace{subnet, in_pool ? around->name : std::string(), addresses};
}

Result<BoundPlace> next_place(const State& state, const NewBinding& wanted, const Pool* pool, TimeMs now) {
  if (pool == nullptr) {
    pool = state.default_pool(wanted.owner.network);
  }
  if (pool == nullptr) {
    return Error(Errc::not_found, fmt::format("network {} has no default pool", wanted.owner.network),
                 "name an address or a pool");
  }
  const auto addresses = next_addresses(state, *pool, now);
  if (!addresses) {
    return addresses.error();
  }
  return BoundPlace{state.subnet(pool->subnet), pool->name, *addresses};
}

Result<BoundPlace> choose_place(const State& state, const NewBinding& wanted, const Port* live, TimeMs now) {
  const auto pool = wished_pool(state, wanted);
  if (!pool) {
    return pool.error();
  }
  if (live != nullptr) {
    for (const net::IpAddress address : wanted.addresses.all()) {
      if (!live->addresses.contains(address)) {
        return Error(Errc::conflict,
                     fmt::format("it is live with {} on node {}, and the binding is for {}", live->addresses.str(),
                                 live->node, address.str()),
                     fmt::format("delete the pod first, or bind {}", live->addresses.str()));
      }
    }
    return place_at(state, wanted, *pool, live->addresses);
  }
  if (wanted.addresses.empty()) {
    return next_place(state, wanted, *pool, now);
  }
  auto place = place_at(state, wanted, *pool, wanted.addresses);
  if (!place) {
    return place;
  }
  for (const net::IpAddress address : place->addresses.all()) {
    if (auto free = check_address_free(state, {place->subnet->vni, address}, wanted.owner, "", now); !free) {
      return free.error();
    }
  }
  if (const Pool* around = state.pool(place->pool)) {
    auto all = next_addresses(state, *around, now, place->addresses);
    if (!all) {
      return all.error();
    }
    place->addresses = *all;
  }
  return place;
}

Result<net::MacAddress> choose_mac(const State& state, const NewBinding& wanted, const Port* live,
                                   const BoundPlace& place) {
  if (!wanted.mac) {
    return live != nullptr ? live->mac : mac_from(place.addresses);
  }
  if (live != nullptr && live->mac != *wanted.mac) {
    return Error(Errc::conflict,
                 fmt::format("it is live with MAC {} on node {}, and the binding is for {}", live->mac.str(),
                             live->node, wanted.mac->str()),
                 "delete the pod first");
  }
  if (auto fits = check_wished_mac(state, *place.subnet, wanted.owner, place.addresses, *wanted.mac); !fits) {
    return fits.error();
  }
  return *wanted.mac;
}

Result<Binding> binding_from(const State& state, const NewBinding& asked, TimeMs now) {
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
        Errc::already_exists, fmt::format("it is bound to {} ({})", there->addresses.str(), to_string(there->kind)),
        fmt::format("to rebind: mooringctl delete binding {} -n {}", there->owner.hostname, there->owner.namespace_));
  }
  const auto live = state.port_of(wanted.owner);
  const auto place = choose_place(state, wanted, live.get(), now);
  if (!place) {
    return place.error();
  }
  const auto mac = choose_mac(state, wanted, live.get(), *place);
  if (!mac) {
    return mac.error();
  }
  Binding binding;
  binding.owner = wanted.owner;
  binding.kind = wanted.kind;
  binding.subnet = place->subnet->name;
  binding.pool = place->pool;
  binding.addresses = place->addresses;
  binding.mac = *mac;
  binding.retention = wanted.retention.value_or(Retention());
  binding.workload = wanted.workload;
  binding.labels = wanted.labels;
  binding.note = wanted.note;
  binding.origin = wanted.origin;
  binding.created_ms = now;
  return binding;
}

// What PUT says of a binding that is there; where it says another address, MAC or pool, it is refused.
Result<BindingChange> change_from(const NewBinding& wanted, const Binding& there) {
  const auto stays = [&](std::string_view what, const std::string& is, const std::string& said) {
    return Error(
        Errc::conflict, fmt::format("{} of {} is {}, and the change says {}", what, there.owner.str(), is, said),
        fmt::format("a binding keeps its addresses; delete it and make another: mooringctl delete binding {} -n {}",
                    there.owner.hostname, there.owner.namespace_));
  };
  for (const net::IpAddress address : wanted.addresses.all()) {
    if (!there.addresses.contains(address)) {
      return stays("the address", there.addresses.str(), address.str());
    }
  }
  if (wanted.mac && *wanted.mac != there.mac) {
    return stays("the MAC", there.mac.str(), wanted.mac->str());
  }
  if (!wanted.pool.empty() && wanted.pool != there.pool) {
    return stays("the pool", there.pool.empty() ? "none" : there.pool, wanted.pool);
  }
  return BindingChange{wanted.kind, wanted.retention, wanted.workload, wanted.labels, wanted.note};
}

}  // namespace

Result<Binding> create_binding(Transaction& tx, const NewBinding& wanted) {
  auto binding = binding_from(tx.state(), wanted, tx.now());
  if (!binding) {
    return binding.error().within(fmt::format("binding {}", wanted.owner.str()));
  }
  const BindingKey owner = binding->owner;
  const Kind kind = binding->kind;
  const net::Vni vni = tx.state().subnet(binding->subnet)->vni;
  for (const net::IpAddress address : binding->addresses.all()) {
    // Its own rest goes on: it is over when a container uses the address.
    const Resting* resting = tx.state().resting({vni, address});
    if (resting != nullptr && (resting->last_owner != owner || resting->until_ms <= tx.now())) {
      tx.erase(Resting(*resting));
    }
  }
  tx.put(std::move(*binding));
  if (const auto live = tx.state().port_of(owner)) {
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
  if (auto match = check_match(tx, binding->revision, "the binding of " + owner.str()); !match) {
    return match;
  }
  const auto live = tx.state().port_of(owner);
  if (live != nullptr && !force) {
    return Error(Errc::in_use,
                 fmt::format("{}: {} is live on node {} (port {})", doing, live->addresses.str(), live->node, live->id),
                 "delete the pod first, or use --force: the port keeps the address until it is released");
  }
  const Binding gone = *binding;
  tx.erase(gone);
  if (live != nullptr) {
    Port unbound = *live;
    unbound.kind = Kind::stateless;
    const bool rest_is_owed = unbound.state == PortState::pending && !gone.last_node.empty();
    if (rest_is_owed) {
      put_to_rest(tx, unbound.vni, unbound.addresses, owner);  // of the container before, should this one fail
    }
    tx.put_unpublished(std::move(unbound));
    return ok();
  }
  for (FencedUid& fenced : tx.state().fenced_uids(owner)) {
    tx.erase(std::move(fenced));
  }
  if (!gone.last_node.empty()) {
    put_to_rest(tx, tx.state().subnet(gone.subnet)->vni, gone.addresses, owner);
  }
  return ok();
}

Result<Binding> change_binding(Transaction& tx, const BindingKey& owner, const BindingChange& change) {
  const std::string doing = fmt::format("changing the binding of {}", owner.str());
  const Binding* there = tx.state().binding(owner);
  if (there == nullptr) {
    return Error(Errc::not_found, doing + ": there is none", "mooringctl get bindings");
  }
  if (auto match = check_match(tx, there->revision, "the binding of " + owner.str()); !match) {
    return match.error();
  }
  if (change.kind == Kind::stateless) {
    return Error(Errc::invalid_argument, doing + ": a stateless address has no binding", "delete the binding instead");
  }
  Binding changed = *there;
  changed.kind = change.kind.value_or(changed.kind);
  changed.retention = change.retention.value_or(changed.retention);
  changed.workload = change.workload.value_or(changed.workload);
  changed.labels = change.labels.value_or(changed.labels);
  changed.note = change.note.value_or(changed.note);
  const auto live = tx.state().port_of(owner);
  if (changed.retention != there->retention) {
    // It counts from now: when it was let go under the old retention is not kept.
    const bool was_held = !there->last_node.empty() || !there->last_uid.empty() || there->expires_ms != 0;
    changed.expires_ms = live == nullptr && was_held ? end_of(changed.retention, tx.now()) : 0;
  }
  if (changed == *there) {
    return changed;
  }
  if (live != nullptr && live->kind != changed.kind) {
    Port port = *live;
    port.kind = changed.kind;
    tx.put_unpublished(std::move(port));
  }
  tx.put(std::move(changed));
  return *tx.state().binding(owner);
}

Result<Stored<Binding>> put_binding(Transaction& tx, const NewBinding& wanted) {
  const Binding* there = tx.state().binding(wanted.owner);
  if (there == nullptr && tx.caller().if_match) {
    return Error(Errc::not_found, fmt::format("changing the binding of {}: it is gone", wanted.owner.str()),
                 "create it without If-Match");
  }
  if (there == nullptr) {
    auto made = create_binding(tx, wanted);
    return made ? Result<Stored<Binding>>(Stored<Binding>{*made, true, true}) : Result<Stored<Binding>>(made.error());
  }
  const auto change = change_from(wanted, *there);
  if (!change) {
    return change.error();
  }
  const Revision before = there->revision;
  auto changed = change_binding(tx, wanted.owner, *change);
  return changed ? Result<Stored<Binding>>(Stored<Binding>{*changed, false, changed->revision != before})
                 : Result<Stored<Binding>>(changed.error());
}

Result<std::uint64_t> delete_workload(Transaction& tx, const std::string& namespace_, const std::string& workload) {
  std::vector<Binding> of_it;
  for (const auto& [owner, binding] : tx.state().bindings()) {
    if (owner.namespace_ == namespace_ && binding.retention.policy == Retention::Policy::with_workload &&
        (binding.workload.empty() ? workload_of(owner.hostname) : binding.workload) == workload) {
      of_it.push_back(binding);
    }
  }
  for (Binding& binding : of_it) {
    if (tx.state().port_of(binding.owner) == nullptr) {
      if (auto gone = delete_binding(tx, binding.owner, false); !gone) {
        return gone.error();
      }
    } else {
      // Its container is on its way out: the binding ends with it.
      binding.retention = {Retention::Policy::on_delete, 0};
      tx.put(std::move(binding));
    }
  }
  return of_it.size();
}

}  // namespace mooring::controller
