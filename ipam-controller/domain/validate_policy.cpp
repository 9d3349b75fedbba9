// The rules of rules, webhooks and extra addresses.
#include <algorithm>

#include <fmt/format.h>

#include "ipam-controller/domain/patterns.hpp"
#include "ipam-controller/domain/validate.hpp"
#include "ipam-controller/domain/validate_words.hpp"
#include "ipam-controller/domain/webhook.hpp"

namespace mooring::controller {

Result<void> check(const State& state, const Rule& wanted, const Rule*) {
  if (auto bad = check_name(wanted.name); !bad) {
    return bad;
  }
  const ipam_api::Wishes& wishes = wanted.wishes;
  if (!wishes.addresses.empty() || wishes.mac) {
    return invalid("wishes: a rule is for many pods, and an address or a MAC is for one",
                   "bind it: mooringctl create binding");
  }
  if (wishes == ipam_api::Wishes() && !wanted.takeover) {
    return invalid("wishes: the rule says nothing", "give it a kind, pools, a retention, …");
  }
  if (!wishes.network.empty() && state.network(wishes.network) == nullptr) {
    return Error(Errc::not_found, fmt::format("wishes: there is no network {}", wishes.network),
                 "mooringctl get networks");
  }
  if (!wishes.subnet.empty() && state.subnet(wishes.subnet) == nullptr) {
    return Error(Errc::not_found, fmt::format("wishes: there is no subnet {}", wishes.subnet),
                 "mooringctl get subnets");
  }
  for (const std::string& pool : wishes.pools) {
    if (state.pool(pool) == nullptr) {
      return Error(Errc::not_found, fmt::format("wishes: there is no pool {}", pool), "mooringctl get pools");
    }
  }
  return ok();
}

Result<void> check(const State& state, const Webhook& wanted, const Webhook* there) {
  if (auto bad = check_name(wanted.name); !bad) {
    return bad;
  }
  if (there == nullptr && state.webhooks().size() >= max_webhooks) {
    return Error(Errc::conflict, fmt::format("there are {} webhooks already", max_webhooks),
                 "one receiver can pass events on to others");
  }
  Webhook judged = wanted;
  if (there != nullptr && judged.secret.empty()) {
    judged.secret = there->secret;
  }
  return check_webhook(judged);
}

Result<ExtraAddress> completed(const State& state, ExtraAddress wanted) {
  const Subnet* subnet =
      wanted.subnet.empty() ? state.subnet_containing(wanted.network, wanted.address) : state.subnet(wanted.subnet);
  if (subnet == nullptr) {
    return Error(Errc::conflict,
                 wanted.subnet.empty()
                     ? fmt::format("{} is in no subnet of network {}", wanted.address.str(), wanted.network)
                     : fmt::format("there is no subnet {}", wanted.subnet),
                 "mooringctl get subnets");
  }
  wanted.subnet = subnet->name;
  wanted.network = subnet->network;
  wanted.vni = subnet->vni;
  const Pool* pool = state.pool_covering(subnet->name, wanted.address);
  wanted.pool = pool != nullptr && !pool->excludes(wanted.address) ? pool->name : std::string();
  // Moved by :move alone.
  const ExtraAddress* there = state.extra_address(wanted.key());
  wanted.holder = there == nullptr ? std::nullopt : there->holder;
  wanted.generation = there == nullptr ? 0 : there->generation;
  return wanted;
}

Result<void> check(const State& state, const ExtraAddress& wanted, const ExtraAddress* there) {
  const Subnet* subnet = state.subnet(wanted.subnet);
  if (auto usable = check_address_usable(*subnet, wanted.address); !usable) {
    return usable;
  }
  if (there == nullptr) {
    if (auto free = check_address_free(state, wanted.key(), BindingKey(), "", 0); !free) {
      return free;
    }
  }
  if (const auto name = ipam_api::parse_name("namespace", wanted.namespace_); !name) {
    return name.error();
  }
  if (wanted.hostnames.empty()) {
    return invalid("hostnames: nobody may hold it", "patterns of the pods that take turns: lb-*");
  }
  const auto& holder = wanted.holder;
  if (holder && (holder->namespace_ != wanted.namespace_ || !fits_one(wanted.hostnames, holder->hostname))) {
    return Error(Errc::in_use, fmt::format("{} holds it, and would not be one of those that may", holder->str()),
                 "move it first: mooringctl extra-address move");
  }
  return ok();
}

}  // namespace mooring::controller
