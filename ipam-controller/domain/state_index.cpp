// The indexes of State: what follows from the objects, kept in line with every row.
#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "ipam-controller/domain/state.hpp"
#include "ipam-controller/domain/state_shard.hpp"

namespace mooring::controller {

State::Recount::Look State::Recount::look() const {
  if (const PackedPort* port = state_.ports_.packed(address_)) {
    return {Use::port, state_.ports_.names().text(port->namespace_id())};
  }
  if (const Binding* binding = state_.binding_at(address_)) {
    return {Use::bound, binding->owner.namespace_};
  }
  if (const ExtraAddress* extra = state_.extra_address(address_)) {
    return {Use::bound, extra->namespace_};
  }
  return {state_.resting(address_) != nullptr ? Use::resting : Use::nothing, {}};
}

void State::Recount::count(Allocator& allocator, Counts& counts, const Look& look, bool more) const {
  const std::uint64_t step = more ? 1 : ~std::uint64_t{0};
  counts.allocated += look.use == Use::port ? step : 0;
  counts.bound += look.use == Use::bound ? step : 0;
  counts.resting += look.use == Use::resting ? step : 0;
  if (!look.namespace_.empty() && address_.address.family() == allocator.counted_by()) {
    const auto it = allocator.by_namespace.try_emplace(look.namespace_, 0).first;
    it->second += step;
    if (it->second == 0) {
      allocator.by_namespace.erase(it);
    }
  }
}

State::Recount::~Recount() {
  Allocator* allocator = nullptr;
  Counts* counts = state_.counts_around(address_, &allocator);
  if (counts == nullptr || !counts->addresses.contains(address_.address)) {
    return;
  }
  const Look after = look();
  count(*allocator, *counts, before_, false);
  count(*allocator, *counts, after, true);
  if (after.use == Use::nothing && state_.block_at(address_) == nullptr && state_.reservation_at(address_) == nullptr) {
    counts->addresses.give_back(address_.address);
  } else {
    counts->addresses.take(address_.address);
  }
  if (before_.use == Use::nothing && (after.use == Use::port || after.use == Use::bound)) {
    // A bound hostname that comes back does not move the turn. (Loading: bindings come before their ports.)
    const PackedPort* port = state_.ports_.packed(address_);
    const Binding* binding = state_.binding_at(address_);
    counts->addresses.turn_after(address_.address, port != nullptr      ? port->generation()
                                                   : binding != nullptr ? binding->revision
                                                                        : 0);
  }
}

State::Counts* State::counts_around(PortAddress address, Allocator** allocator) {
  const auto it = shards_.find(address.vni.value());
  const Pool* pool = it == shards_.end() ? nullptr : it->second->pool_covering(address.address);
  if (pool == nullptr) {
    return nullptr;
  }
  *allocator = &allocators_.at(pool->name);
  return (*allocator)->of(address.address.family());
}

// From what is there: addresses may have been bound before a pool was put around them.
void State::build_allocator(const Subnet& subnet, const Pool& pool) {
  Allocator built;
  built.strategy = pool.strategy;
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    if (pool.has(family)) {
      (family == net::Family::v4 ? built.v4 : built.v6).emplace(Counts{AddressPool(subnet, pool, family)});
    }
  }
  const Shard& here = shard(subnet.vni);
  const auto each = [&](const net::AddressPair& addresses, const auto& found) {
    for (const net::IpAddress address : addresses.all()) {
      Counts* counts = built.of(address.family());
      if (counts != nullptr && counts->addresses.contains(address)) {
        counts->addresses.take(address);
        found(address, *counts);
      }
    }
  };
  const auto of_namespace = [&](const std::string& namespace_, net::IpAddress address) {
    if (address.family() == built.counted_by()) {
      ++built.by_namespace[namespace_];
    }
  };
  ports_.each(subnet.vni, [&](const PackedPort& port) {
    each(port.addresses(), [&](net::IpAddress address, Counts& counts) {
      counts.addresses.turn_after(address, port.generation());
      ++counts.allocated;
      of_namespace(ports_.names().text(port.namespace_id()), address);
    });
  });
  for (const Binding* binding : here.bindings) {
    each(binding->addresses, [&](net::IpAddress address, Counts& counts) {
      if (!has_port({subnet.vni, address})) {
        ++counts.bound;
        of_namespace(binding->owner.namespace_, address);
      }
    });
  }
  for (const auto& [key, extra] : extras_) {
    if (key.vni == subnet.vni && !has_port(key) && binding_at(key) == nullptr) {
      each(key.address, [&](net::IpAddress address, Counts& counts) {
        ++counts.bound;
        of_namespace(extra.namespace_, address);
      });
    }
  }
  for (const auto& [key, resting] : resting_) {
    if (key.vni == subnet.vni && pool.covers(key.address)) {
      built.resting.emplace(resting.until_ms, key.address);
      if (!has_port(key) && binding_at(key) == nullptr && extra_address(key) == nullptr) {
        each(key.address, [&](net::IpAddress, Counts& counts) { ++counts.resting; });
      }
    }
  }
  const auto take_ranges = [&](const auto& ranges, bool reserved) {
    for (const auto& [first, holder] : ranges) {
      if (Counts* counts = built.of(first.family())) {
        counts->addresses.take(holder->range);
        counts->reserved += reserved ? counts->addresses.count_in(holder->range) : 0;
      }
    }
  };
  take_ranges(here.reservations, true);
  take_ranges(here.blocks, false);
  allocators_.insert_or_assign(pool.name, std::move(built));
}

