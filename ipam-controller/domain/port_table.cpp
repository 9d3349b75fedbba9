#include "ipam-controller/domain/port_table.hpp"

#include <algorithm>
#include <charconv>
#include <type_traits>

#include <boost/unordered/unordered_flat_set.hpp>

namespace mooring::controller {
namespace {

std::uint64_t mixed(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  return mixed(a * 0x9e3779b97f4a7c15ULL + b);
}

std::uint64_t hash_of(std::string_view text) {
  return std::hash<std::string_view>{}(text);
}

// What the key of a pointer is, for each question. Every set below holds pointers only.

// A port by way of one of its addresses: bit 0 says whether by that of IPv6.
struct ByAddress {
  using Element = std::uintptr_t;
  using Key = PortAddress;
  static Element element(PackedPort* port, bool v6) { return reinterpret_cast<Element>(port) | (v6 ? 1U : 0U); }
  static PackedPort* port(Element element) {
    return reinterpret_cast<PackedPort*>(element & ~Element{1});  // NOLINT: bit 0 is ours
  }
  static Key key(Element element) {
    const PackedPort* of = port(element);
    return {of->vni(), (element & 1U) != 0 ? *of->v6() : *of->v4()};
  }
  static std::uint64_t hash(const Key& key) {
    return mixed(mixed(key.address.low_bits(), key.address.high_bits()), key.vni.value());
  }
};

struct ByOwner {
  using Element = PackedPort*;
  struct Key {
    NameTable::Id network, namespace_;
    std::string_view hostname;
    std::uint32_t ordinal;
    bool operator==(const Key&) const = default;
  };
  static Key key(const PackedPort* port) {
    return {port->network(), port->namespace_id(), port->hostname(), port->interface_ordinal()};
  }
  static std::uint64_t hash(const Key& key) {
    const std::uint64_t names = (std::uint64_t{key.network} << 32) | key.namespace_;
    return mixed(mixed(hash_of(key.hostname), names), key.ordinal);
  }
};

struct ByAttachment {
  using Element = PackedPort*;
  struct Key {
    NameTable::Id node, ifname;
    std::string_view container;
    bool packed;
    bool operator==(const Key&) const = default;
  };
  static Key key(const PackedPort* port) {
    return {port->node(), port->ifname(), port->container(), port->container_is_packed()};
  }
  static std::uint64_t hash(const Key& key) {
    const std::uint64_t names = (std::uint64_t{key.node} << 32) | key.ifname;
    return mixed(mixed(hash_of(key.container), names), key.packed ? 1 : 0);
  }
};

struct ByGeneration {
  using Element = PackedPort*;
  struct Key {
    Generation generation;
    bool operator==(const Key&) const = default;
  };
  static Key key(const PackedPort* port) { return {port->generation()}; }
  static std::uint64_t hash(const Key& key) { return mixed(key.generation); }
};

template <class Trait>
struct Hash {
  using is_transparent = void;
  using is_avalanching = void;
  std::size_t operator()(const typename Trait::Key& key) const { return Trait::hash(key); }
  std::size_t operator()(typename Trait::Element element) const { return Trait::hash(Trait::key(element)); }
};

template <class Trait>
struct Equal {
  using is_transparent = void;
  using Element = typename Trait::Element;
  using Key = typename Trait::Key;
  bool operator()(Element a, Element b) const { return a == b || Trait::key(a) == Trait::key(b); }
  bool operator()(const Key& key, Element b) const { return key == Trait::key(b); }
  bool operator()(Element a, const Key& key) const { return key == Trait::key(a); }
};

template <class Trait>
class Set {
 public:
  using Element = typename Trait::Element;

  // In the place of another one with that key, if there is one.
  void put(Element element) {
    const auto [it, inserted] = set_.insert(element);
    if (!inserted) {
      set_.erase(it);
      set_.insert(element);
    }
  }
  // Unless another one has taken its place.
  void remove(Element element) {
    const auto it = set_.find(element);
    if (it != set_.end() && *it == element) {
      set_.erase(it);
    }
  }
  // 0: none.
  Element find(const typename Trait::Key& key) const {
    const auto it = set_.find(key);
    return it == set_.end() ? Element{} : *it;
  }

