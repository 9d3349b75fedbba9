#include "ipam-controller/domain/validate.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ipam-controller/domain/ranges.hpp"
#include "ipam-controller/domain/validate_words.hpp"

namespace mooring::controller {
namespace {

using net::IpAddress;
using net::IpRange;
using net::MacAddress;

bool starts_with(MacAddress mac, std::initializer_list<std::uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), mac.octets().begin());
}

template <class Uses>
NameList dependants(const State& state, const Uses& uses) {
  NameList names;
  state.ports().each([&](const PackedPort& packed) {
    const Port port = state.ports().unpack(packed);
    if (uses(port)) {
      names.add(fmt::format("port {} of {}", port.id, port.owner.str()));
    }
  });
  for (const auto& [key, binding] : state.bindings()) {
    if (uses(binding)) {
      names.add("binding " + binding.owner.str());
    }
  }
  for (const auto& [key, extra] : state.extra_addresses()) {
    if (uses(extra)) {
      names.add("extra address " + extra.address.str());
    }
  }
  for (const auto& [id, block] : state.blocks()) {
    if (uses(block)) {
      names.add(fmt::format("block {} of node {}", block.range.str(), block.node));
    }
  }
  return names;
}

template <class Names>
NameList rules_with(const State& state, const Names& names_it) {
  NameList names;
  for (const auto& [name, rule] : state.rules()) {
    if (names_it(rule.wishes)) {
      names.add("rule " + name);
    }
  }
  return names;
}

Result<void> refuse_if_used(const NameList& names, std::string_view hint) {
  if (names.empty()) {
    return ok();
  }
  return Error(Errc::in_use, "in use by " + names.str(), std::string(hint));
}

template <class T>
Result<void> check_registration_of(const State& state, const T& object, const T* there, std::string_view kind) {
  if (auto bad = check_name(object.name); !bad) {
    return bad;
  }
  if (object.machine_id.empty()) {
    return invalid("machine_id is missing", "the content of /etc/machine-id, or any id that stays over reboots");
  }
  const auto bits = object.vtep.bits();
  if (bits == 0 || (bits >> 24) == 127 || (bits >> 29) == 7) {
    return invalid(fmt::format("vtep {} is not an address that others can tunnel to", object.vtep.str()),
                   "the address of the underlay interface");
  }
  if (there != nullptr && there->machine_id != object.machine_id) {
    return Error(Errc::conflict,
                 fmt::format("the name belongs to the machine {} with VTEP {}, and this is the machine {}",
                             there->machine_id, there->vtep.str(), object.machine_id),
                 fmt::format("if that machine is gone for good: mooringctl delete {} {}", kind, object.name));
  }
  const std::string holder = state.holder_of_vtep(object.vtep);
  if (!holder.empty() && holder != fmt::format("{} {}", kind, object.name)) {
    return Error(
        Errc::conflict, fmt::format("VTEP {} belongs to {}", object.vtep.str(), holder),
        fmt::format("give this machine another address, or, if that one is gone for good: mooringctl delete {}",
                    holder));
  }
  return ok();
}

}  // namespace

Result<void> check(const State&, const Network& wanted, const Network*) {
  return check_name(wanted.name);
}

Result<std::vector<IpRange>> normalised(std::string_view what, std::vector<IpRange> ranges) {
  std::sort(ranges.begin(), ranges.end());
  std::vector<IpRange> joined;
  for (const IpRange& range : ranges) {
    if (range.last < range.first) {
      return invalid(fmt::format("{}: {} ends before it begins", what, range.str()));
    }
    if (!joined.empty() && joined.back().overlaps(range)) {
      return invalid(fmt::format("{}: {} overlaps {}", what, range.str(), joined.back().str()));
    }
    if (!joined.empty() && joined.back().family() == range.family() && net::next(joined.back().last) == range.first) {
      joined.back().last = range.last;
    } else {
      joined.push_back(range);
    }
  }
  return joined;
}

