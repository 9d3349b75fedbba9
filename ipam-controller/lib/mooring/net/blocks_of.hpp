// A range as the fewest CIDR blocks, in order: what a switch can match. Threading: values.
#pragma once

#include <vector>

#include "mooring/net/ip.hpp"

namespace mooring::net {

inline std::vector<IpCidr> blocks_of(const IpRange& range) {
  std::vector<IpCidr> blocks;
  const int whole = range.family() == Family::v4 ? 32 : 128;
  for (IpAddress first = range.first;;) {
    int length = whole;
    // As long as the block that is twice as large begins here too, and does not end behind the range.
    while (length > 0) {
      const IpCidr larger(first, length - 1);
      if (larger.first() != first || range.last < larger.last()) {
        break;
      }
      --length;
    }
    blocks.emplace_back(first, length);
    if (blocks.back().last() == range.last) {
      return blocks;
    }
    first = next(blocks.back().last());
  }
}

}  // namespace mooring::net
