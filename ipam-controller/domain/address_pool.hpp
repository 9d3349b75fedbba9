// Which addresses of one family a pool can give out, which of them are free, and whose turn is next.
//
// Of IPv6 ranges the first 4,194,304 addresses are given out; any of them may be wished for or bound.
// Threading: one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ipam-controller/domain/bitmap.hpp"
#include "ipam-controller/domain/objects.hpp"

namespace mooring::controller {

class AddressPool {
 public:
  // The pool's ranges of that family without its exclusions and without the subnet's reserved addresses. All free.
  AddressPool(const Subnet& subnet, const Pool& pool, net::Family family);

  // Is it one of those that can be given out?
  bool contains(net::IpAddress address) const { return index_of(address).has_value(); }
  bool is_free(net::IpAddress address) const;
  // Addresses that are not contained are ignored.
  void take(net::IpAddress address);
  void give_back(net::IpAddress address);
  void take(const net::IpRange& range);
  void give_back(const net::IpRange& range);
  // How many of the range can be given out.
  std::uint64_t count_in(const net::IpRange& range) const;
  // The turn goes on behind this address, if no later generation moved it already. (So loading ports in any order
  // leaves the turn where it was.)
  void turn_after(net::IpAddress address, Generation generation);
  // Whose turn it is, to be put back after something was only tried.
  struct Turn {
    std::uint64_t next = 0;
    Generation generation = 0;
  };
  Turn turn() const { return turn_; }
  void set_turn(Turn turn) { turn_ = turn; }
  // The one to give out next: in turn (so that one that was given back rests while others are left), the lowest, or one
  // at random (the same one until somebody gets it).
  std::optional<net::IpAddress> propose(Strategy strategy) const;
  // `count` free ones in a row, aligned to `count` (a power of two) where the range allows.
  std::optional<net::IpRange> free_run(std::uint64_t count) const;

  std::uint64_t size() const { return bits_.size(); }
  std::uint64_t free_count() const { return bits_.free_count(); }

 private:
  struct Segment {
    net::IpRange range;
    std::uint64_t offset;  // of its first address
  };
  struct Span {
    std::uint64_t first, count;  // indexes
  };
  static std::vector<Segment> segments_of(const Subnet& subnet, const Pool& pool, net::Family family);
  static std::uint64_t size_of(const std::vector<Segment>& segments);
  std::optional<std::uint64_t> index_of(net::IpAddress address) const;
  net::IpAddress address_at(std::uint64_t index) const;
  std::vector<Span> spans_of(const net::IpRange& range) const;

  std::vector<Segment> segments_;  // ascending
  Bitmap bits_;
  Turn turn_;
};

}  // namespace mooring::controller
