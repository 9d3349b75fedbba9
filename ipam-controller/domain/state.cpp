#include "ipam-controller/domain/state.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "ipam-controller/domain/state_shard.hpp"

namespace mooring::controller {
namespace {

template <class T>
const T* find_in(const State::Named<T>& all, std::string_view name) {
  const auto it = all.find(name);
  return it == all.end() ? nullptr : &it->second;
}

template <class Map, class Key>
auto pointer_in(const Map& map, const Key& key) -> typename Map::mapped_type {
  const auto it = map.find(key);
  return it == map.end() ? nullptr : it->second;
}

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

std::string attachment_key(std::string_view node, const Attachment& attachment) {
  std::string key(node);
  key += ' ';
  key += attachment.str();
  return key;
}

}  // namespace

State::State() = default;
State::~State() = default;

// Looks at an address before and after a change, and brings its pool's counts and bits in line.
class State::Recount {
 public:
  Recount(State& state, PortAddress address) : state_(state), address_(address), before_(look()) {}
  Recount(const Recount&) = delete;
  Recount& operator=(const Recount&) = delete;
  ~Recount() {
    Allocator* allocator = state_.allocator_around(address_);
    if (allocator == nullptr || !allocator->addresses.contains(address_.address)) {
      return;
    }
    const Look after = look();
    allocator->allocated += after.port;
    allocator->allocated -= before_.port;
    allocator->bound += after.bound_only();
    allocator->bound -= before_.bound_only();
    if (after.any()) {
      allocator->addresses.take(address_.address);
    } else {
      allocator->addresses.give_back(address_.address);
    }
    if (!before_.any() && after.any()) {
      // A bound hostname that comes back does not move the turn. (Loading: bindings come before their ports.)
      allocator->addresses.turn_after(address_.address, after.port != 0
                                                            ? state_.ports_.at(address_).generation
                                                            : state_.binding_by_address_.at(address_)->revision);
    }
  }

 private:
  struct Look {
    std::uint64_t port, binding;
    bool any() const { return port + binding != 0; }
    std::uint64_t bound_only() const { return port == 0 ? binding : 0; }
  };
  Look look() const {
    return {state_.ports_.contains(address_) ? 1U : 0U, state_.binding_by_address_.contains(address_) ? 1U : 0U};
  }

