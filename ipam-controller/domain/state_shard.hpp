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
  std::unordered_set<const Port*> ports;
  std::unordered_set<const Binding*> bindings;

  const Pool* pool_covering(net::Ipv4Address address) const {
    const auto it = std::find_if(pools.begin(), pools.end(), [&](const Pool* pool) { return pool->covers(address); });
    return it == pools.end() ? nullptr : *it;
  }

  // A binding and its port use the same MAC: counted.
  void use_mac(net::MacAddress mac, const BindingKey& owner) {
    const auto it = macs.try_emplace(number_of(mac), MacUse{owner, 0}).first;
    ++it->second.count;
  }
  void unuse_mac(net::MacAddress mac) {
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

}  // namespace mooring::controller
