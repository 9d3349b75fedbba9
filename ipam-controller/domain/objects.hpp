// What the controller keeps: networks, subnets, pools, reservations, rules, bindings, ports, resting addresses, blocks,
// extra addresses, fenced UIDs, nodes, gateways, VIPs, webhooks, address lists, access rules. Plain values; the words
// are those of docs/architecture.md. `revision` is that of the transaction that last wrote the object.
//
// Threading: values.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/container/flat_map.hpp>

#include "ipam-controller/domain/retention.hpp"
#include "mooring/ipam_api/access_terms.hpp"
#include "mooring/ipam_api/messages.hpp"
#include "mooring/ipam_api/names.hpp"
#include "mooring/net/address.hpp"
#include "mooring/net/ip.hpp"

namespace mooring::controller {

using ipam_api::Attachment;
using ipam_api::Generation;
using ipam_api::Kind;
using ipam_api::Labels;
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

// One family's addresses of a subnet.
struct SubnetBlock {
  net::IpCidr cidr;
  net::IpAddress gateway;
  // The addresses no container gets: network and broadcast (IPv4), subnet-router anycast (IPv6), gateway.
  bool reserved(net::IpAddress address) const {
    return address == cidr.first() || address == gateway || (address.is_v4() && address == cidr.last());
  }
  bool operator==(const SubnetBlock&) const = default;
};

// The subnet goes on beyond the overlay: gateways join it to this VLAN of the segment that they are on.
struct Bridging {
  std::uint32_t vlan = 0;  // 0: frames without a tag
  bool operator==(const Bridging&) const = default;
};
inline constexpr std::uint32_t last_vlan = 4094;  // IEEE 802.1Q: 4095 is reserved

struct Subnet {
  using Key = std::string;
  std::string name;
  std::string network = default_network;
  net::Vni vni;                     // unique over all subnets
  std::vector<SubnetBlock> blocks;  // one of each family at most, IPv4 first; at least one
  std::uint32_t mtu_bytes = 1450;
  bool mtu_from_underlay = false;  // nobody said an MTU: each node takes what its underlay carries
  ipam_api::Dns dns;
  std::vector<ipam_api::Route> routes;
  std::optional<Bridging> bridged;  // none: only routed to the physical side
  Revision revision = 0;

  const Key& key() const { return name; }
  // nullptr: it has none of that family.
  const SubnetBlock* block(net::Family family) const;
  bool contains(net::IpAddress address) const;
  // "10.0.0.0/24" or "10.0.0.0/24, fd00::/64".
  std::string cidrs() const;
};
bool operator==(const Subnet& a, const Subnet& b);

// Which pods a pool or a rule is for. A pattern has `*` (any text) and `?` (one character). An empty list or map asks
// for nothing; of a list one pattern must fit, of `labels` all.
struct Selector {
  std::vector<std::string> namespaces, hostnames, nodes, zones;
  Labels labels;
  bool empty() const {
    return namespaces.empty() && hostnames.empty() && nodes.empty() && zones.empty() && labels.empty();
  }
  bool operator==(const Selector&) const = default;
};

enum class Strategy { next /* in turn */, lowest, random };
std::string to_string(Strategy strategy);
Result<Strategy> parse_strategy(std::string_view text);

// Address ranges of a subnet, given out to those who do not have an address yet: one address of each family that it
// has ranges of.
struct Pool {
  using Key = std::string;
  std::string name;
  std::string subnet;
  std::vector<net::IpRange> ranges;      // sorted, without overlap; may cover the subnet's reserved addresses
  std::vector<net::IpRange> exclusions;  // sorted; never given out
  Kind kind = Kind::stateless;           // of a pod that does not say
  bool is_default = false;               // of its network; at most one
  Strategy strategy = Strategy::next;
  std::uint32_t cooldown_seconds = 0;  // how long a released address rests before another hostname may have it
  std::optional<std::uint64_t>
      namespace_quota;  // ports and bindings of one namespace, of which no entry of `quotas` says
  std::map<std::string, std::uint64_t> quotas;  // by namespace
  Selector selector;                            // pods that it is for; a pool with one comes before the default pool
  std::vector<std::string> allow, deny;  // patterns "NAMESPACE" or "NAMESPACE/HOSTNAME"; deny wins; empty allow: all
  std::vector<std::string> fallback;     // pools tried, in order, when this one cannot give
  std::optional<Retention> retention;    // of bindings made at first use
  Revision revision = 0;

  const Key& key() const { return name; }
  bool covers(net::IpAddress address) const;    // in a range, excluded or not
  bool excludes(net::IpAddress address) const;  // in an exclusion
  bool has(net::Family family) const;
  bool operator==(const Pool&) const = default;
};

// Addresses kept out of use: a printer, a machine that was there before. Nobody gets them, by wish or by binding.
struct Reservation {
  using Key = std::string;
  std::string name;
  std::string subnet;
  net::IpRange range;
  std::string note;
  Revision revision = 0;

