#include "ipam-controller/domain/ranges.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace mooring::controller {

using net::IpAddress;
using net::IpRange;

std::vector<IpRange> subtract(const std::vector<IpRange>& ranges, std::vector<IpRange> cuts) {
  std::sort(cuts.begin(), cuts.end());
  std::vector<IpRange> rest;
  for (const IpRange& range : ranges) {
    IpAddress next = range.first;  // the first address not decided yet
    bool done = false;
    for (const IpRange& cut : cuts) {
      if (cut.last < next) {
        continue;
      }
      if (cut.first > range.last) {
        break;
      }
      if (cut.first > next) {
        rest.push_back({next, net::previous(cut.first)});
      }
      if (cut.last >= range.last) {
        done = true;
        break;
      }
      next = net::next(cut.last);
    }
    if (!done) {
      rest.push_back({next, range.last});
    }
  }
  return rest;
}

std::string text_of(const std::vector<IpRange>& ranges, std::size_t most) {
  std::string text;
  for (std::size_t i = 0; i < ranges.size() && i < most; ++i) {
    text += (i == 0 ? "" : ", ") + ranges[i].str();
  }
  if (ranges.size() > most) {
    text += fmt::format(" and {} more", ranges.size() - most);
  }
  return text;
}

}  // namespace mooring::controller
