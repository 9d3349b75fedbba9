#include "ipam-controller/domain/objects.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace mooring::controller {
namespace {

bool contain(const std::vector<net::AddressRange>& ranges, net::Ipv4Address address) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const auto& range) { return range.contains(address); });
}

void combine(std::size_t& seed, std::size_t hash) {
  seed ^= hash + 0x9e3779b97f4a7c15ULL + (seed << 6) + (seed >> 2);
}

}  // namespace

bool operator==(const Subnet& a, const Subnet& b) {
  return a.name == b.name && a.network == b.network && a.vni == b.vni && a.cidr == b.cidr && a.gateway == b.gateway &&
         a.mtu_bytes == b.mtu_bytes && a.revision == b.revision && to_json(a.dns) == to_json(b.dns) &&
         std::equal(a.routes.begin(), a.routes.end(), b.routes.begin(), b.routes.end(),
                    [](const auto& x, const auto& y) { return x.destination == y.destination && x.via == y.via; });
}

bool Pool::covers(net::Ipv4Address address) const {
  return contain(ranges, address);
}

bool Pool::excludes(net::Ipv4Address address) const {
  return contain(exclusions, address);
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

net::MacAddress mac_from(net::Ipv4Address address) {
  const auto octet = [&](int shift) { return static_cast<std::uint8_t>(address.bits() >> shift); };
  return net::MacAddress({0x0a, 0x58, octet(24), octet(16), octet(8), octet(0)});
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
