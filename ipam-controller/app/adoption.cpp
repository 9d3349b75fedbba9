#include "ipam-controller/app/adoption.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "ipam-controller/app/use_cases.hpp"

namespace mooring::controller {
namespace {

using ipam_api::InventoryPort;
using ipam_api::JournalMark;

struct Claim {
  const std::string* node;
  const InventoryPort* port;
};

// The newest first: who comes later and meets an address that is taken has lost it.
std::vector<Claim> claims_of(const NodeInventories& inventories) {
  std::vector<Claim> claims;
  for (const auto& [node, inventory] : inventories) {
    for (const InventoryPort& port : inventory.ports) {
      claims.push_back({&node, &port});
    }
  }
  std::stable_sort(claims.begin(), claims.end(),
                   [](const Claim& a, const Claim& b) { return a.port->generation > b.port->generation; });
  return claims;
}

class Adopter {
 public:
  explicit Adopter(Transaction& tx) : tx_(tx) {}

  void take(const Claim& claim) {
    node_ = claim.node;
    claimed_ = claim.port;
    if (claimed_->journal == JournalMark::deleting || claimed_->journal == JournalMark::releasing) {
      leave_out("its container is going", true);
      return;
    }
    if (!claimed_->vni || !claimed_->mac || claimed_->addresses.empty() || claimed_->generation == 0 ||
        claimed_->hostname.empty() || claimed_->namespace_.empty()) {
      leave_out("the node does not know its pod, address and generation", false);
      return;
    }
    if (const auto there = tx_.state().port_of(*node_, claimed_->attachment);
        there && there->generation == claimed_->generation && there->addresses == claimed_->addresses) {
      confirm(*there);
      ++outcome.known;
      return;
    }
    const Subnet* subnet = tx_.state().subnet_by_vni(*claimed_->vni);
    if (subnet == nullptr) {
      leave_out(
          fmt::format("the store has no subnet with VNI {}: it was made after the backup", claimed_->vni->value()),
          false);
      return;
    }
    for (const net::IpAddress address : claimed_->addresses.all()) {
      if (!subnet->contains(address)) {
        leave_out(fmt::format("{} is not in subnet {} ({})", address.str(), subnet->name, subnet->cidrs()), false);
        return;
      }
    }
    take_into(*subnet);
  }

  Adoption outcome;

 private:
  void leave_out(std::string text, bool harmless) {
    outcome.left_out.push_back({*node_, claimed_->attachment.str(), std::move(text), harmless});
  }

  // The backup may be of the moment between its allocation and its confirmation.
  void confirm(const Port& there) {
    if (there.state == PortState::pending && claimed_->journal == JournalMark::none) {
      Port active = there;
      active.state = PortState::active;
      tx_.put(std::move(active));
    }
  }

  // A container's further interfaces have ordinals of their own.
  BindingKey owner_in(const Subnet& subnet) const {
    BindingKey owner{subnet.network, claimed_->namespace_, claimed_->hostname, 0};
    while (true) {
      const auto other = tx_.state().port_of(owner);
      const bool sibling = other && other->node == *node_ &&
                           other->attachment.container_id == claimed_->attachment.container_id &&
                           other->attachment.ifname != claimed_->attachment.ifname;
      if (!sibling) {
        return owner;
      }
      ++owner.interface_ordinal;
    }
  }

  // The ports that stand in the way; none: one of them is newer.
  std::optional<std::vector<Port>> older_ports(const BindingKey& owner) const {
    std::vector<Port> older;
    const auto look = [&](const auto& port) {
      if (!port) {
        return true;
      }
      const bool same = port->node == *node_ && port->attachment == claimed_->attachment;
      if (!same && port->generation >= claimed_->generation) {
        return false;
      }
      if (std::none_of(older.begin(), older.end(), [&](const Port& known) { return known.id == port->id; })) {
        older.push_back(*port);
      }
      return true;
    };
    bool newest = look(tx_.state().port_of(*node_, claimed_->attachment)) && look(tx_.state().port_of(owner));
    for (const net::IpAddress address : claimed_->addresses.all()) {
      newest = newest && look(tx_.state().port({*claimed_->vni, address}));
    }
    return newest ? std::optional(std::move(older)) : std::nullopt;
  }