void State::index(const Reservation& reservation) {
  Shard& here = shard(vni_of_subnet(reservation.subnet, "reservation " + reservation.name));
  here.reservations[reservation.range.first] = &reservation;
  for (const Pool* pool : here.pools) {
    if (Counts* counts = allocators_.at(pool->name).of(reservation.range.family())) {
      counts->addresses.take(reservation.range);
      counts->reserved += counts->addresses.count_in(reservation.range);
    }
  }
}

void State::unindex(const Reservation& reservation) {
  Shard& here = shard(vni_of_subnet(reservation.subnet, "reservation " + reservation.name));
  here.reservations.erase(reservation.range.first);
  for (const Pool* pool : here.pools) {
    if (Counts* counts = allocators_.at(pool->name).of(reservation.range.family())) {
      counts->addresses.give_back(reservation.range);
      counts->reserved -= counts->addresses.count_in(reservation.range);
    }
  }
}

void State::index(const Block& block) {
  Shard& here = shard(block.vni);
  here.blocks[block.range.first] = &block;
  for (const Pool* pool : here.pools) {
    if (Counts* counts = allocators_.at(pool->name).of(block.range.family())) {
      counts->addresses.take(block.range);
    }
  }
}

void State::unindex(const Block& block) {
  Shard& here = shard(block.vni);
  here.blocks.erase(block.range.first);
  for (const Pool* pool : here.pools) {
    if (Counts* counts = allocators_.at(pool->name).of(block.range.family())) {
      // What is used inside stays taken.
      counts->addresses.give_back(block.range);
      for (net::IpAddress address = block.range.first;; address = net::next(address)) {
        const PortAddress key{block.vni, address};
        if (has_port(key) || binding_at(key) != nullptr || extra_address(key) != nullptr || resting(key) != nullptr) {
          counts->addresses.take(address);
        }
        if (address == block.range.last) {
          break;
        }
      }
    }
  }
}

void State::index(const ExtraAddress& extra) {
  if (extra.holder) {
    extras_by_holder_[*extra.holder].push_back(extra.key());
  }
}

void State::unindex(const ExtraAddress& extra) {
  if (extra.holder) {
    auto& list = extras_by_holder_[*extra.holder];
    std::erase(list, extra.key());
    if (list.empty()) {
      extras_by_holder_.erase(*extra.holder);
    }
  }
}

void State::index(const Resting& resting) {
  rest_ends_.emplace(resting.until_ms, resting.key());
  resting_by_owner_[resting.last_owner].push_back(resting.key());
  Allocator* allocator = nullptr;
  if (counts_around(resting.key(), &allocator) != nullptr) {
    allocator->resting.emplace(resting.until_ms, resting.address);
  }
}

void State::unindex(const Resting& resting) {
  rest_ends_.erase({resting.until_ms, resting.key()});
  auto& list = resting_by_owner_[resting.last_owner];
  std::erase(list, resting.key());
  if (list.empty()) {
    resting_by_owner_.erase(resting.last_owner);
  }
  Allocator* allocator = nullptr;
  if (counts_around(resting.key(), &allocator) != nullptr) {
    allocator->resting.erase({resting.until_ms, resting.address});
  }
}

void State::index(const Binding& binding) {
  const net::Vni vni = vni_of(binding);
  Shard& here = shard(vni);
  here.bindings.insert(&binding);
  here.use_mac(binding.mac, binding.addresses, binding.owner);
  for (const net::IpAddress address : binding.addresses.all()) {
    binding_by_address_[{vni, address}] = &binding;
  }
  if (binding.expires_ms != 0) {
    binding_ends_.emplace(binding.expires_ms, binding.owner);
  }
}

void State::unindex(const Binding& binding) {
  const net::Vni vni = vni_of(binding);
  Shard& here = shard(vni);
  here.bindings.erase(&binding);
  here.unuse_mac(binding.mac, binding.addresses);
  for (const net::IpAddress address : binding.addresses.all()) {
    const auto it = binding_by_address_.find({vni, address});
    if (it != binding_by_address_.end() && it->second == &binding) {
      binding_by_address_.erase(it);
    }
  }
  if (binding.expires_ms != 0) {
    binding_ends_.erase({binding.expires_ms, binding.owner});
  }
}

}  // namespace mooring::controller
