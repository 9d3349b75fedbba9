// The questions to State that are more than one look-up.
#include <algorithm>
#include <iterator>

#include "ipam-controller/domain/state.hpp"
#include "ipam-controller/domain/state_shard.hpp"

namespace mooring::controller {
namespace {

template <class T>
const T* find_in(const State::Named<T>& all, std::string_view name) {
  const auto it = all.find(name);
  return it == all.end() ? nullptr : &it->second;
}

template <class Map, class Key>
const typename Map::mapped_type* value_in(const Map& map, const Key& key) {
  const auto it = map.find(key);
  return it == map.end() ? nullptr : &it->second;
}

template <class Map, class Key>
auto pointer_in(const Map& map, const Key& key) -> typename Map::mapped_type {
  const auto it = map.find(key);
  return it == map.end() ? nullptr : it->second;
}

}  // namespace

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
const Reservation* State::reservation(std::string_view name) const {
  return find_in(reservations_, name);
}
const Vip* State::vip(std::string_view name) const {
  return find_in(vips_, name);
}
const Vip* State::vip_at(PortAddress address) const {
  const auto it = std::find_if(vips_.begin(), vips_.end(), [&](const auto& named) {
    return named.second.vni == address.vni && named.second.address == address.address;
  });
  return it == vips_.end() ? nullptr : &it->second;
}
const Rule* State::rule(std::string_view name) const {
  return find_in(rules_, name);
}
const Webhook* State::webhook(std::string_view name) const {
  return find_in(webhooks_, name);
}
const AddressList* State::list(std::string_view name) const {
  return find_in(lists_, name);
}
const AccessRule* State::access_rule(std::string_view name) const {
  return find_in(access_rules_, name);
}
const ListedBlock* State::listed_block(std::string_view key) const {
  return find_in(listed_blocks_, key);
}
std::vector<const ListedBlock*> State::blocks_of_list(std::string_view list) const {
  std::vector<const ListedBlock*> found;
  const std::string before = std::string(list) + "/";  // (no name has a slash)
  for (auto it = listed_blocks_.lower_bound(before); it != listed_blocks_.end() && it->second.list == list; ++it) {
    found.push_back(&it->second);
  }
  return found;
}
const Block* State::block(std::string_view id) const {
  return find_in(blocks_, id);
}
const ExtraAddress* State::extra_address(PortAddress address) const {
  return value_in(extras_, address);
}
const Resting* State::resting(PortAddress address) const {
  return value_in(resting_, address);
}
const Binding* State::binding(const BindingKey& owner) const {
  return value_in(bindings_, owner);
}

const Binding* State::binding_at(PortAddress address) const {
  return pointer_in(binding_by_address_, address);
}

const FencedUid* State::fenced_uid(const FencedUid::Key& key) const {
  const auto it = fences_.find(key.owner);
  if (it == fences_.end()) {
    return nullptr;
  }
  const auto found =
      std::find_if(it->second.begin(), it->second.end(), [&](const FencedUid& f) { return f.uid == key.uid; });
  return found == it->second.end() ? nullptr : &*found;
}

const Reservation* State::reservation_overlapping(net::Vni vni, const net::IpRange& range) const {
  const auto it = shards_.find(vni.value());
  return it == shards_.end() ? nullptr : Shard::overlapping(it->second->reservations, range);
}

const Block* State::block_overlapping(net::Vni vni, const net::IpRange& range) const {
  const auto it = shards_.find(vni.value());
  return it == shards_.end() ? nullptr : Shard::overlapping(it->second->blocks, range);
}

const Reservation* State::reservation_at(PortAddress address) const {
  return reservation_overlapping(address.vni, {address.address, address.address});
}

const Block* State::block_at(PortAddress address) const {
  return block_overlapping(address.vni, {address.address, address.address});
}

std::vector<const Block*> State::blocks_of_node(std::string_view node) const {
  std::vector<const Block*> found;
  for (const auto& [id, block] : blocks_) {
    if (block.node == node) {
      found.push_back(&block);
    }
  }
  return found;
}

std::vector<PortAddress> State::extra_addresses_of(const BindingKey& holder) const {
  const auto* found = value_in(extras_by_holder_, holder);
  return found == nullptr ? std::vector<PortAddress>{} : *found;
}

std::vector<const Resting*> State::resting_of(const BindingKey& owner) const {
  std::vector<const Resting*> found;
  if (const auto* keys = value_in(resting_by_owner_, owner)) {
    for (const PortAddress& key : *keys) {
      found.push_back(&resting_.at(key));
    }
  }
  // By what is stored, not by the order of loading.
  std::sort(found.begin(), found.end(), [](const Resting* a, const Resting* b) {
    return std::pair(a->revision, a->address) > std::pair(b->revision, b->address);
  });
  return found;
}

const net::AddressPair* State::unconfirmed(const BindingKey& owner) const {
  return value_in(unconfirmed_, owner);
}

void State::remember_unconfirmed(const BindingKey& owner, const net::AddressPair& addresses) {
  constexpr std::size_t most = 4096;
  if (unconfirmed_.insert_or_assign(owner, addresses).second) {
    unconfirmed_order_.push_back(owner);
  }
  if (unconfirmed_order_.size() > most) {
    unconfirmed_.erase(unconfirmed_order_.front());
    unconfirmed_order_.pop_front();
  }
}

std::vector<PortAddress> State::rested_by(TimeMs now, std::size_t most) const {
  std::vector<PortAddress> found;
  for (auto it = rest_ends_.begin(); it != rest_ends_.end() && it->first <= now && found.size() < most; ++it) {
    found.push_back(it->second);
  }
  return found;
}

std::vector<BindingKey> State::expired_by(TimeMs now, std::size_t most) const {
  std::vector<BindingKey> found;
  for (auto it = binding_ends_.begin(); it != binding_ends_.end() && it->first <= now && found.size() < most; ++it) {
    found.push_back(it->second);
  }
  return found;
}

std::optional<TimeMs> State::next_deadline() const {
  std::optional<TimeMs> next;
  if (!rest_ends_.empty()) {
    next = rest_ends_.begin()->first;
  }
  if (!binding_ends_.empty() && (!next || binding_ends_.begin()->first < *next)) {
    next = binding_ends_.begin()->first;
  }
  return next;
}

std::optional<TimeMs> State::first_rested(std::string_view pool) const {
  const auto it = allocators_.find(pool);
  if (it == allocators_.end()) {
    return std::nullopt;
  }
  const net::Vni vni = subnet(this->pool(pool)->subnet)->vni;
  for (const auto& [until_ms, address] : it->second.resting) {
    // One that somebody holds does not become free with its rest.
    const PortAddress key{vni, address};
    if (port(key) == nullptr && binding_at(key) == nullptr && extra_address(key) == nullptr) {
      return until_ms;
    }
  }
  return std::nullopt;
}

std::vector<State::PoolTurns> State::turns() const {
  const auto turn_of = [](const std::optional<Counts>& counts) {
    return counts ? std::optional(counts->addresses.turn()) : std::nullopt;
  };
  std::vector<PoolTurns> turns;
  for (const auto& [pool, allocator] : allocators_) {
    turns.push_back({pool, turn_of(allocator.v4), turn_of(allocator.v6)});
  }
  return turns;
}

void State::set_turns(const std::vector<PoolTurns>& turns) {
  for (const PoolTurns& one : turns) {
    const auto it = allocators_.find(one.pool);
    for (const net::Family family : {net::Family::v4, net::Family::v6}) {
      Counts* counts = it == allocators_.end() ? nullptr : it->second.of(family);
      const auto& turn = family == net::Family::v4 ? one.v4 : one.v6;
      if (counts != nullptr && turn) {
        counts->addresses.set_turn(*turn);
      }
    }
  }
}

Found<BindingKey> State::owner_of_mac(net::Vni vni, net::MacAddress mac) const {
  const auto it = shards_.find(vni.value());
  if (it == shards_.end()) {
    return nullptr;
  }
  if (const BindingKey* owner = it->second->owner_of(mac)) {
    return *owner;
  }
  // One that follows from an IPv4 address (objects.hpp, mac_from).
  const auto& octets = mac.octets();
  std::uint32_t bits = 0;
  for (std::size_t i = 2; i < octets.size(); ++i) {
    bits = (bits << 8) | octets[i];
  }
  const PortAddress address{vni, net::Ipv4Address(bits)};
  if (mac != mac_from(net::AddressPair(address.address))) {
    return nullptr;
  }
  if (const PackedPort* found = ports_.packed(address); found != nullptr && found->mac() == mac) {
    return found->owner(ports_.names());
  }
  if (const Binding* found = binding_at(address); found != nullptr && found->mac == mac) {
    return found->owner;
  }
  return nullptr;
}

const Subnet* State::subnet_by_vni(net::Vni vni) const {
  const auto it = shards_.find(vni.value());
  return it == shards_.end() ? nullptr : subnet(it->second->subnet);
}

const Subnet* State::subnet_containing(std::string_view network, net::IpAddress address) const {
  for (const auto& [name, subnet] : subnets_) {
    if (subnet.network == network && subnet.contains(address)) {
      return &subnet;
    }
  }
  return nullptr;
}

const Pool* State::pool_covering(std::string_view subnet_name, net::IpAddress address) const {
  const Subnet* found = subnet(subnet_name);
  return found == nullptr ? nullptr : shards_.at(found->vni.value())->pool_covering(address);
}

const Pool* State::default_pool(std::string_view network) const {
  const auto it = default_pools_.find(network);
  return it == default_pools_.end() ? nullptr : pool(it->second);
}

std::vector<const Pool*> State::pools_of(std::string_view subnet_name) const {
  std::vector<const Pool*> found;
  for (const auto& [name, pool] : pools_) {
    if (pool.subnet == subnet_name) {
      found.push_back(&pool);
    }
  }
  return found;
}

std::vector<const Subnet*> State::subnets_of(std::string_view network) const {
  std::vector<const Subnet*> found;
  for (const auto& [name, subnet] : subnets_) {
    if (subnet.network == network) {
      found.push_back(&subnet);
    }
  }
  return found;
}

std::string State::holder_of_vtep(net::Ipv4Address vtep) const {
  for (const auto& [name, node] : nodes_) {
    if (node.vtep == vtep && !node.fenced) {
      return "node " + name;
    }
  }
  for (const auto& [name, gateway] : gateways_) {
    if (gateway.vtep == vtep) {
      return "gateway " + name;
    }
  }
  return {};
}

bool State::fenced(const BindingKey& owner, std::string_view uid) const {
  const auto it = fences_.find(owner);
  return it != fences_.end() &&
         std::any_of(it->second.begin(), it->second.end(), [&](const FencedUid& fenced) { return fenced.uid == uid; });
}

std::vector<FencedUid> State::fenced_uids(const BindingKey& owner) const {
  const auto it = fences_.find(owner);
  return it == fences_.end() ? std::vector<FencedUid>{} : it->second;
}

PoolUse State::use(std::string_view pool, net::Family family) const {
  const auto it = allocators_.find(pool);
  const Counts* counts = it == allocators_.end() ? nullptr : it->second.of(family);
  if (counts == nullptr) {
    return {};
  }
  PoolUse use{counts->addresses.size(),      counts->allocated, counts->bound, counts->reserved, 0, counts->resting,
              counts->addresses.free_count()};
  const std::uint64_t known = use.allocated + use.bound + use.reserved + use.resting + use.free;
  use.leased = use.size > known ? use.size - known : 0;
  return use;
}

PoolUse State::use(std::string_view pool) const {
  const auto it = allocators_.find(pool);
  return it == allocators_.end() ? PoolUse() : use(pool, it->second.counted_by());
}

std::optional<net::IpAddress> State::next_free(std::string_view pool, net::Family family) const {
  const auto it = allocators_.find(pool);
  const Counts* counts = it == allocators_.end() ? nullptr : it->second.of(family);
  return counts == nullptr ? std::nullopt : counts->addresses.propose(it->second.strategy);
}

std::optional<net::IpRange> State::free_run(std::string_view pool, net::Family family, std::uint64_t count) const {
  const auto it = allocators_.find(pool);
  const Counts* counts = it == allocators_.end() ? nullptr : it->second.of(family);
  return counts == nullptr ? std::nullopt : counts->addresses.free_run(count);
}

std::uint64_t State::used_by_namespace(std::string_view pool, const std::string& namespace_) const {
  const auto it = allocators_.find(pool);
  const std::uint64_t* count = it == allocators_.end() ? nullptr : value_in(it->second.by_namespace, namespace_);
  return count == nullptr ? 0 : *count;
}

std::size_t State::bindings_in_subnet(std::string_view subnet_name) const {
  const Subnet* found = subnet(subnet_name);
  return found == nullptr ? 0 : shards_.at(found->vni.value())->bindings.size();
}

std::size_t State::ports_in_subnet(std::string_view subnet_name) const {
  const Subnet* found = subnet(subnet_name);
  return found == nullptr ? 0 : ports_.count(found->vni);
}

std::vector<ipam_api::Shard> State::shards() const {
  std::vector<ipam_api::Shard> all = {common_shard};
  for (const auto& [vni, shard] : shards_) {
    all.push_back(vni);
  }
  return all;
}

std::vector<Change> State::snapshot(ipam_api::Shard shard) const {
  std::vector<Change> entries = entries_beside_ports(shard);
  if (const auto vni = net::Vni::from(shard)) {
    ports_.each(*vni, [&](const PackedPort& port) {
      for (Change& entry : entries_of(ports_.unpack(port))) {
        entries.push_back(std::move(entry));
      }
    });
  }
  return entries;
}

std::vector<Change> State::entries_beside_ports(ipam_api::Shard shard) const {
  std::vector<Change> entries;
  const auto add = [&](std::vector<Change> some) { std::move(some.begin(), some.end(), std::back_inserter(entries)); };
  const auto add_all = [&](const auto& objects) {
    for (const auto& [name, object] : objects) {
      add(entries_of(object));
    }
  };
  if (shard == common_shard) {
    add_all(networks_);
    add_all(subnets_);
    add_all(pools_);
    add_all(nodes_);
    add_all(gateways_);
    add_all(access_rules_);
    add_all(listed_blocks_);
    add_all(vips_);
  } else if (const auto it = shards_.find(shard); it != shards_.end()) {
    for (const auto& [first, block] : it->second->blocks) {
      add(entries_of(*block));
    }
    for (const auto& [key, extra] : extras_) {
      if (key.vni.value() == shard) {
        const auto holder = extra.holder ? port_of(*extra.holder) : Found<Port>();
        add(entries_of(extra, holder.get()));
      }
    }
  }
  return entries;
}

}  // namespace mooring::controller