  void take_into(const Subnet& subnet) {
    const BindingKey owner = owner_in(subnet);
    const auto older = older_ports(owner);
    if (!older) {
      leave_out(fmt::format("{} has {} by a newer generation than {}", owner.str(), claimed_->addresses.str(),
                            claimed_->generation),
                true);
      return;
    }
    for (const Port& port : *older) {
      outcome.replaced.push_back(
          fmt::format("port {} of {} ({} on node {})", port.id, port.owner.str(), port.addresses.str(), port.node));
      let_go(tx_, port);
    }
    for (const net::IpAddress address : claimed_->addresses.all()) {
      clear(owner, {*claimed_->vni, address});
    }
    const Binding* binding = tx_.state().binding(owner);
    if (binding != nullptr && (binding->addresses != claimed_->addresses || binding->subnet != subnet.name)) {
      outcome.replaced.push_back(fmt::format("the binding of {} to {}: it is live with {}", owner.str(),
                                             binding->addresses.str(), claimed_->addresses.str()));
      Binding moved = *binding;
      moved.addresses = claimed_->addresses;
      moved.subnet = subnet.name;
      moved.pool = pool_in(subnet);
      moved.mac = *claimed_->mac;
      tx_.put(std::move(moved));
    }
    put_port(subnet, owner);
  }

  // Nothing of others at an address that is in use.
  void clear(const BindingKey& owner, const PortAddress& at) {
    if (const Resting* resting = tx_.state().resting(at)) {
      tx_.erase(Resting(*resting));
    }
    if (const Binding* other = tx_.state().binding_at(at); other != nullptr && other->owner != owner) {
      outcome.replaced.push_back(fmt::format("the binding of {} to {}: {} is live with it", other->owner.str(),
                                             at.address.str(), owner.str()));
      if (const auto port = tx_.state().port_of(other->owner)) {
        let_go(tx_, Port(*port));
      }
      tx_.erase(Binding(*tx_.state().binding_at(at)));
    }
  }

  std::string pool_in(const Subnet& subnet) const {
    const Pool* pool = tx_.state().pool_covering(subnet.name, claimed_->addresses.primary());
    return pool != nullptr && !pool->excludes(claimed_->addresses.primary()) ? pool->name : std::string();
  }

  void put_port(const Subnet& subnet, const BindingKey& owner) {
    const Binding* binding = tx_.state().binding(owner);
    Port port;
    port.id = port_id_of(claimed_->generation);
    port.owner = owner;
    port.kind = binding != nullptr ? binding->kind : Kind::stateless;
    port.subnet = subnet.name;
    port.pool = binding != nullptr ? binding->pool : pool_in(subnet);
    port.vni = *claimed_->vni;
    port.addresses = claimed_->addresses;
    port.mac = *claimed_->mac;
    port.node = *node_;
    port.attachment = claimed_->attachment;
    port.pod_uid = claimed_->pod_uid;
    port.workload = binding != nullptr ? binding->workload : std::string();
    port.created_ms = tx_.now();
    port.generation = claimed_->generation;  // the node's port is open for this one and no other
    port.state = claimed_->journal == JournalMark::adding ? PortState::pending : PortState::active;
    tx_.put(std::move(port));
    publish_extra_addresses(tx_, owner);
    ++outcome.adopted;
  }

  Transaction& tx_;
  const std::string* node_ = nullptr;
  const InventoryPort* claimed_ = nullptr;
};

}  // namespace

Adoption adopt(Transaction& tx, const NodeInventories& inventories) {
  Adopter adopter(tx);
  for (const Claim& claim : claims_of(inventories)) {
    adopter.take(claim);
  }
  return std::move(adopter.outcome);
}

Revision highest_seen(const NodeInventories& inventories) {
  Revision highest = 0;
  for (const auto& [node, inventory] : inventories) {
    highest = std::max(highest, inventory.highest_generation);
    for (const InventoryPort& port : inventory.ports) {
      highest = std::max(highest, port.generation);
    }
  }
  return highest;
}

}  // namespace mooring::controller