  State& state_;
  PortAddress address_;
  Look before_;
};

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

State::Allocator* State::allocator_around(PortAddress address) {
  const auto it = shards_.find(address.vni.value());
  const Pool* pool = it == shards_.end() ? nullptr : it->second->pool_covering(address.address);
  return pool == nullptr ? nullptr : &allocators_.at(pool->name);
}

PortAddress State::address_of(const Binding& binding) const {
  const Subnet* subnet_of_it = subnet(binding.subnet);
  if (subnet_of_it == nullptr) {
    throw std::logic_error(fmt::format("binding of {} names no subnet", binding.owner.str()));
  }
  return {subnet_of_it->vni, binding.address};
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
Write State::put(const Erase<Network>& erased) {
  return erase_named(networks_, erased);
}
Write State::put(const Erase<Node>& erased) {
  return erase_named(nodes_, erased);
}
Write State::put(const Erase<Gateway>& erased) {
  return erase_named(gateways_, erased);
}

Write State::put(const Subnet& subnet) {
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
  if (!same_addresses) {
    auto& pools = shard(subnet_of_it->vni).pools;
    const Pool* now = &pools_.at(pool.name);
    if (std::find(pools.begin(), pools.end(), now) == pools.end()) {
      pools.push_back(now);
    }
    build_allocator(*subnet_of_it, pool);
  }
  return undo;
}

// From what is there: addresses may have been bound before a pool was put around them.
void State::build_allocator(const Subnet& subnet, const Pool& pool) {
  Allocator built{AddressPool(subnet, pool)};
  const Shard& here = shard(subnet.vni);
  for (const Port* port : here.ports) {
    if (built.addresses.contains(port->address)) {
      built.addresses.take(port->address);
      built.addresses.turn_after(port->address, port->generation);
      ++built.allocated;
    }
  }
  for (const Binding* binding : here.bindings) {
    if (built.addresses.contains(binding->address) && !ports_.contains({subnet.vni, binding->address})) {
      built.addresses.take(binding->address);
      ++built.bound;
    }
  }
  allocators_.insert_or_assign(pool.name, std::move(built));
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

Write State::put(const Binding& binding) {
  const auto it = bindings_.find(binding.owner);
  if (it == bindings_.end()) {
    const Recount recount(*this, address_of(binding));
    index(bindings_.emplace(binding.owner, binding).first->second);
    return Erase<Binding>{binding.owner};
  }
  const Recount recount_old(*this, address_of(it->second));
  const Recount recount_new(*this, address_of(binding));
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
  const Recount recount(*this, address_of(it->second));
  unindex(it->second);
  Write undo = std::move(it->second);
  bindings_.erase(it);
  return undo;
}

Write State::put(const Port& port) {
  const Recount recount(*this, port.key());
  const auto it = ports_.find(port.key());
  if (it == ports_.end()) {
    index(ports_.emplace(port.key(), port).first->second);
    return Erase<Port>{port.key()};
  }
  unindex(it->second);
  Write undo = std::exchange(it->second, port);
  index(it->second);
  return undo;
}

Write State::put(const Erase<Port>& erased) {
  const auto it = ports_.find(erased.key);
  if (it == ports_.end()) {
    return erased;
  }
  const Recount recount(*this, erased.key);
  unindex(it->second);
  Write undo = std::move(it->second);
  ports_.erase(it);
  return undo;
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

void State::index(const Port& port) {
  Shard& here = shard(port.vni);
  here.ports.insert(&port);
  here.use_mac(port.mac, port.owner);
  port_by_owner_[port.owner] = &port;
  port_by_attachment_[attachment_key(port.node, port.attachment)] = &port;
  port_by_id_[port.id] = &port;
  ports_by_node_[port.node].insert(&port);
}

void State::unindex(const Port& port) {
  Shard& here = shard(port.vni);
  here.ports.erase(&port);
  here.unuse_mac(port.mac);
  port_by_owner_.erase(port.owner);
  port_by_attachment_.erase(attachment_key(port.node, port.attachment));
  port_by_id_.erase(port.id);
  const auto of_node = ports_by_node_.find(port.node);
  of_node->second.erase(&port);
  if (of_node->second.empty()) {
    ports_by_node_.erase(of_node);
  }
}

void State::index(const Binding& binding) {
  const PortAddress address = address_of(binding);
  Shard& here = shard(address.vni);
  here.bindings.insert(&binding);
  here.use_mac(binding.mac, binding.owner);
  binding_by_address_[address] = &binding;
}

void State::unindex(const Binding& binding) {
  const PortAddress address = address_of(binding);
  Shard& here = shard(address.vni);
  here.bindings.erase(&binding);
  here.unuse_mac(binding.mac);
  binding_by_address_.erase(address);
}

const Network* State::network(std::string_view name) const {
  return find_in(networks_, name);
}
const Subnet* State::subnet(std::string_view name) const {
  return find_in(subnets_, name);
}
const Pool* State::pool(std::string_view name) const {
  return find_in(pools_, name);
}
const Node* State::node(std::string_view name) const {
  return find_in(nodes_, name);
}
const Gateway* State::gateway(std::string_view name) const {
  return find_in(gateways_, name);
}

const Binding* State::binding(const BindingKey& owner) const {
  const auto it = bindings_.find(owner);
  return it == bindings_.end() ? nullptr : &it->second;
}

const Port* State::port(PortAddress address) const {
  const auto it = ports_.find(address);
  return it == ports_.end() ? nullptr : &it->second;
}

const Port* State::port_by_id(std::string_view id) const {
  return pointer_in(port_by_id_, std::string(id));
}

const Port* State::port_of(const BindingKey& owner) const {
  return pointer_in(port_by_owner_, owner);
}

const Port* State::port_of(std::string_view node, const Attachment& attachment) const {
  return pointer_in(port_by_attachment_, attachment_key(node, attachment));
}

const Binding* State::binding_at(PortAddress address) const {
  return pointer_in(binding_by_address_, address);
}

}  // namespace mooring::controller
