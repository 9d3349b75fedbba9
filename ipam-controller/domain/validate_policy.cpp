// The rules of rules, webhooks and extra addresses.
#include <algorithm>

#include <fmt/format.h>

#include "ipam-controller/domain/validate.hpp"
#include "ipam-controller/domain/validate_words.hpp"

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

Result<void> check(const State&, const Webhook& wanted, const Webhook*) {
  if (auto bad = check_name(wanted.name); !bad) {
    return bad;
  }
  const std::string& url = wanted.url;
  const bool http = url.rfind("http://", 0) == 0 && url.size() > 7;
  const bool https = url.rfind("https://", 0) == 0 && url.size() > 8;
  if ((!http && !https) || url.size() > 2000 || url.find_first_of(" \t\r\n") != std::string::npos) {
    return invalid(fmt::format("url: '{}' is not an http or https URL", url),
                   "write it like https://hooks.example.com/mooring");
  }
  return ok();
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
  if (const ExtraAddress* there = state.extra_address(wanted.key())) {
    wanted.holder = there->holder;  // moved by :move alone
    wanted.generation = there->generation;
  }
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
  if (wanted.hostnames.empty()) {
    return invalid("hostnames: nobody may hold it", "patterns of the pods that take turns: lb-*");
  }
  return ok();
}

}  // namespace mooring::controller
