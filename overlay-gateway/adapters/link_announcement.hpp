// Tells a link's machines that an address is here now: those that know it by another MAC take the new one.
// Source: RFC 5227, 3 (ARP announcement); RFC 4861, 7.2.6 (unsolicited neighbour advertisement); packet(7).
// Threading: a pure call; does not wait.
#pragma once

#include <string>

#include "mooring/base/error.hpp"
#include "mooring/net/ip.hpp"

namespace mooring::gateway {

// Errors: not_found (no such link), permission_denied, io.
Result<void> announce_address(const std::string& interface, net::IpAddress address);

// Is the link up, with a carrier?
bool has_carrier(const std::string& interface);

}  // namespace mooring::gateway
