// The MAC of an interface that nobody has wished one for: made of its addresses, so that controller and nodes, each by
// itself, give the same one. Threading: values.
#pragma once

#include "mooring/net/address.hpp"
#include "mooring/net/ip.hpp"

namespace mooring::net {

// 0a:58 and the IPv4 address; of an interface without one 0a:59 and the last four bytes of its IPv6 address.
inline MacAddress default_mac(const AddressPair& addresses) {
  const IpAddress address = addresses.primary();
  const auto octet = [&](int shift) { return static_cast<std::uint8_t>(address.low_bits() >> shift); };
  const std::uint8_t family = address.is_v4() ? 0x58 : 0x59;
  return MacAddress({0x0a, family, octet(24), octet(16), octet(8), octet(0)});
}

}  // namespace mooring::net
