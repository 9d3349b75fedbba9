// Who says on a link that an address is his: the sender of an ARP packet, and of an IPv6 neighbour advertisement.
// Source: RFC 826, RFC 5227 (a probe, whose sender is 0.0.0.0, claims nothing), RFC 4861, 4.4. Bytes from outside: a
// frame that is cut or says something else claims nothing. Pure. Threading: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "mooring/net/address.hpp"
#include "mooring/net/ip.hpp"

namespace mooring::underlay {

struct AddressClaim {
  net::IpAddress address;
  net::MacAddress mac;  // the frame's sender
  bool operator==(const AddressClaim&) const = default;
};

// `frame`: from the Ethernet header on, without VLAN tags; the first 80 bytes are enough.
std::optional<AddressClaim> address_claim_in(std::string_view frame);

}  // namespace mooring::underlay
