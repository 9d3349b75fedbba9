// Arithmetic on lists of address ranges. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "mooring/net/ip.hpp"

namespace mooring::controller {

// `ranges` (of either family, ascending, without overlap) without every address of `cuts` (any order); ascending.
std::vector<net::IpRange> subtract(const std::vector<net::IpRange>& ranges, std::vector<net::IpRange> cuts);

// "10.0.0.10-10.0.0.20, 10.0.0.30-10.0.0.40", at most `most` of them, then "and 7 more".
std::string text_of(const std::vector<net::IpRange>& ranges, std::size_t most = 4);

}  // namespace mooring::controller
