#include "ipam-controller/domain/address_pool.hpp"

#include <algorithm>
#include <iterator>

#include "ipam-controller/domain/ranges.hpp"

namespace mooring::controller {

using net::AddressRange;
using net::Ipv4Address;

std::vector<AddressPool::Segment> AddressPool::segments_of(const Subnet& subnet, const Pool& pool) {
  std::vector<AddressRange> cuts = pool.exclusions;
  for (const Ipv4Address reserved : {subnet.cidr.first(), subnet.cidr.last(), subnet.gateway}) {
    cuts.push_back({reserved, reserved});
  }
  std::vector<Segment> segments;
  std::uint64_t offset = 0;
  for (const AddressRange& range : subtract(pool.ranges, std::move(cuts))) {
    segments.push_back({range, offset});
    offset += range.size();
  }
  return segments;
}

std::uint64_t AddressPool::size_of(const std::vector<Segment>& segments) {
  return segments.empty() ? 0 : segments.back().offset + segments.back().range.size();
}

AddressPool::AddressPool(const Subnet& subnet, const Pool& pool)
    : segments_(segments_of(subnet, pool)), bits_(size_of(segments_)) {}

std::optional<std::uint64_t> AddressPool::index_of(Ipv4Address address) const {
  const auto behind = std::upper_bound(segments_.begin(), segments_.end(), address,
                                       [](Ipv4Address a, const Segment& segment) { return a < segment.range.first; });
  if (behind == segments_.begin()) {
    return std::nullopt;
  }
  const Segment& segment = *std::prev(behind);
  if (!segment.range.contains(address)) {
    return std::nullopt;
  }
  return segment.offset + (address.bits() - segment.range.first.bits());
}

Ipv4Address AddressPool::address_at(std::uint64_t index) const {
  const auto behind = std::upper_bound(segments_.begin(), segments_.end(), index,
                                       [](std::uint64_t i, const Segment& segment) { return i < segment.offset; });
  const Segment& segment = *std::prev(behind);
  return Ipv4Address(segment.range.first.bits() + static_cast<std::uint32_t>(index - segment.offset));
}

bool AddressPool::is_free(Ipv4Address address) const {
  const auto index = index_of(address);
  return index && bits_.is_free(*index);
}

void AddressPool::take(Ipv4Address address) {
  if (const auto index = index_of(address)) {
    bits_.take(*index);
  }
}

void AddressPool::give_back(Ipv4Address address) {
  if (const auto index = index_of(address)) {
    bits_.give_back(*index);
  }
}

void AddressPool::turn_after(Ipv4Address address, Generation generation) {
  const auto index = index_of(address);
  if (index && generation > turn_generation_) {
    turn_ = *index + 1;
    turn_generation_ = generation;
  }
}

std::optional<Ipv4Address> AddressPool::next_free() const {
  const auto index = bits_.next_free(turn_);
  return index ? std::optional(address_at(*index)) : std::nullopt;
}

}  // namespace mooring::controller
