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

#include "mooring/net/address.hpp"

namespace mooring::gateway {

struct BgpNeighbor {
  net::Ipv4Address address;
  std::uint32_t as = 0;
  bool bfd = false;  // needs FRR's bfdd, here and there
  auto operator<=>(const BgpNeighbor&) const = default;
};

// "ADDRESS:AS" or "ADDRESS:AS:bfd". Errors: invalid_config.
Result<BgpNeighbor> parse_bgp_neighbor(std::string_view text);
// 1 to 4294967295 (RFC 6793); 0, 23456 and the last one are reserved (RFC 7607, 6793, 7300). Errors: invalid_config.
Result<std::uint32_t> parse_as(std::string_view text);

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
Result<std::vector<std::string>> bgp_commands(const BgpSettings& settings, const std::set<net::Cidr>& announced,
                                              const std::vector<BgpLine>& present);

}  // namespace mooring::gateway
