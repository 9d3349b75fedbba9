#include "mooring/net/cover.hpp"

#include <algorithm>
#include <utility>

#include "mooring/net/blocks_of.hpp"

namespace mooring::net {

std::vector<IpRange> joined(std::vector<IpRange> ranges) {
  if (!std::is_sorted(ranges.begin(), ranges.end())) {
    std::sort(ranges.begin(), ranges.end());
  }
  std::size_t kept = 0;
  for (const IpRange& range : ranges) {
    IpRange* last = kept == 0 ? nullptr : &ranges[kept - 1];
    // (Behind 255.255.255.255 and ffff:…:ffff there is nothing: no next() of those. IPv4 is sorted before IPv6.)
    const bool joins = last != nullptr && last->family() == range.family() &&
                       (range.first <= last->last || previous(range.first) == last->last);
    if (joins) {
      last->last = std::max(last->last, range.last);
    } else {
      ranges[kept++] = range;
    }
  }
  ranges.resize(kept);
  return ranges;
}

std::vector<IpCidr> cover_of(std::vector<IpRange> ranges) {
  // A block lies within one of the joined ranges, so the cover is that of each, one behind the other.
  std::vector<IpCidr> cover;
  for (const IpRange& range : joined(std::move(ranges))) {
    const std::vector<IpCidr> blocks = blocks_of(range);
    cover.insert(cover.end(), blocks.begin(), blocks.end());
  }
  return cover;
}

}  // namespace mooring::net
