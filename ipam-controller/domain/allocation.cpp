#include "ipam-controller/domain/allocation.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ipam-controller/domain/ranges.hpp"
#include "ipam-controller/domain/selection.hpp"
#include "ipam-controller/domain/validate.hpp"

namespace mooring::controller {
namespace {

using ipam_api::AllocateRequest;
using net::AddressPair;
using net::IpAddress;
using net::MacAddress;

// An address, and where it comes from.
struct Place {
  const Subnet* subnet = nullptr;
  std::string pool;
  Kind kind = Kind::stateless;
  AddressPair addresses;
  MacAddress mac;
};

// "pool web: 0 of 254 free, 200 live, 12 resting, the first is free in 40 s"
Error exhausted(const State& state, const Pool& pool, net::Family family, TimeMs now) {
  const PoolUse use = state.use(pool.name, family);
  std::string text = fmt::format("pool {}: 0 of {} free, {} live, {} bound without a live port", pool.name, use.size,
                                 use.allocated, use.bound);
  const auto add = [&](std::uint64_t count, std::string_view what) {
    text += count == 0 ? "" : fmt::format(", {} {}", count, what);
  };
  add(use.reserved, "reserved");
  add(use.leased, "in blocks of nodes");
  add(use.resting, "resting");
  if (const auto first = state.first_rested(pool.name); first && use.resting != 0) {
    text += fmt::format(", the first is free in {} s", *first <= now ? 0 : (*first - now + 999) / 1000);
  }
  if (pool.has(net::Family::v4) && pool.has(net::Family::v6)) {
    text += fmt::format(" ({})", to_string(family));
  }
  return Error(
      Errc::exhausted, text,
      "add a pool (mooringctl create pool), delete bindings that nobody needs (mooringctl get bindings), or wish "
      "for another pool (annotation mooring.io/pool)");
}

Error no_static_binding(const AllocateRequest& request, const std::string& why) {
  return Error(Errc::not_found,
               fmt::format("{}/{} has no static binding, and {}", request.namespace_, request.hostname, why),
               fmt::format("mooringctl create binding {} -n {} --address …, or ask for kind stateful", request.hostname,
                           request.namespace_));
}

// What a pod without a binding is, taking its address from `pool`.
Result<Kind> kind_without_binding(const AllocateRequest& request, const Intent& intent, const Pool* pool) {
  const Kind kind = intent.wishes.kind ? *intent.wishes.kind : pool != nullptr ? pool->kind : Kind::stateless;
  if (kind == Kind::fixed_by_admin) {
    return no_static_binding(
        request, intent.wishes.kind ? "asks for kind static" : fmt::format("pool {} is for static ones", pool->name));
  }
  return kind;
}

// Is the request still from one who may have the hostname?
Result<void> check_not_superseded(const State& state, const AllocateRequest& request, const BindingKey& owner) {
  const auto live = state.port_of(owner);
  if (request.pod_uid.empty()) {
    return ok();
  }
  if (live != nullptr && live->pod_uid == request.pod_uid && live->node != request.node) {
    return Error(Errc::conflict,
                 fmt::format("pod UID {} is live on node {} with {} (attachment {})", request.pod_uid, live->node,
                             live->addresses.str(), live->attachment.str()),
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

// A hostname that is live with another workload's pod is not taken from it.
Result<void> check_same_workload(const Intent& intent, const AllocateRequest& request, const Port* live) {
  if (live == nullptr || intent.takeover || (!live->pod_uid.empty() && live->pod_uid == request.pod_uid)) {
    return ok();
  }
  const std::string derived = workload_of(request.hostname);
  const std::string theirs = live->workload.empty() ? derived : live->workload;
  const std::string& said = intent.wishes.workload;
  const std::string ours = said.empty() ? derived : said;
  if (theirs == ours) {
    return ok();
  }
  return Error(
      Errc::conflict,
      fmt::format("it is live with {} for workload {} on node {} (port {}), and this pod is of workload {}",
                  live->addresses.str(), theirs, live->node, live->id, ours),
      "two workloads cannot share a hostname: give one of them another (annotation mooring.io/hostname); if this "
      "one replaces the other, let the old pod go first (maxSurge: 0), or allow it by a rule with takeover: true");
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
  for (const IpAddress wished : wishes.addresses.all()) {
    if (!has.addresses.contains(wished)) {
      return differs("address", has.addresses.str(), wished.str());
    }
  }
  if (wishes.mac && *wishes.mac != has.mac) {
    return differs("MAC", has.mac.str(), wishes.mac->str());
  }
  if (!wishes.subnet.empty() && wishes.subnet != has.subnet->name) {
    return differs("subnet", has.subnet->name, wishes.subnet);
  }
  if (!wishes.pools.empty() && std::find(wishes.pools.begin(), wishes.pools.end(), has.pool) == wishes.pools.end()) {
    return differs("pool", has.pool.empty() ? "(none)" : has.pool, fmt::format("{}", fmt::join(wishes.pools, " or ")));
  }
  return ok();
}

// The hostname has addresses: bound, or live.
Result<Place> place_it_has(const State& state, const AllocateRequest& request, const Intent& intent,
                           const BindingKey& owner, const Binding* binding, const Port* live, Explanation& why) {
  Place place;
  if (binding != nullptr) {
    place = {state.subnet(binding->subnet), binding->pool, binding->kind, binding->addresses, binding->mac};
  } else {
    const auto kind = kind_without_binding(request, intent, state.pool(live->pool));
    if (!kind) {
      return kind.error();
    }
    place = {state.subnet(live->subnet), live->pool, *kind, live->addresses, live->mac};
  }
  const std::string_view how = binding != nullptr ? "is bound to" : "is live with";
  why.add("{} {} {}: it keeps {}", owner.str(), how, place.addresses.str(), place.addresses.dual() ? "them" : "it");
  const auto fits = check_wishes_fit(request, owner, how, place);
  if (!fits) {
    return fits.error();
  }
  return place;
}

struct Question {
  const State& state;
  const AllocateRequest& request;
  const Intent& intent;
  const Asker& asker;
  const BindingKey& owner;
  TimeMs now;
};

Result<Place> wished_place(const Question& q, const Scope& scope, Explanation& why) {
  const AddressPair& wished = q.request.wishes.addresses;
  const IpAddress first = wished.primary();
  const auto covers = [&](const Pool* candidate) { return candidate->covers(first); };
  // Pools and subnets that a rule or the configuration speaks of are for pods that leave the address open.
  const ipam_api::Wishes& own = q.request.wishes;
  const bool by_address = own.pools.empty() && own.subnet.empty() &&
                          (scope.subnet == nullptr || !scope.subnet->contains(first) ||
                           std::none_of(scope.pools.begin(), scope.pools.end(), covers));
  const Subnet* subnet =
      !by_address && scope.subnet != nullptr ? scope.subnet : q.state.subnet_containing(scope.network, first);
  if (subnet == nullptr) {
    return Error(Errc::conflict,
                 fmt::format("the wished address {} is in no subnet of network {}", first.str(), scope.network),
                 "see the subnets: mooringctl get subnets");
  }
  // The first wished pool that covers it, else the first wished one at all: then the error names it.
  const auto wished_pool = std::find_if(scope.pools.begin(), scope.pools.end(), covers);
  const Pool* pool = by_address || scope.pools.empty()  ? q.state.pool_covering(subnet->name, first)
                     : wished_pool != scope.pools.end() ? *wished_pool
                                                        : scope.pools.front();
  for (const IpAddress address : wished.all()) {
    const std::string text = address.str();
    if (const auto usable = check_address_usable(*subnet, address); !usable) {
      return usable.error().within("the wished address");
    }
    if (pool == nullptr) {
      return Error(Errc::conflict, fmt::format("the wished address {} is in no pool of subnet {}", text, subnet->name),
                   "wish for one of a pool, or let an admin bind it: mooringctl create binding");
    }
    if (!pool->covers(address)) {
      return Error(Errc::conflict,
                   fmt::format("the wished address {} is not in pool {} ({})", text, pool->name, text_of(pool->ranges)),
                   "wish for an address of the pool, or for another pool");
    }
    if (pool->excludes(address)) {
      return Error(Errc::conflict, fmt::format("the wished address {} is excluded from pool {}", text, pool->name),
                   "wish for another address");
    }
    const PortAddress key{subnet->vni, address};
    if (const auto free = check_address_free(q.state, key, q.owner, q.request.node, q.now); !free) {
      return free.error().within("the wished address");
    }
  }
  if (const auto allowed = check_may_use(q.state, *pool, q.asker, false); !allowed) {
    return allowed.error();
  }
  const auto kind = kind_without_binding(q.request, q.intent, pool);
  if (!kind) {
    return kind.error();
  }
  const auto addresses = next_addresses(q.state, *pool, q.now, wished);
  if (!addresses) {
    return addresses.error();
  }
  why.add("the wished address {} of pool {} is free", wished.str(), pool->name);
  return Place{subnet, pool->name, *kind, *addresses, mac_from(*addresses)};
}

// What the hostname had last, as far as it is the pool's and nobody else's: resting, or of an ADD that failed.
AddressPair had_before(const Question& q, const Pool& pool, net::Vni vni, Explanation& why) {
  AddressPair had;
  const auto offer = [&](IpAddress address, std::string_view because) {
    const bool fits = !had.of(address.family()) && pool.covers(address) && !pool.excludes(address) &&
                      check_address_free(q.state, {vni, address}, q.owner, q.request.node, q.now);
    if (fits) {
      had.set(address);
      why.add("pool {}: {} {}", pool.name, address.str(), because);
    }
  };
  for (const Resting* resting : q.state.resting_of(q.owner)) {
    if (resting->vni == vni) {
      offer(resting->address, "was its own and still rests");
    }
  }
  if (const AddressPair* unused = q.state.unconfirmed(q.owner)) {
    for (const IpAddress address : unused->all()) {
      offer(address, "was given to it before and never came into use");
    }
  }
  return had;
}

Result<Place> next_place(const Question& q, const Scope& scope, Explanation& why) {
  const auto pools = candidate_pools(q.state, scope, q.asker, why);
  if (!pools) {
    return pools.error();
  }
  struct Candidate {
    const Pool* pool;
    AddressPair had;
  };
  std::vector<Candidate> candidates;
  for (const Pool* pool : *pools) {
    candidates.push_back({pool, had_before(q, *pool, q.state.subnet(pool->subnet)->vni, why)});
  }
  // What was its own comes before what would be its turn.
  std::stable_partition(candidates.begin(), candidates.end(), [](const auto& one) { return !one.had.empty(); });
  std::optional<Error> first_refusal;
  std::string tried;
  for (const auto& [pool, had] : candidates) {
    const auto pass_over = [&](const Error& error) {
      why.add("passed over {}", error.message());
      tried += (tried.empty() ? "" : "; ") + error.message();
      // Of several refusals, "exhausted" is the one that waiting or an admin can mend.
      if (!first_refusal || (first_refusal->code() != Errc::exhausted && error.code() == Errc::exhausted)) {
        first_refusal = error;
      }
    };
    if (const auto allowed = check_may_use(q.state, *pool, q.asker, false); !allowed) {
      pass_over(allowed.error());
      continue;
    }
    const auto kind = kind_without_binding(q.request, q.intent, pool);
    if (!kind) {
      if (q.intent.wishes.kind) {
        return kind.error();  // no pool would do
      }
      pass_over(kind.error());
      continue;
    }
    const auto addresses = next_addresses(q.state, *pool, q.now, had);
    if (!addresses) {
      pass_over(addresses.error());
      continue;
    }
    why.add("pool {}: gives {}", pool->name, addresses->str());
    return Place{q.state.subnet(pool->subnet), pool->name, *kind, *addresses, mac_from(*addresses)};
  }
  return Error(first_refusal->code(), tried, first_refusal->hint());
}

Result<Place> new_place(const Question& q, const Scope& scope, Explanation& why) {
  auto place = q.request.wishes.addresses.empty() ? next_place(q, scope, why) : wished_place(q, scope, why);
  if (!place) {
    return place;
  }
  if (q.request.wishes.mac) {
    const auto fits = check_wished_mac(q.state, *place->subnet, q.owner, place->addresses, *q.request.wishes.mac);
    if (!fits) {
      return fits.error();
    }
    place->mac = *q.request.wishes.mac;
  } else if (const auto holder = q.state.owner_of_mac(place->subnet->vni, place->mac); holder && *holder != q.owner) {
    // Only a MAC made of an IPv6 address, whose last four bytes another one has too.
    return Error(
        Errc::conflict,
        fmt::format("the MAC {} made of {} is that of {}", place->mac.str(), place->addresses.str(), holder->str()),
        "wish for another address, or for a MAC (annotation mooring.io/mac)");
  }
  return place;
}

Result<Grant> same_again(const AllocateRequest& request, const Port& port) {
  const bool same_owner = port.owner.namespace_ == request.namespace_ && port.owner.hostname == request.hostname &&
                          port.owner.interface_ordinal == request.interface_ordinal;
  if (!same_owner) {
    return Error(
        Errc::conflict,
        fmt::format("attachment {} holds {} for {}", request.attachment.str(), port.addresses.str(), port.owner.str()),
        "an attachment has one hostname; release it first (CNI DEL)");
  }
  Grant grant;
  grant.unchanged = true;
  grant.port = port;
  return grant;
}

}  // namespace

Result<Grant> decide(const State& state, const AllocateRequest& request, TimeMs now, Explanation& why) {
  const Node* node = state.node(request.node);
  if (node == nullptr) {
    return Error(Errc::not_found, fmt::format("there is no node {}", request.node),
                 fmt::format("register first: PUT /v1/nodes/{} (mooring-agent does so when it starts)", request.node));
  }
  if (node->fenced) {
    return Error(Errc::superseded,
                 fmt::format("node {} is fenced: it was deleted while it could not be heard", node->name),
                 fmt::format("if the machine is to serve again: mooringctl node unfence {}", node->name));
  }
  if (const auto port = state.port_of(request.node, request.attachment)) {
    why.add("attachment {} has port {} already", request.attachment.str(), port->id);
    return same_again(request, *port);
  }
  Asker asker = asker_of(state, request);
  Intent intent = intent_of(state, request, asker, why);
  asker.labels = intent.wishes.labels;  // pools see what rules and the configuration put on it, too
  auto scope = scope_of(state, request, request.wishes);
  if (!scope) {
    return scope.error();
  }
  BindingKey owner{scope->network, request.namespace_, request.hostname, request.interface_ordinal};
  if (state.binding(owner) == nullptr && state.port_of(owner) == nullptr) {
    // Nothing is there to be kept: rules and configuration may lead elsewhere.
    scope = scope_of(state, request, intent.wishes);
    if (!scope) {
      return scope.error();
    }
    owner.network = scope->network;
  }
  if (const auto current = check_not_superseded(state, request, owner); !current) {
    return current.error();
  }
  const Binding* binding = state.binding(owner);
  const auto live = state.port_of(owner);
  if (const auto same = check_same_workload(intent, request, live.get()); !same) {
    return same.error();
  }
  const Question question{state, request, intent, asker, owner, now};
  const auto place = binding != nullptr || live != nullptr
                         ? place_it_has(state, request, intent, owner, binding, live.get(), why)
                         : new_place(question, *scope, why);
  if (!place) {
    return place.error();
  }

  Grant grant;
  grant.rules = std::move(intent.rules);
  grant.port.owner = owner;
  grant.port.kind = place->kind;
  grant.port.subnet = place->subnet->name;
  grant.port.pool = place->pool;
  grant.port.vni = place->subnet->vni;
  grant.port.addresses = place->addresses;
  grant.port.mac = place->mac;
  grant.port.node = request.node;
  grant.port.attachment = request.attachment;
  grant.port.pod_uid = request.pod_uid;
  grant.port.workload = intent.wishes.workload;
  grant.port.labels = intent.wishes.labels;
  if (binding == nullptr && place->kind == Kind::stateful) {
    Binding& made = grant.new_binding.emplace();
    made.owner = owner;
    made.kind = place->kind;
    made.subnet = place->subnet->name;
    made.pool = place->pool;
    made.addresses = place->addresses;
    made.mac = place->mac;
    const Pool* pool = state.pool(place->pool);
    made.retention = intent.wishes.retention              ? *intent.wishes.retention
                     : pool != nullptr && pool->retention ? *pool->retention
                                                          : Retention{Retention::Policy::with_workload, 0};
    made.workload = intent.wishes.workload;
    made.labels = intent.wishes.labels;
    made.origin = Origin::first_use;
    made.created_ms = now;
  }
  const std::string loser = live != nullptr ? live->pod_uid : binding != nullptr ? binding->last_uid : std::string();
  if (live != nullptr) {
    grant.taken_over = *live;
  }
  if (!loser.empty() && loser != request.pod_uid && !state.fenced(owner, loser)) {
    grant.lost_uid = loser;
    const auto fenced = state.fenced_uids(owner);
    for (std::size_t i = 0; i + fenced_uids_per_binding <= fenced.size(); ++i) {
      grant.unfence_uids.push_back(fenced[i].uid);
    }
  }
  return grant;
}

Result<AddressPair> next_addresses(const State& state, const Pool& pool, TimeMs now, AddressPair given) {
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    if (!pool.has(family) || given.of(family)) {
      continue;
    }
    const auto next = state.next_free(pool.name, family);
    if (!next) {
      return exhausted(state, pool, family, now);
    }
    given.set(*next);
  }
  return given;
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
  for (const SubnetBlock& block : subnet->blocks) {
    const auto& address = port.addresses.of(block.cidr.family());
    if (address && address->is_v4()) {
      allocation.address = {address->v4(), block.cidr.prefix_length()};
      allocation.gateway = block.gateway.v4();
    } else if (address) {
      allocation.address6 = {*address, block.cidr.prefix_length()};
      allocation.gateway6 = block.gateway;
    }
  }
  allocation.mac = port.mac;
  allocation.vni = port.vni;
  allocation.mtu_bytes = subnet->mtu_bytes;
  allocation.mtu_from_underlay = subnet->mtu_from_underlay;
  allocation.routes = subnet->routes;
  allocation.dns = subnet->dns;
  allocation.generation = port.generation;
  return allocation;
}

}  // namespace mooring::controller
