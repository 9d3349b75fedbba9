// Tells a link's machines that an address is here now: those that know it by another MAC take the new one.
// Source: RFC 5227, 3 (ARP announcement); packet(7). Threading: a pure call; does not wait.
#pragma once

#include <string>

#include "mooring/base/error.hpp"
#include "mooring/net/address.hpp"

namespace mooring::gateway {

// Errors: not_found (no such link), permission_denied, io.
Result<void> announce_address(const std::string& interface, net::Ipv4Address address);

// Is the link up, with a carrier?
bool has_carrier(const std::string& interface);

}  // namespace mooring::gateway
