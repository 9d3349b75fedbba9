// The questions to State that are more than one look-up.
#include <algorithm>

#include "ipam-controller/domain/state.hpp"
#include "ipam-controller/domain/state_shard.hpp"

namespace mooring::controller {

const BindingKey* State::owner_of_mac(net::Vni vni, net::MacAddress mac) const {
  const auto it = shards_.find(vni.value());
  return it == shards_.end() ? nullptr : it->second->owner_of(mac);
}

const Subnet* State::subnet_by_vni(net::Vni vni) const {
  const auto it = shards_.find(vni.value());
  return it == shards_.end() ? nullptr : subnet(it->second->subnet);
}

const Subnet* State::subnet_containing(std::string_view network, net::Ipv4Address address) const {
  for (const auto& [name, subnet] : subnets_) {
    if (subnet.network == network && subnet.cidr.contains(address)) {
      return &subnet;
    }
  }
  return nullptr;
}

const Pool* State::pool_covering(std::string_view subnet_name, net::Ipv4Address address) const {
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

std::vector<const Port*> State::ports_of_node(std::string_view node) const {
  const auto it = ports_by_node_.find(std::string(node));
  if (it == ports_by_node_.end()) {
    return {};
  }
  std::vector<const Port*> found(it->second.begin(), it->second.end());
  std::sort(found.begin(), found.end(), [](const Port* a, const Port* b) { return a->key() < b->key(); });
  return found;
}

std::string State::holder_of_vtep(net::Ipv4Address vtep) const {
  for (const auto& [name, node] : nodes_) {
    if (node.vtep == vtep) {
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

PoolUse State::use(std::string_view pool) const {
  const auto it = allocators_.find(pool);
  if (it == allocators_.end()) {
    return {};
  }
  const Allocator& allocator = it->second;
  return {allocator.addresses.size(), allocator.allocated, allocator.bound, allocator.addresses.free_count()};
}

std::optional<net::Ipv4Address> State::next_free(std::string_view pool) const {
  const auto it = allocators_.find(pool);
  return it == allocators_.end() ? std::nullopt : it->second.addresses.next_free();
}

std::size_t State::bindings_in_subnet(std::string_view subnet_name) const {
  const Subnet* found = subnet(subnet_name);
  return found == nullptr ? 0 : shards_.at(found->vni.value())->bindings.size();
}

std::size_t State::ports_in_subnet(std::string_view subnet_name) const {
  const Subnet* found = subnet(subnet_name);
  return found == nullptr ? 0 : shards_.at(found->vni.value())->ports.size();
}

std::vector<ipam_api::Shard> State::shards() const {
  std::vector<ipam_api::Shard> all = {common_shard};
  for (const auto& [vni, shard] : shards_) {
    all.push_back(vni);
  }
  return all;
}

std::vector<Change> State::snapshot(ipam_api::Shard shard) const {
  std::vector<Change> entries;
  if (shard == common_shard) {
    const auto add_all = [&](const auto& objects) {
      for (const auto& [name, object] : objects) {
        entries.push_back(entry_of(object));
      }
    };
    add_all(networks_);
    add_all(subnets_);
    add_all(pools_);
    add_all(nodes_);
    add_all(gateways_);
  } else if (const auto it = shards_.find(shard); it != shards_.end()) {
    entries.reserve(it->second->ports.size());
    for (const Port* port : it->second->ports) {
      entries.push_back(entry_of(*port));
    }
  }
  return entries;
}

}  // namespace mooring::controller
