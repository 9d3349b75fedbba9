// What ends by itself: cool-downs, and bindings whose retention is over.
#include "ipam-controller/app/use_cases.hpp"

namespace mooring::controller {
namespace {

constexpr std::size_t most_at_once = 1000;  // of each kind: the rest is due in the next batch

}  // namespace

void put_to_rest(Transaction& tx, net::Vni vni, const net::AddressPair& addresses, const BindingKey& owner) {
  const Subnet* subnet = tx.state().subnet_by_vni(vni);
  for (const net::IpAddress address : addresses.all()) {
    const Pool* pool = subnet == nullptr ? nullptr : tx.state().pool_covering(subnet->name, address);
    if (pool != nullptr && pool->cooldown_seconds != 0 && !pool->excludes(address)) {
      tx.put(Resting{vni, address, pool->name, owner, tx.now() + TimeMs{pool->cooldown_seconds} * 1000, 0});
    }
  }
}

void expire(Transaction& tx) {
  for (const PortAddress& address : tx.state().rested_by(tx.now(), most_at_once)) {
    tx.erase(Resting(*tx.state().resting(address)));
  }
  for (const BindingKey& owner : tx.state().expired_by(tx.now(), most_at_once)) {
    if (tx.state().port_of(owner) == nullptr) {
      // It cannot fail: it is there, and nobody is live.
      delete_binding(tx, owner, false).value();
    } else {
      Binding held = *tx.state().binding(owner);
      held.expires_ms = 0;
      tx.put(std::move(held));
    }
  }
}

}  // namespace mooring::controller
