// The rules of pools and reservations.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "ipam-controller/domain/ranges.hpp"
#include "ipam-controller/domain/validate.hpp"
#include "ipam-controller/domain/validate_words.hpp"

namespace mooring::controller {
namespace {

using net::IpAddress;
using net::IpRange;

constexpr std::size_t max_ranges = 1000;  // a pool's entry must fit a line of the watch stream

Error no_subnet(const std::string& name) {
  return Error(Errc::not_found, fmt::format("there is no subnet {}", name),
               fmt::format("create it first: mooringctl create subnet {} …", name));
}

Result<void> check_inside(const Subnet& subnet, const IpRange& range, std::string_view what) {
  const SubnetBlock* block = subnet.block(range.family());
  if (block == nullptr || !block->cidr.contains(range.first) || !block->cidr.contains(range.last)) {
    return invalid(fmt::format("{}: {} is not inside {} of subnet {}", what, range.str(), subnet.cidrs(), subnet.name));
  }
  return ok();
}

Result<void> check_ranges(const Subnet& subnet, const Pool& pool) {
  if (pool.ranges.size() + pool.exclusions.size() > max_ranges) {
    return Error(Errc::too_large, fmt::format("{} ranges and exclusions", pool.ranges.size() + pool.exclusions.size()),
                 fmt::format("at most {} a pool", max_ranges));
  }
  for (const IpRange& range : pool.ranges) {
    if (auto bad = check_inside(subnet, range, "ranges"); !bad) {
      return bad;
    }
  }
  for (const IpRange& cut : pool.exclusions) {
    const bool excludes_something =
        std::any_of(pool.ranges.begin(), pool.ranges.end(), [&](const IpRange& range) { return range.overlaps(cut); });
    if (!excludes_something) {
      return invalid(fmt::format("exclusions: {} is outside of the pool's ranges {}", cut.str(), text_of(pool.ranges)),
                     "leave it out");
    }
  }
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    if (pool.has(family) && AddressPool(subnet, pool, family).size() == 0) {
      return invalid(
          fmt::format("ranges: nothing is left of {} without exclusions, network, broadcast and gateway address",
                      text_of(pool.ranges)));
    }
  }
  return ok();
}

Result<void> check_no_overlap(const State& state, const Pool& pool) {
  for (const Pool* other : state.pools_of(pool.subnet)) {
    for (const IpRange& range : pool.ranges) {
      for (const IpRange& theirs : other->ranges) {
        if (other->name != pool.name && range.overlaps(theirs)) {
          return Error(Errc::conflict,
                       fmt::format("range {} overlaps {} of pool {}", range.str(), theirs.str(), other->name),
                       fmt::format("pools of one subnet do not overlap: mooringctl get pool {}", other->name));
        }
      }
    }
  }
  return ok();
}

Result<void> check_fallback(const State& state, const Pool& pool, const Subnet& subnet) {
  for (const std::string& name : pool.fallback) {
    const Pool* next = state.pool(name);
    if (next == nullptr || name == pool.name) {
      return Error(next == nullptr && name != pool.name ? Errc::not_found : Errc::invalid_argument,
                   fmt::format("fallback: {}", name == pool.name ? "a pool is not its own fallback"
                                                                 : fmt::format("there is no pool {}", name)),
                   "mooringctl get pools");
    }
    const std::string& network = state.subnet(next->subnet)->network;
    if (network != subnet.network) {
      return Error(Errc::conflict, fmt::format("fallback: pool {} is in network {}, and this one in {}", name, network,
                                               subnet.network));
    }
  }
  return ok();
}

// Ports, bindings and extra addresses of the subnet with an address in one of the ranges: "10.0.0.5 of shop/db-0 …".
NameList holders_inside(const State& state, const Subnet& subnet, const std::vector<IpRange>& ranges) {
  NameList names;
  std::set<IpAddress> seen;  // a port and its binding have the same
  const auto look = [&](const std::string& of_subnet, const net::AddressPair& addresses) {
    for (const IpAddress address : of_subnet == subnet.name ? addresses.all() : std::vector<IpAddress>()) {
      const bool inside =
          std::any_of(ranges.begin(), ranges.end(), [&](const IpRange& range) { return range.contains(address); });
      if (inside && seen.insert(address).second) {
        names.add(fmt::format("{} of {}", address.str(), holder_of(state, {subnet.vni, address})));
      }
    }
  };
  state.ports().each(subnet.vni, [&](const PackedPort& port) { look(subnet.name, port.addresses()); });
  for (const auto& [key, binding] : state.bindings()) {
    look(binding.subnet, binding.addresses);
  }
  for (const auto& [key, extra] : state.extra_addresses()) {
    look(extra.subnet, extra.address);
  }
  return names;
}

// Nobody who has an address of the old pool may be left outside of the new one.
Result<void> check_shrink(const State& state, const Subnet& subnet, const Pool& wanted, const Pool& there) {
  const std::vector<IpRange> kept = subtract(wanted.ranges, wanted.exclusions);
  const std::vector<IpRange> lost = subtract(subtract(there.ranges, there.exclusions), kept);
  if (lost.empty()) {
    return ok();
  }
  NameList names = holders_inside(state, subnet, lost);
  for (const IpRange& range : lost) {
    if (const Block* block = state.block_overlapping(subnet.vni, range)) {
      names.add(fmt::format("block {} of node {}", block->range.str(), block->node));
    }
  }
  if (names.empty()) {
    return ok();
  }
  return Error(Errc::in_use, fmt::format("ranges: {} would be left outside", names.str()),
               "delete these pods and bindings first, or keep their addresses in the pool");
}

// The subnet that an object names; it stays in it.
template <class T>
Result<const Subnet*> subnet_of(const State& state, const T& wanted, const T* there, std::string_view way_out) {
  const Subnet* subnet = state.subnet(wanted.subnet);
  if (subnet == nullptr) {
    return no_subnet(wanted.subnet);
  }
  if (there != nullptr && there->subnet != wanted.subnet) {
    return Error(Errc::conflict,
                 fmt::format("subnet: it is in subnet {}, and the change says {}", there->subnet, wanted.subnet),
                 std::string(way_out));
  }
  return subnet;
}

}  // namespace