Result<void> check_registration(const State& state, const Node& node) {
  return check_registration_of(state, node, state.node(node.name), "node");
}

Result<void> check_registration(const State& state, const Gateway& gateway) {
  if (const auto name = ipam_api::parse_name("network", gateway.network); !name) {
    return name.error();
  }
  return check_registration_of(state, gateway, state.gateway(gateway.name), "gateway");
}

Result<void> check_wished_mac(const State& state, const Subnet& subnet, const BindingKey& owner,
                              const net::AddressPair& addresses, MacAddress mac) {
  const MacAddress own = mac_from(addresses);
  if ((starts_with(mac, {0x0a, 0x58}) || starts_with(mac, {0x0a, 0x59})) && mac != own) {
    return Error(
        Errc::conflict, fmt::format("MAC {} is the one of another address", mac.str()),
        fmt::format("0a:58:… and 0a:59:… are made from addresses; that of {} is {}", addresses.str(), own.str()));
  }
  if (starts_with(mac, {0x0a, 0x6d, 0x6f, 0x6f, 0x72})) {
    return Error(Errc::conflict, fmt::format("MAC {} is one of Mooring's own", mac.str()),
                 "0a:6d:6f:6f:72:… are the virtual MACs (docs/ovs-pipeline.md)");
  }
  const Found<BindingKey> holder = state.owner_of_mac(subnet.vni, mac);
  if (holder != nullptr && *holder != owner) {
    return Error(Errc::conflict, fmt::format("MAC {} is that of {}", mac.str(), holder->str()),
                 "a MAC is used once in a subnet");
  }
  return ok();
}

Result<void> check_address_usable(const Subnet& subnet, IpAddress address) {
  const SubnetBlock* block = subnet.block(address.family());
  if (block == nullptr || !block->cidr.contains(address)) {
    return Error(Errc::conflict,
                 fmt::format("{} is not inside {} of subnet {}", address.str(), subnet.cidrs(), subnet.name));
  }
  if (block->reserved(address)) {
    const std::string_view what = address == block->gateway        ? "gateway"
                                  : address == block->cidr.first() ? "network"
                                                                   : "broadcast";
    return Error(Errc::conflict, fmt::format("{} is the {} address of subnet {}", address.str(), what, subnet.name));
  }
  return ok();
}

std::string holder_of(const State& state, PortAddress address) {
  if (const auto port = state.port(address)) {
    return fmt::format("{} on node {}", port->owner.str(), port->node);
  }
  if (const Binding* binding = state.binding_at(address)) {
    return fmt::format("{} ({} binding without a live port)", binding->owner.str(), to_string(binding->kind));
  }
  if (const ExtraAddress* extra = state.extra_address(address)) {
    return fmt::format("an extra address of namespace {}", extra->namespace_);
  }
  return {};
}

Result<void> check_address_free(const State& state, PortAddress address, const BindingKey& asker, std::string_view node,
                                TimeMs now) {
  const std::string text = address.address.str();
  const std::string holder = holder_of(state, address);
  if (!holder.empty()) {
    const auto port = state.port(address);
    const Binding* binding = state.binding_at(address);
    const std::string way_out =
        binding == nullptr
            ? (port == nullptr ? "take another address" : "wish for another address, or delete that pod first")
            : fmt::format("wish for another address, or: mooringctl delete binding {} -n {}", binding->owner.hostname,
                          binding->owner.namespace_);
    return Error(Errc::address_taken, fmt::format("{} belongs to {}", text, holder), way_out);
  }
  if (const Reservation* reservation = state.reservation_at(address)) {
    return Error(Errc::address_taken,
                 fmt::format("{} is reserved by {}{}{}", text, reservation->name, reservation->note.empty() ? "" : ": ",
                             reservation->note),
                 fmt::format("take another address, or: mooringctl delete reservation {}", reservation->name));
  }
  const Block* block = state.block_at(address);
  if (block != nullptr && block->node != node) {
    return Error(Errc::address_taken,
                 fmt::format("{} is in block {} leased to node {}", text, block->range.str(), block->node),
                 "take an address outside of the nodes' blocks: mooringctl get blocks");
  }
  if (const Vip* vip = state.vip_at(address)) {
    return Error(Errc::address_taken, fmt::format("{} is VIP {}", text, vip->name),
                 fmt::format("take another address, or: mooringctl delete vip {}", vip->name));
  }
  const Resting* resting = state.resting(address);
  if (resting != nullptr && resting->last_owner != asker && resting->until_ms > now) {
    return Error(Errc::address_taken,
                 fmt::format("{} rests for {} s, it was that of {}", text, (resting->until_ms - now + 999) / 1000,
                             resting->last_owner.str()),
                 "wait, or take another address");
  }
  return ok();
}

