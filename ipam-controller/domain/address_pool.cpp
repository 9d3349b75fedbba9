#include "ipam-controller/domain/address_pool.hpp"

#include <algorithm>
#include <iterator>

#include "ipam-controller/domain/ranges.hpp"

namespace mooring::controller {

using net::IpAddress;
using net::IpRange;

namespace {

constexpr std::uint64_t most_v6_addresses = std::uint64_t{1} << 22;

// Well mixed bits of a counter (splitmix64's finaliser).
std::uint64_t scattered(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

std::uint64_t distance(IpAddress from, IpAddress to) {
  return static_cast<std::uint64_t>(to.bits() - from.bits());
}

}  // namespace

std::vector<AddressPool::Segment> AddressPool::segments_of(const Subnet& subnet, const Pool& pool, net::Family family) {
  std::vector<IpRange> cuts = pool.exclusions;
  if (const SubnetBlock* block = subnet.block(family)) {
    cuts.push_back({block->cidr.first(), block->cidr.first()});
    cuts.push_back({block->gateway, block->gateway});
    if (family == net::Family::v4) {
      cuts.push_back({block->cidr.last(), block->cidr.last()});
    }
  }
  std::vector<Segment> segments;
  std::uint64_t offset = 0;
  for (IpRange range : subtract(pool.ranges, std::move(cuts))) {
    if (range.family() != family) {
      continue;
    }
    if (family == net::Family::v6) {
      if (offset >= most_v6_addresses) {
        break;
      }
      if (range.size() > most_v6_addresses - offset) {
        range.last = net::plus(range.first, most_v6_addresses - offset - 1);
      }
    }
    segments.push_back({range, offset});
    offset += range.size();
  }
  return segments;
}

std::uint64_t AddressPool::size_of(const std::vector<Segment>& segments) {
  return segments.empty() ? 0 : segments.back().offset + segments.back().range.size();
}

AddressPool::AddressPool(const Subnet& subnet, const Pool& pool, net::Family family)
    : segments_(segments_of(subnet, pool, family)), bits_(size_of(segments_)) {}

std::optional<std::uint64_t> AddressPool::index_of(IpAddress address) const {
  const auto behind = std::upper_bound(segments_.begin(), segments_.end(), address,
                                       [](IpAddress a, const Segment& segment) { return a < segment.range.first; });
  if (behind == segments_.begin()) {
    return std::nullopt;
  }
  const Segment& segment = *std::prev(behind);
  if (!segment.range.contains(address)) {
    return std::nullopt;
  }
  return segment.offset + distance(segment.range.first, address);
}

IpAddress AddressPool::address_at(std::uint64_t index) const {
  const auto behind = std::upper_bound(segments_.begin(), segments_.end(), index,
                                       [](std::uint64_t i, const Segment& segment) { return i < segment.offset; });
  const Segment& segment = *std::prev(behind);
  return net::plus(segment.range.first, index - segment.offset);
}

std::vector<AddressPool::Span> AddressPool::spans_of(const IpRange& range) const {
  std::vector<Span> spans;
  for (const Segment& segment : segments_) {
    if (segment.range.overlaps(range)) {
      const IpAddress first = std::max(segment.range.first, range.first);
      const IpAddress last = std::min(segment.range.last, range.last);
      spans.push_back({segment.offset + distance(segment.range.first, first), distance(first, last) + 1});
    }
  }
  return spans;
}

bool AddressPool::is_free(IpAddress address) const {
  const auto index = index_of(address);
  return index && bits_.is_free(*index);
}

void AddressPool::take(IpAddress address) {
  if (const auto index = index_of(address)) {
    bits_.take(*index);
  }
}

void AddressPool::give_back(IpAddress address) {
  if (const auto index = index_of(address)) {
    bits_.give_back(*index);
  }
}

void AddressPool::take(const IpRange& range) {
  for (const Span& span : spans_of(range)) {
    bits_.take_run(span.first, span.count);
  }
}

void AddressPool::give_back(const IpRange& range) {
  for (const Span& span : spans_of(range)) {
    bits_.give_back_run(span.first, span.count);
  }
}

std::uint64_t AddressPool::count_in(const IpRange& range) const {
  std::uint64_t count = 0;
  for (const Span& span : spans_of(range)) {
    count += span.count;
  }
  return count;
}

void AddressPool::turn_after(IpAddress address, Generation generation) {
  const auto index = index_of(address);
  if (index && generation > turn_.generation) {
    turn_ = {*index + 1, generation};
  }
}

std::optional<IpAddress> AddressPool::propose(Strategy strategy) const {
  if (size() == 0) {
    return std::nullopt;
  }
  const std::uint64_t from = strategy == Strategy::next     ? turn_.next
                             : strategy == Strategy::lowest ? 0
                                                            : scattered(turn_.generation) % size();
  const auto index = bits_.next_free(from);
  return index ? std::optional(address_at(*index)) : std::nullopt;
}

std::optional<IpRange> AddressPool::free_run(std::uint64_t count) const {
  for (const Segment& segment : segments_) {
    if (segment.range.size() < count) {
      continue;
    }
    // Starts of runs are `base` + multiples of `count`; `base` may lie before the segment.
    const std::uint64_t rest = segment.range.first.low_bits() & (count - 1);
    const auto start = [&](std::uint64_t run) { return segment.offset + run * count - rest; };
    const std::uint64_t end = segment.offset + segment.range.size();
    for (std::uint64_t run = rest == 0 ? 0 : 1; start(run) + count <= end;) {
      const auto free = bits_.next_free(start(run));
      if (!free || *free < start(run) || *free >= end) {
        break;
      }
      if (*free != start(run)) {
        run = (*free - segment.offset + rest + count - 1) / count;
      } else if (bits_.run_is_free(start(run), count)) {
        return IpRange{address_at(start(run)), address_at(start(run) + count - 1)};
      } else {
        ++run;
      }
    }
  }
  return std::nullopt;
}

}  // namespace mooring::controller
