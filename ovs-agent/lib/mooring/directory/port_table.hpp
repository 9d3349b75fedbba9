// 100,000 ports in few bytes: fixed-size records in blocks that never move, found through an open-addressing index of
// 32-bit numbers. Names (nodes, networks) are interned once.
// Threading: one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mooring/net/ip.hpp"

namespace mooring::directory {

enum class PortState : std::uint8_t { pending, active };

struct PortKey {
  net::Vni vni;
  net::IpAddress address;
  constexpr auto operator<=>(const PortKey&) const = default;
};
struct PortKeyHash {
  std::size_t operator()(const PortKey& key) const noexcept {
    // An IPv4 address is in the lower bits alone: its 32 bits differ from the VNI's place.
    std::uint64_t x = (std::uint64_t{key.vni.value()} << 32U) ^ key.address.low_bits() ^
                      key.address.high_bits() * 0xff51afd7ed558ccdULL;
    x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
    return static_cast<std::size_t>(x ^ (x >> 31U));
  }
};

// Each distinct string once, by a small number. Nothing is ever freed: names of nodes and networks are few.
class Names {
 public:
  std::uint32_t number_of(std::string_view name);
  std::string_view name_of(std::uint32_t number) const { return names_[number]; }

 private:
  std::deque<std::string> names_;  // a deque: the views below stay valid
  std::unordered_map<std::string_view, std::uint32_t> numbers_;
};

struct PortRecord {
  std::uint64_t generation = 0;
  std::uint64_t revision = 0;
  std::uint64_t hash = 0;  // of the entry, for the digest
  PortKey key;
  std::uint32_t node = 0;     // Names
  std::uint32_t network = 0;  // Names
  std::uint32_t epoch = 0;    // the snapshot it came with or after
  std::array<std::uint8_t, 6> mac{};
  PortState state = PortState::pending;
  bool extra = false;  // an address beside the port's own
};
static_assert(sizeof(PortRecord) <= 72);

class PortTable {
 public:
  // Null if there is none. Valid until the next put() or erase().
  const PortRecord* find(PortKey key) const;
  void put(const PortRecord& record);  // by record.key, new or replaced
  bool erase(PortKey key);
  std::size_t size() const { return size_; }
  void for_each(const std::function<void(const PortRecord&)>& visit) const;
  // What it holds of the heap, for tests and status.
  std::size_t memory_bytes() const;

 private:
  static constexpr std::uint32_t empty = 0;  // index values: 0 empty, else number of the record + 1
  std::size_t slot_of(PortKey key) const;    // where it is, or the empty slot where it would be
  void grow();

  std::vector<std::uint32_t> index_;  // a power of two; at most 3/4 full
  std::deque<PortRecord> records_;
  std::vector<std::uint32_t> free_;  // numbers of records that are not in use
  std::size_t size_ = 0;
};

}  // namespace mooring::directory
