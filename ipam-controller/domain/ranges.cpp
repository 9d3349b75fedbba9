#include "ipam-controller/domain/ranges.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace mooring::controller {

using net::AddressRange;
using net::Ipv4Address;

std::vector<AddressRange> subtract(const std::vector<AddressRange>& ranges, std::vector<AddressRange> cuts) {
  std::sort(cuts.begin(), cuts.end());
  std::vector<AddressRange> rest;
  for (const AddressRange& range : ranges) {
    std::uint64_t next = range.first.bits();  // the first address not decided yet; 64 bits: may be one past the last
    const std::uint64_t end = range.last.bits();
    for (const AddressRange& cut : cuts) {
      if (cut.last.bits() < next) {
        continue;
      }
      if (cut.first.bits() > end) {
        break;
      }
      if (cut.first.bits() > next) {
        rest.push_back({Ipv4Address(static_cast<std::uint32_t>(next)), Ipv4Address(cut.first.bits() - 1)});
      }
      next = std::max(next, std::uint64_t{cut.last.bits()} + 1);
    }
    if (next <= end) {
      rest.push_back({Ipv4Address(static_cast<std::uint32_t>(next)), range.last});
    }
  }
  return rest;
}

std::string text_of(const std::vector<AddressRange>& ranges, std::size_t most) {
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
