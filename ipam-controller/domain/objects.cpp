#include "ipam-controller/domain/objects.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "mooring/net/default_mac.hpp"

namespace mooring::controller {
namespace {

bool contain(const std::vector<net::IpRange>& ranges, net::IpAddress address) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const auto& range) { return range.contains(address); });
}

void combine(std::size_t& seed, std::size_t hash) {
  seed ^= hash + 0x9e3779b97f4a7c15ULL + (seed << 6) + (seed >> 2);
}

}  // namespace

const SubnetBlock* Subnet::block(net::Family family) const {
  const auto it =
      std::find_if(blocks.begin(), blocks.end(), [&](const auto& one) { return one.cidr.family() == family; });
  return it == blocks.end() ? nullptr : &*it;
}

bool Subnet::contains(net::IpAddress address) const {
  const SubnetBlock* around = block(address.family());
  return around != nullptr && around->cidr.contains(address);
}

std::string Subnet::cidrs() const {
  std::string text;
  for (const SubnetBlock& one : blocks) {
    text += (text.empty() ? "" : ", ") + one.cidr.str();
  }
  return text;
}

bool operator==(const Subnet& a, const Subnet& b) {
  return a.name == b.name && a.network == b.network && a.vni == b.vni && a.blocks == b.blocks &&
         a.mtu_bytes == b.mtu_bytes && a.mtu_from_underlay == b.mtu_from_underlay && a.revision == b.revision &&
         a.dns == b.dns && a.routes == b.routes && a.bridged == b.bridged;
}

std::string to_string(Strategy strategy) {
  return strategy == Strategy::next ? "next" : strategy == Strategy::lowest ? "lowest" : "random";
}

Result<Strategy> parse_strategy(std::string_view text) {
  for (const Strategy strategy : {Strategy::next, Strategy::lowest, Strategy::random}) {
    if (text == to_string(strategy)) {
      return strategy;
    }
  }
  return Error(Errc::invalid_argument, fmt::format("'{}' is not a strategy", text), "one of next, lowest, random");
}

std::string to_string(Origin origin) {
  switch (origin) {
    case Origin::first_use:
      return "first-use";
    case Origin::import:
      return "import";
    case Origin::plan:
      return "plan";
    case Origin::admin:
      break;
  }
  return "admin";
}

Result<Origin> parse_origin(std::string_view text) {
  for (const Origin origin : {Origin::admin, Origin::first_use, Origin::import, Origin::plan}) {
    if (text == to_string(origin)) {
      return origin;
    }
  }
  return Error(Errc::invalid_argument, fmt::format("'{}' is not an origin", text));
}

bool Pool::covers(net::IpAddress address) const {
  return contain(ranges, address);
}

bool Pool::excludes(net::IpAddress address) const {
  return contain(exclusions, address);
}

bool Pool::has(net::Family family) const {
  return std::any_of(ranges.begin(), ranges.end(), [&](const auto& range) { return range.family() == family; });
}

std::string BindingKey::str() const {
  std::string text = namespace_ + "/" + hostname;
  if (interface_ordinal != 0) {
    text += fmt::format(" (interface {})", interface_ordinal);
  }
  if (network != default_network) {
    text += fmt::format(" in network {}", network);
  }
  return text;
}

std::string to_string(PortState state) {
  return state == PortState::active ? "active" : "pending";
}

Result<PortState> parse_port_state(std::string_view text) {
  if (text == "active") {
    return PortState::active;
  }
  if (text == "pending") {
    return PortState::pending;
  }
  return Error(Errc::invalid_argument, fmt::format("'{}' is not a state of a port", text), "one of pending, active");
}

std::string port_id_of(Generation generation) {
  return fmt::format("p{}", generation);
}

std::string block_id_of(Generation generation) {
  return fmt::format("b{}", generation);
}

net::MacAddress mac_from(const net::AddressPair& addresses) {
  return net::default_mac(addresses);
}

}  // namespace mooring::controller

std::size_t std::hash<mooring::controller::BindingKey>::operator()(
    const mooring::controller::BindingKey& key) const noexcept {
  const std::hash<std::string> text;
  std::size_t seed = text(key.hostname);
  mooring::controller::combine(seed, text(key.namespace_));
  mooring::controller::combine(seed, text(key.network));
  mooring::controller::combine(seed, key.interface_ordinal);
  return seed;
}