Result<void> check_unused(const State& state, const Network& network) {
  NameList names;
  for (const Subnet* subnet : state.subnets_of(network.name)) {
    names.add("subnet " + subnet->name);
  }
  if (!names.empty()) {
    return refuse_if_used(names, "delete its subnets first");
  }
  // (A VIP lies in a subnet.)
  for (const auto& [name, list] : state.lists()) {
    if (list.network == network.name) {
      names.add("list " + name);
    }
  }
  if (!names.empty()) {
    return refuse_if_used(names, "delete these lists first: mooringctl get lists");
  }
  for (const auto& [name, rule] : state.access_rules()) {
    if (rule.terms.network == network.name) {
      names.add("access rule " + name);
    }
  }
  if (!names.empty()) {
    return refuse_if_used(names, "delete these access rules first: mooringctl get access-rules");
  }
  return refuse_if_used(rules_with(state, [&](const auto& wishes) { return wishes.network == network.name; }),
                        "change or delete these rules first: mooringctl get rules");
}

Result<void> check_unused(const State& state, const Subnet& subnet) {
  NameList names;
  for (const Pool* pool : state.pools_of(subnet.name)) {
    names.add("pool " + pool->name);
  }
  for (const auto& [name, reservation] : state.reservations()) {
    if (reservation.subnet == subnet.name) {
      names.add("reservation " + name);
    }
  }
  if (!names.empty()) {
    return refuse_if_used(names, "delete its pools and reservations first");
  }
  for (const auto& [name, rule] : state.access_rules()) {
    if (rule.terms.subnet == subnet.name) {
      names.add("access rule " + name);
    }
  }
  if (!names.empty()) {
    return refuse_if_used(names, "change or delete these access rules first: mooringctl get access-rules");
  }
  for (const auto& [name, vip] : state.vips()) {
    if (vip.vni == subnet.vni) {
      names.add("vip " + name);
    }
  }
  if (!names.empty()) {
    return refuse_if_used(names, "delete these VIPs first: mooringctl get vips");
  }
  names = rules_with(state, [&](const auto& wishes) { return wishes.subnet == subnet.name; });
  if (!names.empty()) {
    return refuse_if_used(names, "change or delete these rules first: mooringctl get rules");
  }
  return refuse_if_used(dependants(state, [&](const auto& user) { return user.subnet == subnet.name; }),
                        "delete these pods and bindings first");
}

Result<void> check_unused(const State& state, const Pool& pool) {
  const auto has = [&](const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), pool.name) != names.end();
  };
  NameList names = rules_with(state, [&](const auto& wishes) { return has(wishes.pools); });
  for (const auto& [name, other] : state.pools()) {
    if (has(other.fallback)) {
      names.add(fmt::format("pool {} (fallback)", name));
    }
  }
  if (!names.empty()) {
    return refuse_if_used(names, "take the pool out of them first: mooringctl edit rule, mooringctl edit pool");
  }
  return refuse_if_used(dependants(state, [&](const auto& user) { return user.pool == pool.name; }),
                        "delete these pods and bindings first: mooringctl get ports; mooringctl get bindings");
}

}  // namespace mooring::controller
