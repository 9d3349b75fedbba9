// Which addresses of a pool are free, and whose turn is next. Addresses are proposed in turn (next-fit), so that one
// that was given back rests while others are left.
//
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
  // The pool's ranges without its exclusions and without the subnet's network, broadcast and gateway address. All free.
  AddressPool(const Subnet& subnet, const Pool& pool);

  // Is it one of those that can be given out?
  bool contains(net::Ipv4Address address) const { return index_of(address).has_value(); }
  bool is_free(net::Ipv4Address address) const;
  // Addresses that are not contained are ignored.
  void take(net::Ipv4Address address);
  void give_back(net::Ipv4Address address);
  // The turn goes on behind this address, if no later generation moved it already. (So loading ports in any order
  // leaves the turn where it was.)
  void turn_after(net::Ipv4Address address, Generation generation);
  std::optional<net::Ipv4Address> next_free() const;

  std::uint64_t size() const { return bits_.size(); }
  std::uint64_t free_count() const { return bits_.free_count(); }

 private:
  struct Segment {
    net::AddressRange range;
    std::uint64_t offset;  // of its first address
  };
  static std::vector<Segment> segments_of(const Subnet& subnet, const Pool& pool);
  static std::uint64_t size_of(const std::vector<Segment>& segments);
  std::optional<std::uint64_t> index_of(net::Ipv4Address address) const;
  net::Ipv4Address address_at(std::uint64_t index) const;

  std::vector<Segment> segments_;  // ascending
  Bitmap bits_;
  std::uint64_t turn_ = 0;
  Generation turn_generation_ = 0;
};

}  // namespace mooring::controller
