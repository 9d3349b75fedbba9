// Any set of addresses as the fewest CIDR blocks that hold exactly these. Threading: pure functions.
#pragma once

#include <vector>

#include "mooring/net/ip.hpp"

namespace mooring::net {

// Ascending, overlapping and adjacent ones joined; `ranges` in any order.
std::vector<IpRange> joined(std::vector<IpRange> ranges);

// The smallest cover: every address of `ranges` and no other, in ascending order, IPv4 first. Two blocks that stand
// beside each other are never one block that was cut. n log n.
std::vector<IpCidr> cover_of(std::vector<IpRange> ranges);

}  // namespace mooring::net
