// All live ports, packed (packed_port.hpp), and the ways to find one. About 250 bytes a port with its indexes, by
// the sizes of what is kept (scripts/bench ipam --only memory measures it).
//
// When two ports claim one owner, attachment or id (between the rows of a transaction), the later one is found.
// Threading: one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ipam-controller/domain/found.hpp"
#include "ipam-controller/domain/name_table.hpp"
#include "ipam-controller/domain/objects.hpp"
#include "ipam-controller/domain/packed_port.hpp"

namespace mooring::controller {

// Ports as they were when they were held, whatever has become of them since. May outlive the table.
class HeldPorts {
 public:
  explicit HeldPorts(std::shared_ptr<NameTable> names) : names_(std::move(names)) {}
  ~HeldPorts();
  HeldPorts(HeldPorts&& other) noexcept = default;
  HeldPorts(const HeldPorts&) = delete;
  HeldPorts& operator=(const HeldPorts&) = delete;
  HeldPorts& operator=(HeldPorts&&) = delete;

  void add(const PackedPort& port);
  void reserve(std::size_t count) { ports_.reserve(count); }
  std::size_t size() const { return ports_.size(); }
  Port operator[](std::size_t i) const { return ports_[i]->unpack(*names_); }

 private:
  std::shared_ptr<NameTable> names_;
  std::vector<const PackedPort*> ports_;
};

class PortTable {
 public:
  PortTable();
  ~PortTable();
  PortTable(const PortTable&) = delete;
  PortTable& operator=(const PortTable&) = delete;

  // Takes the place of the port with the same key, if there is one; that one is returned.
  std::optional<Port> put(const Port& port);
  std::optional<Port> erase(PortAddress key);

  std::size_t size() const { return size_; }
  // By any address of it. What is found is good until the port is changed.
  const PackedPort* packed(PortAddress address) const;
  Found<Port> find(PortAddress address) const { return unpacked(packed(address)); }
  Found<Port> find_id(std::string_view id) const;
  Found<Port> find_owner(const BindingKey& owner) const;
  Found<Port> find_attachment(std::string_view node, const Attachment& attachment) const;
  // Ascending by address.
  std::vector<Port> of_node(std::string_view node) const;
  std::size_t count_of_node(std::string_view node) const;
  std::size_t count(net::Vni vni) const;

  // Each of a VNI, in no particular order, until `look` (given a PackedPort) has seen all.
  template <class Look>
  void each(net::Vni vni, Look look) const {
    const auto list = by_vni_.find(vni.value());
    if (list != by_vni_.end()) {
      for (const PackedPort* port : list->second) {
        look(*port);
      }
    }
  }
  // The same for the places from `first` up to `end` of a VNI's list. A port that goes leaves its place to the last
  // one, and a new one comes at the end: who goes from the end to the beginning, part by part, misses only new ones.
  template <class Look>
  void each_between(net::Vni vni, std::size_t first, std::size_t end, Look look) const {
    const auto list = by_vni_.find(vni.value());
    for (std::size_t i = first; list != by_vni_.end() && i < std::min(end, list->second.size()); ++i) {
      look(*list->second[i]);
    }
  }
  template <class Look>
  void each(Look look) const {
    for (const auto& [vni, list] : by_vni_) {
      for (const PackedPort* port : list) {
        look(*port);
      }
    }
  }
  HeldPorts none_held() const { return HeldPorts(names_); }
  const NameTable& names() const { return *names_; }
  Port unpack(const PackedPort& port) const { return port.unpack(*names_); }

 private:
  class Indexes;
  using List = std::vector<PackedPort*>;
  Found<Port> unpacked(const PackedPort* port) const;
  void index(PackedPort* port);
  void unindex(PackedPort* port);

  std::shared_ptr<NameTable> names_;
  std::size_t size_ = 0;
  std::unique_ptr<Indexes> indexes_;
  std::unordered_map<NameTable::Id, List> by_node_;
  std::unordered_map<std::uint32_t, List> by_vni_;
  std::unordered_map<std::string, PackedPort*> by_unusual_id_;
};

}  // namespace mooring::controller
