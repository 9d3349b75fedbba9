#include "ipam-controller/domain/validate.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ipam-controller/domain/ranges.hpp"
#include "ipam-controller/domain/rules.hpp"

namespace mooring::controller {
namespace {

using net::AddressRange;
using net::Ipv4Address;
using net::MacAddress;

constexpr std::size_t max_ranges = 1000;  // a pool's entry must fit a line of the watch stream

bool starts_with(MacAddress mac, std::initializer_list<std::uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), mac.octets().begin());
}

// "a, b, c and 4 more"
class NameList {
 public:
  void add(const std::string& name) {
    if (++count_ <= shown) {
      text_ += (count_ == 1 ? "" : ", ") + name;
    }
  }
  bool empty() const { return count_ == 0; }
  std::string str() const { return count_ > shown ? fmt::format("{} and {} more", text_, count_ - shown) : text_; }

 private:
  static constexpr std::size_t shown = 3;
  std::size_t count_ = 0;
  std::string text_;
};

template <class Uses>
NameList dependants(const State& state, const Uses& uses) {
  NameList names;
  for (const auto& [key, port] : state.ports()) {
    if (uses(port)) {
      names.add(fmt::format("port {} of {}", port.id, port.owner.str()));
    }
  }
  for (const auto& [key, binding] : state.bindings()) {
    if (uses(binding)) {
      names.add("binding " + binding.owner.str());
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

Result<void> check_new(const State& state, const Network& network) {
  if (auto bad = check_name(network.name); !bad) {
    return bad;
  }
  return check_name_is_new(state.network(network.name), "network", network.name);
}

Result<std::vector<AddressRange>> normalised(std::string_view what, std::vector<AddressRange> ranges) {
  std::sort(ranges.begin(), ranges.end());
  std::vector<AddressRange> joined;
  for (const AddressRange& range : ranges) {
    if (range.last < range.first) {
      return invalid(fmt::format("{}: {} ends before it begins", what, range.str()));
    }
    if (!joined.empty() && joined.back().overlaps(range)) {
      return invalid(fmt::format("{}: {} overlaps {}", what, range.str(), joined.back().str()));
    }
    if (!joined.empty() && joined.back().last.bits() + 1 == range.first.bits()) {
      joined.back().last = range.last;
    } else {
      joined.push_back(range);
    }
  }
  return joined;
}

Result<void> check_new(const State& state, const Pool& pool) {
  if (auto bad = check_name(pool.name); !bad) {
    return bad;
  }
  if (auto bad = check_name_is_new(state.pool(pool.name), "pool", pool.name); !bad) {
    return bad;
  }
  const Subnet* subnet = state.subnet(pool.subnet);
  if (subnet == nullptr) {
    return Error(Errc::not_found, fmt::format("there is no subnet {}", pool.subnet),
                 fmt::format("create it first: mooringctl create subnet {} …", pool.subnet));
  }
  if (pool.ranges.size() + pool.exclusions.size() > max_ranges) {
    return Error(Errc::too_large, fmt::format("{} ranges and exclusions", pool.ranges.size() + pool.exclusions.size()),
                 fmt::format("at most {} a pool", max_ranges));
  }
  for (const AddressRange& range : pool.ranges) {
    if (!subnet->cidr.contains(range.first) || !subnet->cidr.contains(range.last)) {
      return invalid(
          fmt::format("ranges: {} is not inside {} of subnet {}", range.str(), subnet->cidr.str(), subnet->name));
    }
  }
  for (const AddressRange& cut : pool.exclusions) {
    const bool excludes_something = std::any_of(pool.ranges.begin(), pool.ranges.end(),
                                                [&](const AddressRange& range) { return range.overlaps(cut); });
    if (!excludes_something) {
      return invalid(fmt::format("exclusions: {} is outside of the pool's ranges {}", cut.str(), text_of(pool.ranges)),
                     "leave it out");
    }
  }
  for (const Pool* other : state.pools_of(pool.subnet)) {
    for (const AddressRange& range : pool.ranges) {
      for (const AddressRange& theirs : other->ranges) {
        if (range.overlaps(theirs)) {
          return Error(Errc::conflict,
                       fmt::format("range {} overlaps {} of pool {}", range.str(), theirs.str(), other->name),
                       fmt::format("pools of one subnet do not overlap: mooringctl get pool {}", other->name));
        }
      }
    }
  }
  if (AddressPool(*subnet, pool).size() == 0) {
    return invalid(
        fmt::format("ranges: nothing is left of {} without exclusions, network, broadcast and gateway address",
                    text_of(pool.ranges)));
  }
  return ok();
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

Result<void> check_wished_mac(const State& state, const Subnet& subnet, const BindingKey& owner, Ipv4Address address,
                              MacAddress mac) {
  if (starts_with(mac, {0x0a, 0x58}) && mac != mac_from(address)) {
    return Error(
        Errc::conflict, fmt::format("MAC {} is the one of another address", mac.str()),
        fmt::format("0a:58:… are made from addresses; that of {} is {}", address.str(), mac_from(address).str()));
  }
  if (starts_with(mac, {0x0a, 0x6d, 0x6f, 0x6f, 0x72})) {
    return Error(Errc::conflict, fmt::format("MAC {} is one of Mooring's own", mac.str()),
                 "0a:6d:6f:6f:72:… are the virtual MACs (docs/ovs-pipeline.md)");
  }
  const BindingKey* holder = state.owner_of_mac(subnet.vni, mac);
  if (holder != nullptr && *holder != owner) {
    return Error(Errc::conflict, fmt::format("MAC {} is that of {}", mac.str(), holder->str()),
                 "a MAC is used once in a subnet");
  }
  return ok();
}

Result<void> check_address_usable(const Subnet& subnet, Ipv4Address address) {
  if (!subnet.cidr.contains(address)) {
    return Error(Errc::conflict,
                 fmt::format("{} is not inside {} of subnet {}", address.str(), subnet.cidr.str(), subnet.name));
  }
  if (subnet.reserved(address)) {
    const std::string_view what = address == subnet.gateway        ? "gateway"
                                  : address == subnet.cidr.first() ? "network"
                                                                   : "broadcast";
    return Error(Errc::conflict, fmt::format("{} is the {} address of subnet {}", address.str(), what, subnet.name));
  }
  return ok();
}

std::string holder_of(const State& state, PortAddress address) {
  if (const Port* port = state.port(address)) {
    return fmt::format("{} on node {}", port->owner.str(), port->node);
  }
  if (const Binding* binding = state.binding_at(address)) {
    return fmt::format("{} ({} binding without a live port)", binding->owner.str(), to_string(binding->kind));
  }
  return {};
}

Result<void> check_address_free(const State& state, PortAddress address) {
  const std::string holder = holder_of(state, address);
  if (holder.empty()) {
    return ok();
  }
  const Port* port = state.port(address);
  const Binding* binding = state.binding_at(address);
  const BindingKey& owner = port != nullptr ? port->owner : binding->owner;
  return Error(Errc::address_taken, fmt::format("{} belongs to {}", address.address.str(), holder),
               binding == nullptr ? "wish for another address, or delete that pod first"
                                  : fmt::format("wish for another address, or: mooringctl delete binding {} -n {}",
                                                owner.hostname, owner.namespace_));
}

Result<void> check_unused(const State& state, const Network& network) {
  NameList names;
  for (const Subnet* subnet : state.subnets_of(network.name)) {
    names.add("subnet " + subnet->name);
  }
  return refuse_if_used(names, "delete its subnets first");
}

Result<void> check_unused(const State& state, const Subnet& subnet) {
  NameList names;
  for (const Pool* pool : state.pools_of(subnet.name)) {
    names.add("pool " + pool->name);
  }
  if (!names.empty()) {
    return refuse_if_used(names, "delete its pools first");
  }
  return refuse_if_used(dependants(state, [&](const auto& user) { return user.subnet == subnet.name; }),
                        "delete these pods and bindings first");
}

Result<void> check_unused(const State& state, const Pool& pool) {
  return refuse_if_used(dependants(state, [&](const auto& user) { return user.pool == pool.name; }),
                        "delete these pods and bindings first: mooringctl get ports; mooringctl get bindings");
}

}  // namespace mooring::controller
