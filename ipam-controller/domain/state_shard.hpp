// The part of State that belongs to one VNI. Known to state*.cpp only.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ipam-controller/domain/state.hpp"

namespace mooring::controller {

struct State::Shard {
  std::string subnet;
  std::vector<const Pool*> pools;
  std::unordered_set<const Binding*> bindings;
  std::map<net::IpAddress, const Reservation*> reservations;  // by first address; they do not overlap
  std::map<net::IpAddress, const Block*> blocks;              // by first address; they do not overlap

  const Pool* pool_covering(net::IpAddress address) const {
    const auto it = std::find_if(pools.begin(), pools.end(), [&](const Pool* pool) { return pool->covers(address); });
    return it == pools.end() ? nullptr : *it;
  }

  // The one of `ranges` (by first address) that overlaps `range`; nullptr: none.
  template <class T>
  static const T* overlapping(const std::map<net::IpAddress, const T*>& ranges, const net::IpRange& range) {
    auto it = ranges.upper_bound(range.last);
    if (it == ranges.begin()) {
      return nullptr;
    }
    const T* last_before = std::prev(it)->second;
    return last_before->range.overlaps(range) ? last_before : nullptr;
  }

  // The MAC that follows from an IPv4 address is found by that address; only the others are written down. A binding and
  // its port use the same one: counted.
  static bool usual_mac(net::MacAddress mac, const net::AddressPair& addresses) {
    return addresses.v4() && mac == mac_from(addresses);
  }
  void use_mac(net::MacAddress mac, const net::AddressPair& addresses, const BindingKey& owner) {
    if (usual_mac(mac, addresses)) {
      return;
    }
    const auto it = macs.try_emplace(number_of(mac), MacUse{owner, 0}).first;
    ++it->second.count;
  }
  void unuse_mac(net::MacAddress mac, const net::AddressPair& addresses) {
    if (usual_mac(mac, addresses)) {
      return;
    }
    const auto it = macs.find(number_of(mac));
    if (it != macs.end() && --it->second.count == 0) {
      macs.erase(it);
    }
  }
  const BindingKey* owner_of(net::MacAddress mac) const {
    const auto it = macs.find(number_of(mac));
    return it == macs.end() ? nullptr : &it->second.owner;
  }

 private:
  struct MacUse {
    BindingKey owner;
    int count;
  };
  static std::uint64_t number_of(net::MacAddress mac) {
    std::uint64_t number = 0;
    for (const std::uint8_t octet : mac.octets()) {
      number = (number << 8) | octet;
    }
    return number;
  }
  std::unordered_map<std::uint64_t, MacUse> macs;
};

// Looks at an address before and after a change, and brings its pool's counts and bits in line.
class State::Recount {
 public:
  Recount(State& state, PortAddress address) : state_(state), address_(address), before_(look()) {}
  Recount(const Recount&) = delete;
  Recount& operator=(const Recount&) = delete;
  ~Recount();

 private:
  struct Look {
    Use use = Use::nothing;
    std::string namespace_;  // of a port or binding
  };
  Look look() const;
  void count(Allocator& allocator, Counts& counts, const Look& look, bool more) const;

  State& state_;
  PortAddress address_;
  Look before_;
};

// The same for all addresses of a pair.
class State::RecountAll {
 public:
  RecountAll(State& state, net::Vni vni, const net::AddressPair& addresses) {
    if (addresses.v4()) {
      v4_.emplace(state, PortAddress{vni, *addresses.v4()});
    }
    if (addresses.v6()) {
      v6_.emplace(state, PortAddress{vni, *addresses.v6()});
    }
  }

 private:
  std::optional<Recount> v4_, v6_;
};

}  // namespace mooring::controller
