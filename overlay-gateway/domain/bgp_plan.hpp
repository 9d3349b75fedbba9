// What FRR's bgpd of this machine should announce: the subnets of the gateway's network, to the physical routers, and
// nothing else. Desired state in the words of FRR's configuration (FRR 8.4 user guide, "BGP"): lines, each under the
// lines that it stands in. Only lines of ours are compared and changed; what an operator configured beside them stays.
//
// Ours are: networks with the route map MOORING-ORIGIN, neighbors whose description is "mooring", and route maps and
// AS path lists with names that begin with MOORING-. Nothing that came from one router is announced to another
// (MOORING-OUT): the gateway is no way through. Pure. Threading: values.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "mooring/net/ip.hpp"

namespace mooring::gateway {

// A router hears of the subnets of its own address' family.
struct BgpNeighbor {
  net::IpAddress address;
  std::uint32_t as = 0;
  bool bfd = false;      // needs FRR's bfdd, here and there
  std::string password;  // of the session's TCP segments (RFC 2385); "": none
  auto operator<=>(const BgpNeighbor&) const = default;
};

// "ADDRESS:AS" or "ADDRESS:AS:bfd", an IPv6 address in brackets. Errors: invalid_config.
Result<BgpNeighbor> parse_bgp_neighbor(std::string_view text);
// 1 to 4294967295 (RFC 6793); 0, 23456 and the last one are reserved (RFC 7607, 6793, 7300). Errors: invalid_config.
Result<std::uint32_t> parse_as(std::string_view text);

// Lines "ADDRESS PASSWORD", of neighbors among these; empty ones and those that begin with # say nothing. Errors:
// invalid_config, which never tells a password.
Result<void> take_passwords(std::string_view text, std::vector<BgpNeighbor>& neighbors);

struct BgpSettings {
  std::uint32_t as = 0;
  std::optional<net::Ipv4Address> router_id;  // none: FRR chooses
  std::vector<BgpNeighbor> neighbors;
};

// A line of a configuration and what it stands in: {"router bgp 65001", "address-family ipv4 unicast"}.
struct BgpLine {
  std::vector<std::string> in;
  std::string text;
  auto operator<=>(const BgpLine&) const = default;
};

// Of `show running-config`.
std::vector<BgpLine> bgp_lines(std::string_view running_config);

// The commands that bring `present` to what is wanted, from "configure terminal" to "end"; none if it is there. Errors:
// conflict: bgpd runs another AS.
Result<std::vector<std::string>> bgp_commands(const BgpSettings& settings, const std::set<net::IpCidr>& announced,
                                              const std::vector<BgpLine>& present);

// A command as a log may show it: without a password.
std::string without_secrets(const std::string& command);

}  // namespace mooring::gateway