  const Key& key() const { return name; }
  bool operator==(const Reservation&) const = default;
};

// What pods get that do not say otherwise themselves. A rule that selects by namespace alone is a namespace rule, every
// other one a workload rule; namespace rules come first, then by `order`, then by name. Field by field, the first rule
// that says something wins.
struct Rule {
  using Key = std::string;
  std::string name;
  std::uint32_t order = 100;
  Selector selector;
  ipam_api::Wishes wishes;  // no addresses, no MAC
  // May a pod take a hostname that is live with a pod of another workload?
  std::optional<bool> takeover;
  Revision revision = 0;

  const Key& key() const { return name; }
  bool of_namespace() const {
    return selector.hostnames.empty() && selector.nodes.empty() && selector.zones.empty() && selector.labels.empty();
  }
  bool operator==(const Rule&) const = default;
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

// How a binding came to be.
enum class Origin { admin, first_use, import, plan };
std::string to_string(Origin origin);
Result<Origin> parse_origin(std::string_view text);

// Addresses that stay with their hostname while no container holds them (static, stateful). A stateless address has no
// binding of its own: it lives and ends with its port.
struct Binding {
  using Key = BindingKey;
  BindingKey owner;
  Kind kind = Kind::fixed_by_admin;
  std::string subnet;
  std::string pool;  // "" when the address is in no pool (static only)
  net::AddressPair addresses;
  net::MacAddress mac;
  Retention retention;
  std::string workload;  // "" = the hostname without its ordinal or hash
  Labels labels;
  std::string note;
  Origin origin = Origin::admin;
  // The container that held it last and let go: its UID is fenced when another one comes. "" = none, or unknown.
  std::string last_uid;
  std::string last_node;
  TimeMs created_ms = 0;
  TimeMs expires_ms = 0;  // ends then, unless a container holds it again; 0 = does not end by itself
  Revision revision = 0;

  const Key& key() const { return owner; }
  bool operator==(const Binding&) const = default;
};

// (VNI, address): where the directory keys a port. Unique.
struct PortAddress {
  net::Vni vni;
  net::IpAddress address;
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
  net::AddressPair addresses;
  net::MacAddress mac;
  std::string node;
  Attachment attachment;
  std::string pod_uid;   // "" where the runtime has none
  std::string workload;  // as it was given or derived
  Labels labels;
  TimeMs created_ms = 0;
  Generation generation = 0;
  PortState state = PortState::pending;
  Revision revision = 0;  // of its directory entry

  // (VNI, primary address)
  Key key() const { return {vni, addresses.primary()}; }
  bool operator==(const Port&) const = default;
};
std::string port_id_of(Generation generation);

// A released address in its cool-down: its last hostname gets it back at once, others when it is over.
struct Resting {
  using Key = PortAddress;
  net::Vni vni;
  net::IpAddress address;
  std::string pool;
  BindingKey last_owner;
  TimeMs until_ms = 0;
  Revision revision = 0;

  Key key() const { return {vni, address}; }
  bool operator==(const Resting&) const = default;
};

// Addresses of a pool that a node gives out by itself while the controller is away. They count as used.
struct Block {
  using Key = std::string;
  std::string id;  // "b41": of the generation that leased it
  std::string node;
  std::string pool;
  std::string subnet;
  net::Vni vni;
  net::IpRange range;  // of one family
  Generation generation = 0;
  TimeMs leased_ms = 0;
  std::uint32_t use_seconds = 0;  // by the node's own clock, from the last renewal; 0 = for ever
  bool returning = false;         // the node was asked to give it back
  Revision revision = 0;

  const Key& key() const { return id; }
  bool operator==(const Block&) const = default;
};
std::string block_id_of(Generation generation);

// An address beside a port's own that moves between containers by an API call (keepalived, VRRP).
struct ExtraAddress {
  using Key = PortAddress;
  net::Vni vni;
  net::IpAddress address;
  std::string network;
  std::string subnet;
  std::string pool;  // "" = in none
  std::string namespace_;
  std::vector<std::string> hostnames;  // patterns: who may hold it
  std::optional<BindingKey> holder;    // none: nobody
  Generation generation = 0;           // of the last move
  std::string note;
  Revision revision = 0;