 private:
  boost::unordered_flat_set<Element, Hash<Trait>, Equal<Trait>> set_;
};

using List = std::vector<PackedPort*>;

// Lists without order: what leaves is replaced by the last one, which is told its new place.
template <class Place>
void append(List& list, PackedPort* port, Place place) {
  port->*place = static_cast<std::uint32_t>(list.size());
  list.push_back(port);
}

template <class Place>
void remove(List& list, PackedPort* port, Place place) {
  list.back()->*place = port->*place;
  list[port->*place] = list.back();
  list.pop_back();
}

}  // namespace

class PortTable::Indexes {
 public:
  Set<ByAddress> address;
  Set<ByOwner> owner;
  Set<ByAttachment> attachment;
  Set<ByGeneration> generation;
};

HeldPorts::~HeldPorts() {
  for (const PackedPort* port : ports_) {
    port->let_go(*names_);
  }
}

void HeldPorts::add(const PackedPort& port) {
  ports_.push_back(&port);
  port.hold();
}

PortTable::PortTable() : names_(std::make_shared<NameTable>()), indexes_(std::make_unique<Indexes>()) {}

PortTable::~PortTable() {
  for (const auto& [vni, list] : by_vni_) {
    for (const PackedPort* port : list) {
      port->let_go(*names_);
    }
  }
}

void PortTable::index(PackedPort* port) {
  if (port->v4()) {
    indexes_->address.put(ByAddress::element(port, false));
  }
  if (port->v6()) {
    indexes_->address.put(ByAddress::element(port, true));
  }
  indexes_->owner.put(port);
  indexes_->attachment.put(port);
  if (const auto id = port->unusual_id()) {
    by_unusual_id_[std::string(*id)] = port;
  } else {
    indexes_->generation.put(port);
  }
  append(by_node_[port->node()], port, &PackedPort::at_node);
  append(by_vni_[port->vni().value()], port, &PackedPort::at_vni);
}

void PortTable::unindex(PackedPort* port) {
  if (port->v4()) {
    indexes_->address.remove(ByAddress::element(port, false));
  }
  if (port->v6()) {
    indexes_->address.remove(ByAddress::element(port, true));
  }
  indexes_->owner.remove(port);
  indexes_->attachment.remove(port);
  if (const auto id = port->unusual_id()) {
    const auto it = by_unusual_id_.find(std::string(*id));
    if (it != by_unusual_id_.end() && it->second == port) {
      by_unusual_id_.erase(it);
    }
  } else {
    indexes_->generation.remove(port);
  }
  const auto of_node = by_node_.find(port->node());
  remove(of_node->second, port, &PackedPort::at_node);
  if (of_node->second.empty()) {
    by_node_.erase(of_node);  // before its name is given to somebody else
  }
  const auto of_vni = by_vni_.find(port->vni().value());
  remove(of_vni->second, port, &PackedPort::at_vni);
  if (of_vni->second.empty()) {
    by_vni_.erase(of_vni);
  }
}

std::optional<Port> PortTable::put(const Port& port) {
  std::optional<Port> former = erase(port.key());
  index(PackedPort::make(port, *names_));
  ++size_;
  return former;
}

std::optional<Port> PortTable::erase(PortAddress key) {
  PackedPort* port = ByAddress::port(indexes_->address.find(key));
  if (port == nullptr || port->primary() != key.address) {
    return std::nullopt;
  }
  std::optional<Port> former = port->unpack(*names_);
  unindex(port);
  port->let_go(*names_);
  --size_;
  return former;
}

const PackedPort* PortTable::packed(PortAddress address) const {
  return ByAddress::port(indexes_->address.find(address));
}

Found<Port> PortTable::unpacked(const PackedPort* port) const {
  if (port == nullptr) {
    return nullptr;
  }
  return port->unpack(*names_);
}

Found<Port> PortTable::find_id(std::string_view id) const {
  Generation generation = 0;
  const char* end = id.data() + id.size();
  if (id.starts_with('p') && std::from_chars(id.data() + 1, end, generation).ptr == end &&
      id == port_id_of(generation)) {
    if (const PackedPort* port = indexes_->generation.find({generation})) {
      return unpacked(port);
    }
  }
  const auto unusual = by_unusual_id_.find(std::string(id));
  return unpacked(unusual == by_unusual_id_.end() ? nullptr : unusual->second);
}

Found<Port> PortTable::find_owner(const BindingKey& owner) const {
  const auto network = names_->find(owner.network);
  const auto namespace_ = names_->find(owner.namespace_);
  if (!network || !namespace_) {
    return nullptr;
  }
  return unpacked(indexes_->owner.find({*network, *namespace_, owner.hostname, owner.interface_ordinal}));
}

Found<Port> PortTable::find_attachment(std::string_view node, const Attachment& attachment) const {
  const auto node_id = names_->find(node);
  const auto ifname = names_->find(attachment.ifname);
  if (!node_id || !ifname) {
    return nullptr;
  }
  const std::optional<std::string> packed = PackedPort::pack_container(attachment.container_id);
  const std::string& container = packed ? *packed : attachment.container_id;
  return unpacked(indexes_->attachment.find({*node_id, *ifname, container, packed.has_value()}));
}

std::vector<Port> PortTable::of_node(std::string_view node) const {
  std::vector<Port> ports;
  const auto id = names_->find(node);
  const auto list = id ? by_node_.find(*id) : by_node_.end();
  if (list != by_node_.end()) {
    for (const PackedPort* port : list->second) {
      ports.push_back(port->unpack(*names_));
    }
  }
  std::sort(ports.begin(), ports.end(), [](const Port& a, const Port& b) { return a.key() < b.key(); });
  return ports;
}

std::size_t PortTable::count_of_node(std::string_view node) const {
  const auto id = names_->find(node);
  const auto list = id ? by_node_.find(*id) : by_node_.end();
  return list == by_node_.end() ? 0 : list->second.size();
}

std::size_t PortTable::count(net::Vni vni) const {
  const auto list = by_vni_.find(vni.value());
  return list == by_vni_.end() ? 0 : list->second.size();
}

}  // namespace mooring::controller
