#include "ipam-controller/domain/allocation.hpp"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "ipam-controller/domain/ranges.hpp"
#include "ipam-controller/domain/selection.hpp"
#include "ipam-controller/domain/validate.hpp"

namespace mooring::controller {
namespace {

using ipam_api::AllocateRequest;
using net::Ipv4Address;
using net::MacAddress;

// An address, and where it comes from.
struct Place {
  const Subnet* subnet = nullptr;
  std::string pool;
  Kind kind = Kind::stateless;
  Ipv4Address address;
  MacAddress mac;
};

Error no_static_binding(const AllocateRequest& request, const std::string& why) {
  return Error(Errc::not_found,
               fmt::format("{}/{} has no static binding, and {}", request.namespace_, request.hostname, why),
               fmt::format("mooringctl create binding {} -n {} --address …, or ask for kind stateful", request.hostname,
                           request.namespace_));
}

// What a pod without a binding is, taking its address from `pool`.
Result<Kind> kind_without_binding(const AllocateRequest& request, const Pool* pool) {
  const Kind kind = request.wishes.kind ? *request.wishes.kind : pool != nullptr ? pool->kind : Kind::stateless;
  if (kind == Kind::fixed_by_admin) {
    return no_static_binding(
        request, request.wishes.kind ? "asks for kind static" : fmt::format("pool {} is for static ones", pool->name));
  }
  return kind;
}

// Is the request still from one who may have the hostname?
Result<void> check_not_superseded(const State& state, const AllocateRequest& request, const BindingKey& owner) {
  const Port* live = state.port_of(owner);
  if (request.pod_uid.empty()) {
    return ok();
  }
  if (live != nullptr && live->pod_uid == request.pod_uid && live->node != request.node) {
    return Error(Errc::conflict,
                 fmt::format("pod UID {} is live on node {} with {} (attachment {})", request.pod_uid, live->node,
                             live->address.str(), live->attachment.str()),
                 fmt::format("a pod is on one node; if that one is gone: mooringctl delete port {}", live->id));
  }
  if (!state.fenced(owner, request.pod_uid)) {
    return ok();
  }
  const Binding* binding = state.binding(owner);
  const std::string uid = live != nullptr ? live->pod_uid : binding != nullptr ? binding->last_uid : std::string();
  const std::string node = live != nullptr ? live->node : binding != nullptr ? binding->last_node : std::string();
  return Error(Errc::superseded,
               fmt::format("superseded by {} on {}", uid.empty() ? "a pod without UID" : "UID " + uid,
                           node.empty() ? "another node" : node),
               "this pod was replaced by a newer one of the same name; delete it");
}

// Wishes against what the hostname has already.
Result<void> check_wishes_fit(const AllocateRequest& request, const BindingKey& owner, std::string_view how,
                              const Place& has) {
  const ipam_api::Wishes& wishes = request.wishes;
  const auto differs = [&](std::string_view what, const std::string& is, const std::string& wished) {
    return Error(Errc::conflict,
                 fmt::format("{} {} {} {}, and the wish is {} {}", owner.str(), how, what, is, what, wished),
                 how == "is bound to" ? fmt::format("drop the wish, or rebind: mooringctl delete binding {} -n {}",
                                                    owner.hostname, owner.namespace_)
                                      : std::string("drop the wish, or delete the pod that is live first"));
  };
  if (wishes.address && *wishes.address != has.address) {
    return differs("address", has.address.str(), wishes.address->str());
  }
  if (wishes.mac && *wishes.mac != has.mac) {
    return differs("MAC", has.mac.str(), wishes.mac->str());
  }
  if (!wishes.subnet.empty() && wishes.subnet != has.subnet->name) {
    return differs("subnet", has.subnet->name, wishes.subnet);
  }
  if (!wishes.pool.empty() && wishes.pool != has.pool) {
    return differs("pool", has.pool.empty() ? "(none)" : has.pool, wishes.pool);
  }
  return ok();
}

// The hostname has an address: bound, or live.
Result<Place> place_it_has(const State& state, const AllocateRequest& request, const BindingKey& owner,
                           const Binding* binding, const Port* live) {
  Place place;
  if (binding != nullptr) {
    place = {state.subnet(binding->subnet), binding->pool, binding->kind, binding->address, binding->mac};
  } else {
    const auto kind = kind_without_binding(request, state.pool(live->pool));
    if (!kind) {
      return kind.error();
    }
    place = {state.subnet(live->subnet), live->pool, *kind, live->address, live->mac};
  }
  const auto fits = check_wishes_fit(request, owner, binding != nullptr ? "is bound to" : "is live with", place);
  if (!fits) {
    return fits.error();
  }
  return place;
}

Result<Place> wished_place(const State& state, const AllocateRequest& request, const Scope& scope) {
  const Ipv4Address address = *request.wishes.address;
  const Subnet* subnet = scope.subnet != nullptr ? scope.subnet : state.subnet_containing(scope.network, address);
  if (subnet == nullptr) {
    return Error(Errc::conflict,
                 fmt::format("the wished address {} is in no subnet of network {}", address.str(), scope.network),
                 "see the subnets: mooringctl get subnets");
  }
  if (const auto usable = check_address_usable(*subnet, address); !usable) {
    return usable.error().within("the wished address");
  }
  const Pool* pool = scope.pool != nullptr ? scope.pool : state.pool_covering(subnet->name, address);
  if (pool == nullptr) {
    return Error(Errc::conflict,
                 fmt::format("the wished address {} is in no pool of subnet {}", address.str(), subnet->name),
                 "wish for one of a pool, or let an admin bind it: mooringctl create binding");
  }
  if (!pool->covers(address)) {
    return Error(
        Errc::conflict,
        fmt::format("the wished address {} is not in pool {} ({})", address.str(), pool->name, text_of(pool->ranges)),
        "wish for an address of the pool, or for another pool");
  }
  if (pool->excludes(address)) {
    return Error(Errc::conflict,
                 fmt::format("the wished address {} is excluded from pool {}", address.str(), pool->name),
                 "wish for another address");
  }
  if (const auto free = check_address_free(state, {subnet->vni, address}); !free) {
    return free.error().within("the wished address");
  }
  const auto kind = kind_without_binding(request, pool);
  if (!kind) {
    return kind.error();
  }
  return Place{subnet, pool->name, *kind, address, mac_from(address)};
}

Result<Place> next_place(const State& state, const AllocateRequest& request, const Scope& scope) {
  const auto pools = candidate_pools(state, scope);
  if (!pools) {
    return pools.error();
  }
  std::string tried;
  for (const Pool* pool : *pools) {
    const auto kind = kind_without_binding(request, pool);
    if (!kind) {
      return kind.error();
    }
    if (const auto address = state.next_free(pool->name)) {
      return Place{state.subnet(pool->subnet), pool->name, *kind, *address, mac_from(*address)};
    }
    const PoolUse use = state.use(pool->name);
    tried += fmt::format("{}pool {}: 0 of {} free, {} live, {} bound without a live port", tried.empty() ? "" : "; ",
                         pool->name, use.size, use.allocated, use.bound);
  }
  return Error(
      Errc::exhausted, tried,
      "add a pool (mooringctl create pool), delete bindings that nobody needs (mooringctl get bindings), or wish "
      "for another pool (annotation mooring.io/pool)");
}

Result<Place> new_place(const State& state, const AllocateRequest& request, const Scope& scope,
                        const BindingKey& owner) {
  auto place = request.wishes.address ? wished_place(state, request, scope) : next_place(state, request, scope);
  if (place && request.wishes.mac) {
    const auto fits = check_wished_mac(state, *place->subnet, owner, place->address, *request.wishes.mac);
    if (!fits) {
      return fits.error();
    }
    place->mac = *request.wishes.mac;
  }
  return place;
}

Result<Grant> same_again(const AllocateRequest& request, const Port& port) {
  const bool same_owner = port.owner.namespace_ == request.namespace_ && port.owner.hostname == request.hostname &&
                          port.owner.interface_ordinal == request.interface_ordinal;
  if (!same_owner) {
    return Error(
        Errc::conflict,
        fmt::format("attachment {} holds {} for {}", request.attachment.str(), port.address.str(), port.owner.str()),
        "an attachment has one hostname; release it first (CNI DEL)");
  }
  Grant grant;
  grant.unchanged = true;
  grant.port = port;
  return grant;
}

}  // namespace

Result<Grant> decide(const State& state, const AllocateRequest& request) {
  if (state.node(request.node) == nullptr) {
    return Error(Errc::not_found, fmt::format("there is no node {}", request.node),
                 fmt::format("register first: PUT /v1/nodes/{} (mooring-agent does so when it starts)", request.node));
  }
  if (const Port* port = state.port_of(request.node, request.attachment)) {
    return same_again(request, *port);
  }
  const auto scope = scope_of(state, request);
  if (!scope) {
    return scope.error();
  }
  const BindingKey owner{scope->network, request.namespace_, request.hostname, request.interface_ordinal};
  if (const auto current = check_not_superseded(state, request, owner); !current) {
    return current.error();
  }
  const Binding* binding = state.binding(owner);
  const Port* live = state.port_of(owner);
  const auto place = binding != nullptr || live != nullptr ? place_it_has(state, request, owner, binding, live)
                                                           : new_place(state, request, *scope, owner);
  if (!place) {
    return place.error();
  }

  Grant grant;
  grant.port.owner = owner;
  grant.port.kind = place->kind;
  grant.port.subnet = place->subnet->name;
  grant.port.pool = place->pool;
  grant.port.vni = place->subnet->vni;
  grant.port.address = place->address;
  grant.port.mac = place->mac;
  grant.port.node = request.node;
  grant.port.attachment = request.attachment;
  grant.port.pod_uid = request.pod_uid;
  if (binding == nullptr && place->kind == Kind::stateful) {
    grant.new_binding =
        Binding{owner, place->kind, place->subnet->name, place->pool, place->address, place->mac, {}, {}, 0};
  }
  const std::string loser = live != nullptr ? live->pod_uid : binding != nullptr ? binding->last_uid : std::string();
  if (!loser.empty() && loser != request.pod_uid && !state.fenced(owner, loser)) {
    grant.lost_uid = loser;
    const auto fenced = state.fenced_uids(owner);
    for (std::size_t i = 0; i + fenced_uids_per_binding <= fenced.size(); ++i) {
      grant.unfence_uids.push_back(fenced[i].uid);
    }
  }
  return grant;
}

ipam_api::Allocation allocation_of(const State& state, const Port& port) {
  const Subnet* subnet = state.subnet(port.subnet);
  if (subnet == nullptr) {
    throw std::logic_error(fmt::format("port {} names the subnet {}, which is not there", port.id, port.subnet));
  }
  ipam_api::Allocation allocation;
  allocation.port_id = port.id;
  allocation.network = port.owner.network;
  allocation.subnet = port.subnet;
  allocation.pool = port.pool;
  allocation.namespace_ = port.owner.namespace_;
  allocation.hostname = port.owner.hostname;
  allocation.kind = port.kind;
  allocation.address = {port.address, subnet->cidr.prefix_length()};
  allocation.gateway = subnet->gateway;
  allocation.mac = port.mac;
  allocation.vni = port.vni;
  allocation.mtu_bytes = subnet->mtu_bytes;
  allocation.routes = subnet->routes;
  allocation.dns = subnet->dns;
  allocation.generation = port.generation;
  return allocation;
}

}  // namespace mooring::controller
