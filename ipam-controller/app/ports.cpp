// The life of a port: allocated, confirmed, released.
#include <fmt/format.h>

#include "ipam-controller/app/grant.hpp"
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

// A refusal says what was tried: it is the CNI error, which is all that whoever looks at the pod gets to see.
Error with_trace(const Transaction& tx, const ipam_api::AllocateRequest& request, const Error& refusal) {
  constexpr std::size_t most_bytes = 600;
  Explanation why(true);
  static_cast<void>(decide(tx.state(), request, tx.now(), why));
  std::string tried;
  for (const std::string& line : why.lines()) {
    // Pools that were passed over are in the message itself.
    if (refusal.message().find(line) != std::string::npos || line.starts_with("passed over ")) {
      continue;
    }
    if (tried.size() + line.size() > most_bytes) {
      tried += "; …";
      break;
    }
    tried += (tried.empty() ? "" : "; ") + line;
  }
  return tried.empty() ? refusal
                       : Error(refusal.code(), fmt::format("{} [tried: {}]", refusal.message(), tried), refusal.hint());
}

// Two containers want one address: the new one has it now.
EventRecord taken_over_event(const Port& now, const std::optional<Port>& before,
                             const std::optional<std::string>& lost_uid) {
  ipam_api::Json details = {{"addresses", now.addresses.str()}, {"node", now.node}, {"pod_uid", now.pod_uid}};
  std::string from = "an earlier container";
  if (before) {
    from = fmt::format("node {}", before->node);
    details["from_node"] = before->node;
  }
  if (lost_uid) {
    from += fmt::format(" (pod {}, fenced)", *lost_uid);
    details["fenced_uid"] = *lost_uid;
  }
  return make_event(
      "address.taken-over", "port/" + now.owner.network + "/" + now.owner.namespace_ + "/" + now.owner.hostname,
      fmt::format("{} with {} moved to node {} from {}", now.owner.str(), now.addresses.str(), now.node, from),
      std::move(details));
}

}  // namespace

ipam_api::Allocation take(Transaction& tx, Grant grant, Generation generation) {
  Port& port = grant.port;
  if (!grant.unchanged) {
    port.generation = generation;
    port.revision = tx.revision();
    port.id = port_id_of(port.generation);
    port.created_ms = tx.now();
    const bool was_in_use = grant.taken_over && grant.taken_over->state == PortState::active;
    if (grant.taken_over) {
      tx.tell(taken_over_event(port, grant.taken_over, grant.lost_uid));
    }
    if (grant.taken_over && grant.taken_over->key() != port.key()) {
      tx.erase(std::move(*grant.taken_over));
    }
    // Until this pod is confirmed, the rest that its own predecessor is owed goes on beside the port: if the ADD fails,
    // others wait as they would have.
    for (const net::IpAddress address : port.addresses.all()) {
      const Resting* resting = tx.state().resting({port.vni, address});
      if (resting != nullptr && (resting->last_owner != port.owner || resting->until_ms <= tx.now())) {
        tx.erase(Resting(*resting));
      }
    }
    if (was_in_use) {
      put_to_rest(tx, port.vni, port.addresses, port.owner);
    }
    if (grant.new_binding) {
      tx.put(std::move(*grant.new_binding));
    } else if (const Binding* binding = tx.state().binding(port.owner);
               binding != nullptr && binding->expires_ms != 0) {
      Binding held = *binding;
      held.expires_ms = 0;
      tx.put(std::move(held));
    }
    for (std::string& uid : grant.unfence_uids) {
      tx.erase(FencedUid{port.owner, std::move(uid), 0});
    }
    if (grant.lost_uid) {
      tx.put(FencedUid{port.owner, std::move(*grant.lost_uid), 0});
    }
    tx.put(port);
    publish_extra_addresses(tx, port.owner);
  }
  return allocation_of(tx.state(), port);
}

Result<ipam_api::Allocation> allocate(Transaction& tx, const ipam_api::AllocateRequest& request) {
  Explanation silent(false);
  auto grant = decide(tx.state(), request, tx.now(), silent);
  if (!grant) {
    return with_trace(tx, request, grant.error())
        .within(fmt::format("allocating an address for {}/{} on node {}", request.namespace_, request.hostname,
                            request.node));
  }
  return take(tx, std::move(*grant), tx.revision());
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
    for (const net::IpAddress address : active.addresses.all()) {
      if (const Resting* resting = tx.state().resting({active.vni, address})) {
        tx.erase(Resting(*resting));
      }
    }
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
      put_to_rest(tx, old.vni, old.addresses, old.owner);
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

Result<ipam_api::ReleaseAnswer> release(Transaction& tx, const ipam_api::ReleaseRequest& request, ReleaseBrake& brake) {
  const auto port = port_to_release(tx.state(), request);
  if (!port) {
    return port.error();
  }
  if (*port == nullptr) {
    return ipam_api::ReleaseAnswer{false};
  }
  if (const auto admitted = brake.admit(tx.state(), request.reason, **port, tx.now()); !admitted) {
    return admitted.error();
  }
  let_go(tx, **port);
  return ipam_api::ReleaseAnswer{true};
}

Result<void> delete_port(Transaction& tx, const std::string& id) {
  const auto port = tx.state().port_by_id(id);
  if (port == nullptr) {
    return Error(Errc::not_found, fmt::format("deleting port {}: there is no such port", id), "mooringctl get ports");
  }
  if (auto match = check_match(tx, port->revision, "port " + id); !match) {
    return match;
  }
  let_go(tx, *port);
  return ok();
}

}  // namespace mooring::controller
