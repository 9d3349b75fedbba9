// Addresses that move between containers by an API call (keepalived, VRRP inside pods).
#include <fmt/format.h>

#include "ipam-controller/app/use_cases.hpp"
#include "ipam-controller/domain/patterns.hpp"

namespace mooring::controller {

void publish_extra_address(Transaction& tx, PortAddress address) {
  const ExtraAddress& extra = *tx.state().extra_address(address);
  const auto port = extra.holder ? tx.state().port_of(*extra.holder) : Found<Port>();
  for (Change& entry : entries_of(extra, port.get())) {
    tx.publish_entry(std::move(entry));
  }
}

void publish_extra_addresses(Transaction& tx, const BindingKey& holder) {
  for (const PortAddress& address : tx.state().extra_addresses_of(holder)) {
    publish_extra_address(tx, address);
  }
}

Result<ExtraAddress> move_extra_address(Transaction& tx, const MoveRequest& request) {
  const std::string doing = fmt::format("moving {}", request.address.str());
  const Subnet* subnet = tx.state().subnet_containing(request.network, request.address);
  const ExtraAddress* there = subnet == nullptr ? nullptr : tx.state().extra_address({subnet->vni, request.address});
  if (there == nullptr) {
    return Error(Errc::not_found, fmt::format("{}: network {} has no such extra address", doing, request.network),
                 "mooringctl get extra-addresses");
  }
  if (auto match = check_match(tx, there->revision, "extra-address " + request.address.str()); !match) {
    return match.error();
  }
  ExtraAddress moved = *there;
  if (request.to) {
    const auto port = tx.state().port_of(*request.to);
    if (port == nullptr) {
      return Error(Errc::not_found, fmt::format("{}: {} has no live port", doing, request.to->str()),
                   "mooringctl get ports");
    }
    if (request.to->namespace_ != moved.namespace_ || !fits_one(moved.hostnames, request.to->hostname)) {
      return Error(Errc::permission_denied,
                   fmt::format("{}: {} is not one of those that may hold it", doing, request.to->str()),
                   fmt::format("change its hostnames: mooringctl edit extra-address {}", request.address.str()));
    }
    if (port->vni != moved.vni) {
      return Error(Errc::conflict, fmt::format("{}: {} is in subnet {}, and the address in {}", doing,
                                               request.to->str(), port->subnet, moved.subnet));
    }
  }
  if (moved.holder == request.to) {
    return moved;
  }
  const std::optional<BindingKey> former = moved.holder;
  if (former && !request.to) {
    const auto holder = tx.state().port_of(*former);
    for (Change& entry : entries_of(moved, holder.get())) {
      tx.publish_entry(tombstone_of(std::move(entry), tx.revision()));
    }
  }
  moved.holder = request.to;
  moved.generation = tx.revision();
  tx.put(moved);
  publish_extra_address(tx, moved.key());
  return *tx.state().extra_address(moved.key());
}

}  // namespace mooring::controller
