// What the controller keeps: networks, subnets, pools, bindings, ports, fenced UIDs, nodes, gateways. Plain values; the
// words are those of docs/architecture.md. `revision` is that of the transaction that last wrote the object.
//
// Threading: values.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "mooring/ipam_api/messages.hpp"
#include "mooring/ipam_api/names.hpp"
#include "mooring/net/address.hpp"

namespace mooring::controller {

using ipam_api::Attachment;
using ipam_api::Generation;
using ipam_api::Kind;
using ipam_api::Revision;

// The network of everything that does not name one. It is an ordinary network: somebody creates it.
inline constexpr const char* default_network = "default";

// A routing domain: subnets without overlap, routed to one another unless `isolated`.
struct Network {
  using Key = std::string;
  std::string name;
  bool isolated = false;
  Revision revision = 0;

  const Key& key() const { return name; }
  bool operator==(const Network&) const = default;
};

struct Subnet {
  using Key = std::string;
  std::string name;
  std::string network;
  net::Vni vni;  // unique over all subnets
  net::Cidr cidr;
  net::Ipv4Address gateway;
  std::uint32_t mtu_bytes = 1450;
  ipam_api::Dns dns;
  std::vector<ipam_api::Route> routes;
  Revision revision = 0;

  const Key& key() const { return name; }
  // The three addresses no container gets.
  bool reserved(net::Ipv4Address address) const {
    return address == cidr.first() || address == cidr.last() || address == gateway;
  }
};
bool operator==(const Subnet& a, const Subnet& b);

// Address ranges of a subnet, given out to those who do not have an address yet.
struct Pool {
  using Key = std::string;
  std::string name;
  std::string subnet;
  std::vector<net::AddressRange> ranges;      // sorted, without overlap; may cover the subnet's reserved addresses
  std::vector<net::AddressRange> exclusions;  // sorted; never given out
  Kind kind = Kind::stateless;                // of a pod that does not say
  bool is_default = false;                    // of its network; at most one
  Revision revision = 0;

  const Key& key() const { return name; }
  bool covers(net::Ipv4Address address) const;    // in a range, excluded or not
  bool excludes(net::Ipv4Address address) const;  // in an exclusion
  bool operator==(const Pool&) const = default;
};

// Who an address belongs to: the hostname, not the container.
struct BindingKey {
  std::string network;
  std::string namespace_;
  std::string hostname;
  std::uint32_t interface_ordinal = 0;

  // "shop/db-0", with " (interface 1)" and " in network blue" where they are not the usual ones: for messages.
  std::string str() const;
  auto operator<=>(const BindingKey&) const = default;
};

// An address that stays with its hostname while no container holds it (static, stateful). A stateless address has no
// binding of its own: it lives and ends with its port.
struct Binding {
  using Key = BindingKey;
  BindingKey owner;
  Kind kind = Kind::fixed_by_admin;
  std::string subnet;
  std::string pool;  // "" when the address is in no pool (static only)
  net::Ipv4Address address;
  net::MacAddress mac;
  // The container that held it last and let go: its UID is fenced when another one comes. "" = none, or unknown.
  std::string last_uid;
  std::string last_node;
  Revision revision = 0;

  const Key& key() const { return owner; }
  bool operator==(const Binding&) const = default;
};

// (VNI, address): where the directory keys a port. Unique.
struct PortAddress {
  net::Vni vni;
  net::Ipv4Address address;
  auto operator<=>(const PortAddress&) const = default;
};

enum class PortState { pending /* allocated */, active /* confirmed: it forwards */ };
std::string to_string(PortState state);
Result<PortState> parse_port_state(std::string_view text);

// One live container interface.
struct Port {
  using Key = PortAddress;
  std::string id;  // "p41": of the generation that made it
  BindingKey owner;
  Kind kind = Kind::stateless;
  std::string subnet;
  std::string pool;
  net::Vni vni;
  net::Ipv4Address address;
  net::MacAddress mac;
  std::string node;
  Attachment attachment;
  std::string pod_uid;  // "" where the runtime has none
  Generation generation = 0;
  PortState state = PortState::pending;
  Revision revision = 0;  // of its directory entry

  Key key() const { return {vni, address}; }
  bool operator==(const Port&) const = default;
};
std::string port_id_of(Generation generation);

// A pod that lost its binding and must not take it back: its kubelet may be cut off and not know.
struct FencedUid {
  struct Key {
    BindingKey owner;
    std::string uid;
    auto operator<=>(const Key&) const = default;
  };
  BindingKey owner;
  std::string uid;
  Revision revision = 0;  // when it lost

  Key key() const { return {owner, uid}; }
  bool operator==(const FencedUid&) const = default;
};
inline constexpr std::size_t fenced_uids_per_binding = 16;

struct Node {
  using Key = std::string;
  std::string name;
  std::string machine_id;
  net::Ipv4Address vtep;
  std::string version;
  Revision revision = 0;

  const Key& key() const { return name; }
  bool operator==(const Node&) const = default;
};

struct Gateway {
  using Key = std::string;
  std::string name;
  std::string machine_id;
  net::Ipv4Address vtep;
  std::string version;
  std::string network;  // of its foot; may be created later than the gateway registers
  Revision revision = 0;

  const Key& key() const { return name; }
  bool operator==(const Gateway&) const = default;
};

// One row written or erased: what transactions are made of, what the store makes durable, and, inverted, how a batch is
// undone.
template <class T>
struct Erase {
  typename T::Key key;
  bool operator==(const Erase&) const = default;
};
using Write =
    std::variant<Network, Subnet, Pool, Binding, Port, FencedUid, Node, Gateway, Erase<Network>, Erase<Subnet>,
                 Erase<Pool>, Erase<Binding>, Erase<Port>, Erase<FencedUid>, Erase<Node>, Erase<Gateway>>;

// The MAC of a port that does not wish for one: 0a:58 and the address.
net::MacAddress mac_from(net::Ipv4Address address);

}  // namespace mooring::controller

template <>
struct std::hash<mooring::controller::BindingKey> {
  std::size_t operator()(const mooring::controller::BindingKey& key) const noexcept;
};
template <>
struct std::hash<mooring::controller::PortAddress> {
  std::size_t operator()(const mooring::controller::PortAddress& key) const noexcept {
    return std::hash<std::uint64_t>{}(((std::uint64_t{key.vni.value()} << 32) | key.address.bits()) *
                                      0x9e3779b97f4a7c15ULL);
  }
};
