// The life of a port: allocated, confirmed, released.
#include <fmt/format.h>

#include "ipam-controller/app/use_cases.hpp"
#include "ipam-controller/domain/allocation.hpp"

namespace mooring::controller {
namespace {

// Nobody is kept away from a hostname that no longer has an address.
void forget_fenced(Transaction& tx, const BindingKey& owner) {
  for (FencedUid& fenced : tx.state().fenced_uids(owner)) {
    tx.erase(std::move(fenced));
  }
}

// The port that a release means; nothing: it is not (or no longer) the caller's.
Result<Found<Port>> port_to_release(const State& state, const ipam_api::ReleaseRequest& request) {
  if (request.attachment) {
    auto port = state.port_of(request.node, *request.attachment);
    const bool current = port && (request.generation == 0 || request.generation == port->generation);
    return current ? std::move(port) : Found<Port>();
  }
  if (!request.vni || !request.address || request.generation == 0) {
    return Error(Errc::invalid_argument, fmt::format("releasing a port of node {}: it is not named", request.node),
                 "give attachment, or vni, address and generation");
  }
  auto port = state.port({*request.vni, *request.address});
  const bool current = port && port->node == request.node && port->generation == request.generation;
  return current ? std::move(port) : Found<Port>();
}

}  // namespace

Result<ipam_api::Allocation> allocate(Transaction& tx, const ipam_api::AllocateRequest& request) {
  Explanation silent(false);
  auto grant = decide(tx.state(), request, tx.now(), silent);
  if (!grant) {
    return grant.error().within(
        fmt::format("allocating an address for {}/{} on node {}", request.namespace_, request.hostname, request.node));
  }
  Port& port = grant->port;
  if (!grant->unchanged) {
    port.generation = tx.revision();
    port.revision = tx.revision();
    port.id = port_id_of(port.generation);
    port.created_ms = tx.now();
    if (grant->taken_over && grant->taken_over->key() != port.key()) {
      tx.erase(std::move(*grant->taken_over));
    }
    for (const net::IpAddress address : port.addresses.all()) {
      if (const Resting* resting = tx.state().resting({port.vni, address})) {
        tx.erase(Resting(*resting));
      }
    }
    if (grant->new_binding) {
      tx.put(std::move(*grant->new_binding));
    } else if (const Binding* binding = tx.state().binding(port.owner);
               binding != nullptr && binding->expires_ms != 0) {
      Binding held = *binding;
      held.expires_ms = 0;
      tx.put(std::move(held));
    }
    for (std::string& uid : grant->unfence_uids) {
      tx.erase(FencedUid{port.owner, std::move(uid), 0});
    }
    if (grant->lost_uid) {
      tx.put(FencedUid{port.owner, std::move(*grant->lost_uid), 0});
    }
    tx.put(port);
    publish_extra_addresses(tx, port.owner);
  }
  return allocation_of(tx.state(), port);
}

Result<void> confirm(Transaction& tx, const ipam_api::ConfirmRequest& request) {
  const std::string doing = fmt::format("confirming attachment {} of node {}", request.attachment.str(), request.node);
  const auto port = tx.state().port_of(request.node, request.attachment);
  if (port == nullptr) {
    return Error(Errc::superseded, doing + ": it holds no port",
                 "it was released, or a newer pod of that name took the address over");
  }
  if (port->generation != request.generation) {
    return Error(Errc::superseded,
                 fmt::format("{}: {} is at generation {}, not {}", doing, port->addresses.str(), port->generation,
                             request.generation),
                 "allocate again");
  }
  if (port->state != PortState::active) {
    Port active = *port;
    active.state = PortState::active;
    const BindingKey owner = active.owner;
    tx.put(std::move(active));
    publish_extra_addresses(tx, owner);
  }
  return ok();
}

void let_go(Transaction& tx, const Port& port) {
  const Port old = port;
  for (const PortAddress& address : tx.state().extra_addresses_of(old.owner)) {
    for (Change& entry : entries_of(*tx.state().extra_address(address), &old)) {
      tx.publish_entry(tombstone_of(std::move(entry), tx.revision()));
    }
  }
  tx.erase(old);
  const Binding* binding = tx.state().binding(old.owner);
  if (binding == nullptr) {
    forget_fenced(tx, old.owner);
    if (old.state == PortState::active) {
      put_to_rest(tx, old.pool, old.vni, old.addresses, old.owner);
    } else {
      tx.remember_unconfirmed(old.owner, old.addresses);
    }
    return;
  }
  Binding updated = *binding;
  updated.last_uid = old.pod_uid;
  updated.last_node = old.node;
  updated.expires_ms = end_of(updated.retention, tx.now());
  if (updated != *binding) {
    tx.put(std::move(updated));
  }
}

Result<ipam_api::ReleaseAnswer> release(Transaction& tx, const ipam_api::ReleaseRequest& request) {
  const auto port = port_to_release(tx.state(), request);
  if (!port) {
    return port.error();
  }
  if (*port == nullptr) {
    return ipam_api::ReleaseAnswer{false};
  }
  let_go(tx, **port);
  return ipam_api::ReleaseAnswer{true};
}

Result<void> delete_port(Transaction& tx, const std::string& id) {
  const auto port = tx.state().port_by_id(id);
  if (port == nullptr) {
    return Error(Errc::not_found, fmt::format("deleting port {}: there is no such port", id), "mooringctl get ports");
  }
  let_go(tx, *port);
  return ok();
}

}  // namespace mooring::controller