  Key key() const { return {vni, address}; }
  bool operator==(const ExtraAddress&) const = default;
};

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
  std::string zone;
  Labels labels;
  // Deleted with --fence while it could not be heard: its ports are released, and the machine may not register again.
  bool fenced = false;
  Revision revision = 0;
  std::string boot_id;         // of its kernel; "" = it never said
  Revision boot_revision = 0;  // when it first said that one: ports bound before are of an earlier boot

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

// A pod behind a VIP, as the controller found it: by what the VIP selects, and by what its node says of it.
struct VipBackend {
  PortAddress at;
  std::string pod;   // "shop/web-0"
  std::string node;  // that it lives on
  bool healthy = false;
  std::string why;  // it is not
  // When it became healthy: of two the one that came first is the one that may know a connection (docs/howto/vips.md).
  Revision since = 0;
  bool operator==(const VipBackend&) const = default;
};

struct VipPort {
  bool udp = false;  // else TCP
  std::uint16_t port = 0;
  std::uint16_t target_port = 0;  // of the pods
  std::string str() const;        // "tcp:80:8080"
  auto operator<=>(const VipPort&) const = default;
};
Result<VipPort> parse_vip_port(std::string_view text);

// How a back end's node finds out whether it lives.
struct HealthCheck {
  enum class Kind { none, tcp /* takes connections */, http /* answers GET with 200 to 399 */ };
  Kind kind = Kind::none;
  std::uint16_t port = 0;  // of the pods; 0 = the target port of the VIP's first TCP port
  std::string path = "/";
  std::uint32_t interval_ms = 500;
  std::uint32_t timeout_ms = 1000;
  std::uint32_t failures = 2;  // in a row, until it is out
  bool operator==(const HealthCheck&) const = default;
};

// An address of a subnet whose connections go to pods: layer 4, by flows (docs/howto/vips.md).
struct Vip {
  using Key = std::string;
  std::string name;
  std::string network = default_network;
  net::IpAddress address;            // of a subnet, in no pool
  net::Vni vni;                      // of that subnet; filled in
  std::vector<VipPort> ports;        // sorted
  Selector selector;                 // of its back ends, as a list has it
  std::vector<net::IpRange> listed;  // and the pods that have these addresses
  HealthCheck check;
  std::string note;
  std::uint32_t number = 0;          // names its groups in the switches; unique
  std::vector<VipBackend> backends;  // sorted by address; the controller's own
  Revision revision = 0;

  const Key& key() const { return name; }
  bool operator==(const Vip&) const = default;
};

// Who wants to hear of events (docs/observability).
struct Webhook {
  using Key = std::string;
  std::string name;
  std::string url;
  std::vector<std::string> events;  // patterns of event types; empty: all
  std::string secret;               // of the signature; never shown
  bool disabled = false;
  Revision revision = 0;

  const Key& key() const { return name; }
  bool operator==(const Webhook&) const = default;
};

// A named list of addresses: those of the pods that fit (live ports, and bindings whose pod is away), and some of its
// own. Firewalls and load balancers outside follow it (docs/howto/feeds.md).
struct AddressList {
  using Key = std::string;
  std::string name;
  std::string network = default_network;
  Selector selector;                    // without nodes and zones; empty: no pods
  std::vector<net::IpRange> addresses;  // always on it; sorted, without overlap, adjacent ones joined
  std::string note;
  Revision revision = 0;

  const Key& key() const { return name; }
  bool operator==(const AddressList&) const = default;
};

// What gateways let pass between their physical network and the overlay (docs/howto/access-rules.md).
struct AccessRule {
  using Key = std::string;
  std::string name;
  ipam_api::AccessTerms terms;
  std::string note;
  Revision revision = 0;

  const Key& key() const { return name; }
  bool operator==(const AccessRule&) const = default;
};

// A block of the addresses of a list that an access rule names, as gateways have it. The controller keeps these in line
// with the list by itself (api/listed_blocks.hpp).
struct ListedBlock {
  using Key = std::string;  // "LIST/BLOCK"
  std::string list;
  net::IpCidr block;
  Revision revision = 0;

  Key key() const { return list + "/" + block.str(); }
  bool operator==(const ListedBlock&) const = default;
};

// One row written or erased: what transactions are made of, what the store makes durable, and, inverted, how a batch is
// undone.
template <class T>
struct Erase {
  typename T::Key key;
  bool operator==(const Erase&) const = default;
};
template <class... T>
using Rows = std::variant<T..., Erase<T>...>;
using Write = Rows<Network, Subnet, Pool, Reservation, Rule, Node, Gateway, Vip, Webhook, AddressList, AccessRule,
                   ListedBlock, Block, ExtraAddress, Binding, Port, Resting, FencedUid>;

// The MAC of a port that does not wish for one: 0a:58 and the IPv4 address, or 0a:59 and the last four bytes of an
// IPv6 address that stands alone.
net::MacAddress mac_from(const net::AddressPair& addresses);

}  // namespace mooring::controller

template <>
struct std::hash<mooring::controller::BindingKey> {
  std::size_t operator()(const mooring::controller::BindingKey& key) const noexcept;
};
template <>
struct std::hash<mooring::controller::PortAddress> {
  std::size_t operator()(const mooring::controller::PortAddress& key) const noexcept {
    return std::hash<mooring::net::IpAddress>{}(key.address) ^ (key.vni.value() * 0x9e3779b97f4a7c15ULL);
  }
};