Result<Pool> completed(const State& state, Pool wanted) {
  for (const auto& [what, list] : {std::pair("ranges", &wanted.ranges), std::pair("exclusions", &wanted.exclusions)}) {
    auto sorted = normalised(what, *list);
    if (!sorted) {
      return sorted.error();
    }
    *list = std::move(*sorted);
  }
  const Subnet* subnet = state.subnet(wanted.subnet);
  if (wanted.ranges.empty() && subnet != nullptr) {
    wanted.ranges = usable_ranges(*subnet);
  }
  return wanted;
}

Result<void> check(const State& state, const Pool& wanted, const Pool* there) {
  if (auto bad = check_name(wanted.name); !bad) {
    return bad;
  }
  const auto found = subnet_of(state, wanted, there, "a pool stays in its subnet; make another pool");
  if (!found) {
    return found.error();
  }
  const Subnet* subnet = *found;
  if (auto bad = check_ranges(*subnet, wanted); !bad) {
    return bad;
  }
  if (auto bad = check_no_overlap(state, wanted); !bad) {
    return bad;
  }
  if (auto bad = check_fallback(state, wanted, *subnet); !bad) {
    return bad;
  }
  for (const auto& [name, vip] : state.vips()) {
    if (vip.vni == subnet->vni && wanted.covers(vip.address) && !wanted.excludes(vip.address)) {
      return Error(Errc::conflict, fmt::format("ranges: {} is VIP {}", vip.address.str(), name),
                   fmt::format("leave it out: --exclude {}", vip.address.str()));
    }
  }
  return there == nullptr ? ok() : check_shrink(state, *subnet, wanted, *there);
}

Result<void> check(const State& state, const Reservation& wanted, const Reservation* there) {
  if (auto bad = check_name(wanted.name); !bad) {
    return bad;
  }
  const auto found = subnet_of(state, wanted, there, "make another reservation");
  if (!found) {
    return found.error();
  }
  const Subnet* subnet = *found;
  if (auto bad = check_inside(*subnet, wanted.range, "range"); !bad) {
    return bad;
  }
  const Reservation* other = state.reservation_overlapping(subnet->vni, wanted.range);
  if (other != nullptr && other->name == wanted.name) {
    // Its own old range: look on both sides of it.
    for (const IpRange& rest : subtract({wanted.range}, {other->range})) {
      const Reservation* beside = state.reservation_overlapping(subnet->vni, rest);
      other = beside != nullptr ? beside : other;
    }
  }
  if (other != nullptr && other->name != wanted.name) {
    return Error(
        Errc::conflict,
        fmt::format("range: {} overlaps {} of reservation {}", wanted.range.str(), other->range.str(), other->name),
        "reservations do not overlap");
  }
  if (const Block* block = state.block_overlapping(subnet->vni, wanted.range)) {
    return Error(Errc::in_use,
                 fmt::format("range: it overlaps block {} leased to node {}", block->range.str(), block->node),
                 fmt::format("ask for it back first: mooringctl delete block {}", block->id));
  }
  const NameList names = holders_inside(state, *subnet, {wanted.range});
  if (!names.empty()) {
    return Error(Errc::in_use, fmt::format("range: in use are {}", names.str()),
                 "delete these pods and bindings first, or reserve around them");
  }
  return ok();
}

}  // namespace mooring::controller
