#include "ipam-controller/domain/state.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "ipam-controller/domain/state_shard.hpp"

namespace mooring::controller {
namespace {

template <class T>
Write put_named(State::Named<T>& all, const T& object) {
  const auto [it, inserted] = all.try_emplace(object.name, object);
  if (inserted) {
    return Erase<T>{object.name};
  }
  return std::exchange(it->second, object);
}

template <class T>
Write erase_named(State::Named<T>& all, const Erase<T>& erased) {
  const auto it = all.find(erased.key);
  if (it == all.end()) {
    return erased;
  }
  Write undo = std::move(it->second);
  all.erase(it);
  return undo;
}

}  // namespace

State::State() = default;
State::~State() = default;

Write State::apply(const Write& write) {
  return std::visit([this](const auto& row) { return put(row); }, write);
}

State::Shard& State::shard(net::Vni vni) {
  const auto it = shards_.find(vni.value());
  if (it == shards_.end()) {
    throw std::logic_error(fmt::format("no subnet has the VNI {}", vni.value()));
  }
  return *it->second;
}

net::Vni State::vni_of_subnet(std::string_view name, std::string_view what) const {
  const Subnet* found = subnet(name);
  if (found == nullptr) {
    throw std::logic_error(fmt::format("{} names no subnet", what));
  }
  return found->vni;
}

net::Vni State::vni_of(const Binding& binding) const {
  return vni_of_subnet(binding.subnet, "binding of " + binding.owner.str());
}

Write State::put(const Network& network) {
  return put_named(networks_, network);
}
Write State::put(const Node& node) {
  return put_named(nodes_, node);
}
Write State::put(const Gateway& gateway) {
  return put_named(gateways_, gateway);
}
Write State::put(const Webhook& webhook) {
  return put_named(webhooks_, webhook);
}
Write State::put(const AddressList& list) {
  return put_named(lists_, list);
}
Write State::put(const AccessRule& rule) {
  return put_named(access_rules_, rule);
}
Write State::put(const Erase<AccessRule>& erased) {
  return erase_named(access_rules_, erased);
}
Write State::put(const Vip& vip) {
  return put_named(vips_, vip);
}
Write State::put(const Erase<Vip>& erased) {
  return erase_named(vips_, erased);
}
Write State::put(const Erase<Network>& erased) {
  return erase_named(networks_, erased);
}
Write State::put(const Erase<Node>& erased) {
  return erase_named(nodes_, erased);
}
Write State::put(const Erase<Gateway>& erased) {
  return erase_named(gateways_, erased);
}
Write State::put(const Erase<Webhook>& erased) {
  return erase_named(webhooks_, erased);
}

Write State::put(const Erase<AddressList>& erased) {
  return erase_named(lists_, erased);
}

Write State::put(const Rule& rule) {
  Write undo = put_named(rules_, rule);
  sort_rules();
  return undo;
}
Write State::put(const Erase<Rule>& erased) {
  Write undo = erase_named(rules_, erased);
  sort_rules();
  return undo;
}

void State::sort_rules() {
  rules_in_order_.clear();
  for (const auto& [name, rule] : rules_) {
    rules_in_order_.push_back(&rule);
  }
  std::stable_sort(rules_in_order_.begin(), rules_in_order_.end(), [](const Rule* a, const Rule* b) {
    return std::pair(!a->of_namespace(), a->order) < std::pair(!b->of_namespace(), b->order);
  });
}

Write State::put(const Subnet& subnet) {
  if (const Subnet* old = this->subnet(subnet.name); old != nullptr && old->vni != subnet.vni) {
    shards_.erase(old->vni.value());  // an unused one: validate.hpp
  }
  auto& place = shards_[subnet.vni.value()];
  if (!place) {
    place = std::make_unique<Shard>();
  }
  place->subnet = subnet.name;
  return put_named(subnets_, subnet);
}

Write State::put(const Erase<Subnet>& erased) {
  if (const Subnet* old = subnet(erased.key)) {
    shards_.erase(old->vni.value());
  }
  return erase_named(subnets_, erased);
}

Write State::put(const Pool& pool) {
  const Subnet* subnet_of_it = subnet(pool.subnet);
  if (subnet_of_it == nullptr) {
    throw std::logic_error(fmt::format("pool {} names no subnet", pool.name));
  }
  const Pool* old = this->pool(pool.name);
  const bool same_addresses = old != nullptr && old->ranges == pool.ranges && old->exclusions == pool.exclusions;
  if (old != nullptr && old->is_default) {
    default_pools_.erase(subnet_of_it->network);
  }
  if (pool.is_default) {
    default_pools_[subnet_of_it->network] = pool.name;
  }
  Write undo = put_named(pools_, pool);
  if (same_addresses) {
    allocators_.at(pool.name).strategy = pool.strategy;
    return undo;
  }
  auto& pools = shard(subnet_of_it->vni).pools;
  const Pool* now = &pools_.at(pool.name);
  if (std::find(pools.begin(), pools.end(), now) == pools.end()) {
    pools.push_back(now);
  }
  build_allocator(*subnet_of_it, pool);
  return undo;
}

Write State::put(const Erase<Pool>& erased) {
  if (const Pool* old = pool(erased.key)) {
    if (const Subnet* subnet_of_it = subnet(old->subnet)) {
      std::erase(shard(subnet_of_it->vni).pools, old);
      if (old->is_default) {
        default_pools_.erase(subnet_of_it->network);
      }
    }
    allocators_.erase(erased.key);
  }
  return erase_named(pools_, erased);
}

Write State::put(const Reservation& reservation) {
  if (const Reservation* old = this->reservation(reservation.name)) {
    unindex(*old);
  }
  Write undo = put_named(reservations_, reservation);
  index(reservations_.at(reservation.name));
  return undo;
}

Write State::put(const Erase<Reservation>& erased) {
  if (const Reservation* old = reservation(erased.key)) {
    unindex(*old);
  }
  return erase_named(reservations_, erased);
}

Write State::put(const Block& block) {
  const auto it = blocks_.find(block.id);
  if (it == blocks_.end()) {
    index(blocks_.emplace(block.id, block).first->second);
    return Erase<Block>{block.id};
  }
  unindex(it->second);
  Write undo = std::exchange(it->second, block);
  index(it->second);
  return undo;
}

Write State::put(const Erase<Block>& erased) {
  const auto it = blocks_.find(erased.key);
  if (it == blocks_.end()) {
    return erased;
  }
  unindex(it->second);
  Write undo = std::move(it->second);
  blocks_.erase(it);
  return undo;
}

Write State::put(const ExtraAddress& extra) {
  const Recount recount(*this, extra.key());
  const auto it = extras_.find(extra.key());
  if (it == extras_.end()) {
    index(extras_.emplace(extra.key(), extra).first->second);
    return Erase<ExtraAddress>{extra.key()};
  }
  unindex(it->second);
  Write undo = std::exchange(it->second, extra);
  index(it->second);
  return undo;
}

Write State::put(const Erase<ExtraAddress>& erased) {
  const auto it = extras_.find(erased.key);
  if (it == extras_.end()) {
    return erased;
  }
  const Recount recount(*this, erased.key);
  unindex(it->second);
  Write undo = std::move(it->second);
  extras_.erase(it);
  return undo;
}

Write State::put(const Resting& resting) {
  const Recount recount(*this, resting.key());
  const auto it = resting_.find(resting.key());
  if (it == resting_.end()) {
    index(resting_.emplace(resting.key(), resting).first->second);
    return Erase<Resting>{resting.key()};
  }
  unindex(it->second);
  Write undo = std::exchange(it->second, resting);
  index(it->second);
  return undo;
}

Write State::put(const Erase<Resting>& erased) {
  const auto it = resting_.find(erased.key);
  if (it == resting_.end()) {
    return erased;
  }
  const Recount recount(*this, erased.key);
  unindex(it->second);
  Write undo = std::move(it->second);
  resting_.erase(it);
  return undo;
}

Write State::put(const Binding& binding) {
  const auto it = bindings_.find(binding.owner);
  if (it == bindings_.end()) {
    const RecountAll recount(*this, vni_of(binding), binding.addresses);
    index(bindings_.emplace(binding.owner, binding).first->second);
    return Erase<Binding>{binding.owner};
  }
  // (Whatever both have is looked at twice: the second look finds no difference.)
  const RecountAll recount_old(*this, vni_of(it->second), it->second.addresses);
  const RecountAll recount_new(*this, vni_of(binding),
                               it->second.addresses == binding.addresses ? net::AddressPair() : binding.addresses);
  unindex(it->second);
  Write undo = std::exchange(it->second, binding);
  index(it->second);
  return undo;
}

Write State::put(const Erase<Binding>& erased) {
  const auto it = bindings_.find(erased.key);
  if (it == bindings_.end()) {
    return erased;
  }
  const RecountAll recount(*this, vni_of(it->second), it->second.addresses);
  unindex(it->second);
  Write undo = std::move(it->second);
  bindings_.erase(it);
  return undo;
}

Write State::put(const Port& port) {
  Shard& here = shard(port.vni);
  const Found<Port> old = ports_.find(port.key());
  const bool replaces = old && old->key() == port.key();
  // (Whatever both have is looked at twice: the second look finds no difference.)
  const RecountAll recount_old(*this, port.vni, replaces ? old->addresses : net::AddressPair());
  const RecountAll recount_new(*this, port.vni,
                               replaces && old->addresses == port.addresses ? net::AddressPair() : port.addresses);
  if (replaces) {
    here.unuse_mac(old->mac, old->addresses);
  }
  here.use_mac(port.mac, port.addresses, port.owner);
  ports_.put(port);
  return replaces ? Write(*old) : Write(Erase<Port>{port.key()});
}

Write State::put(const Erase<Port>& erased) {
  const Found<Port> old = ports_.find(erased.key);
  if (!old || old->key() != erased.key) {
    return erased;
  }
  const RecountAll recount(*this, old->vni, old->addresses);
  shard(old->vni).unuse_mac(old->mac, old->addresses);
  ports_.erase(erased.key);
  return *old;
}

Write State::put(const FencedUid& fenced) {
  auto& list = fences_[fenced.owner];
  const auto it = std::find_if(list.begin(), list.end(), [&](const FencedUid& f) { return f.uid == fenced.uid; });
  if (it != list.end()) {
    return std::exchange(*it, fenced);
  }
  // Ascending by revision, whatever the order of loading or undoing.
  const auto behind = std::find_if(list.begin(), list.end(), [&](const FencedUid& f) {
    return std::pair(f.revision, f.uid) > std::pair(fenced.revision, fenced.uid);
  });
  list.insert(behind, fenced);
  return Erase<FencedUid>{fenced.key()};
}

Write State::put(const Erase<FencedUid>& erased) {
  const auto place = fences_.find(erased.key.owner);
  if (place == fences_.end()) {
    return erased;
  }
  auto& list = place->second;
  const auto it = std::find_if(list.begin(), list.end(), [&](const FencedUid& f) { return f.uid == erased.key.uid; });
  if (it == list.end()) {
    return erased;
  }
  Write undo = std::move(*it);
  list.erase(it);
  if (list.empty()) {
    fences_.erase(place);
  }
  return undo;
}

}  // namespace mooring::controller
