// The replica of the controller's directory (docs/api/watch.md) that every agent and gateway holds in memory:
// who lives where. Pure: no I/O, no clock, no log; frames in (by WatchSession), answers and change notes out.
//
// Two layers. The *replica* is exactly what the stream said: it has the digest, and only the stream changes it. Over it
// lies a small *overlay* of own ports that the controller has just answered (`apply_own`) and the stream has not shown
// yet. An overlay entry goes when the stream has passed its generation, so neither an older frame nor a snapshot older
// than it can lose it.
//
// A dual-stack port is two entries, "port" and "port6" (docs/adr/0008): two keys here, with the same generation. An
// extra address of a port ("extra") is one more: no two of these kinds share a key in one network.
//
// Size: an address costs 72 bytes of record + 4 to 8 of index; 100,000 are about 8 MB.
// Threading: one thread (a strand) at a time.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "mooring/directory/port_table.hpp"
#include "mooring/directory/vip.hpp"
#include "mooring/ipam_api/access_terms.hpp"
#include "mooring/ipam_api/messages.hpp"
#include "mooring/ipam_api/watch.hpp"
#include "mooring/net/ip.hpp"

namespace mooring::directory {

using ipam_api::Generation;
using ipam_api::Revision;

// A port as the newest knowledge has it. The views point into the directory: valid until its next change.
struct Port {
  PortKey key;
  std::string_view node;
  std::string_view network;
  net::MacAddress mac;
  Generation generation = 0;
  Revision revision = 0;
  PortState state = PortState::pending;
  std::string_view attachment;  // "container-id/ifname"; "" unless `node` is the own node
  bool own = false;             // lives on the own node
  bool provisional = false;     // from apply_own, the stream has not confirmed it yet
  bool extra = false;           // an address that `attachment` may use beside its own; it moves by itself
};

struct Network {
  std::string name;
  bool isolated = false;
};
// One family of a subnet; a dual-stack one is there twice.
struct Subnet {
  std::string name;
  std::string network;
  net::Vni vni;
  net::IpCidr cidr;
  net::IpAddress gateway;
  std::uint32_t mtu_bytes = 0;
  bool mtu_from_underlay = false;  // what the node's underlay carries counts, not mtu_bytes
  // Gateways join it to this VLAN of their segment (0: no tag): an address that is no port may be a machine there.
  std::optional<std::uint16_t> bridged_vlan;
  ipam_api::Dns dns;
  std::vector<ipam_api::Route> routes;
};
// One family of a pool.
struct Pool {
  std::string name;
  std::string subnet;
  std::vector<net::IpRange> ranges;
};
struct Node {
  std::string name;
  net::Ipv4Address vtep;
};
struct Gateway {
  std::string name;
  net::Ipv4Address vtep;
  std::string network;
};
// Addresses leased to a node: whatever has no entry of its own is there.
struct Block {
  std::string id;
  std::string node;
  std::string pool;
  net::Vni vni;
  net::IpRange range;
  Generation generation = 0;
  std::uint32_t use_seconds = 0;  // without word from the controller; 0: for ever
  bool returning = false;         // the node was asked to give it back
};

// What gateways let pass between their physical network and the overlay.
struct AccessRule {
  std::string name;
  ipam_api::AccessTerms terms;
};

// What an address is, the longest prefix first: a port, a free address of a pool, another address of a subnet
// (its gateway address, an excluded one), or none of ours: the physical side knows it.
struct Place {
  enum class What { port, pool_range, subnet, outside };
  What what = What::outside;
  std::optional<Port> port;
  const Pool* pool = nullptr;
  const Subnet* subnet = nullptr;  // of port, pool_range and subnet; null for outside
};

// What changed since the last take_changes(): keys only; ask the directory for what they are now. A key may be there
// although nothing differs. `layout`: a network, subnet or pool. `nodes`, `gateways`: appeared, went, or changed VTEP.
// `blocks`: one came, changed or went. `access`: an access rule, or what is on a list that one names.
struct Changes {
  std::vector<PortKey> ports;  // each once, in no order
  std::set<std::string> nodes;
  std::set<std::string> gateways;
  std::set<std::string> vips;  // by name
  bool layout = false;
  bool blocks = false;
  bool access = false;
  std::set<PortKey> left;     // of `ports`, those that were the own node's before and are not now
  bool completeness = false;  // some known_absent() answers went from false to true, or all were withdrawn
  bool empty() const {
    return ports.empty() && nodes.empty() && gateways.empty() && vips.empty() && !layout && !blocks && !access &&
           !completeness;
  }
};

// What the stream said, as of one revision, for a checkpoint: cheap to take, to be written at leisure.
struct Image {
  struct Object {
    ipam_api::Shard shard = 0;
    std::string kind, key, value;  // value: compact JSON
    Revision revision = 0;
    Generation generation = 0;
    std::uint64_t hash = 0;
  };
  std::string incarnation;
  Revision revision = 0;
  std::uint64_t digest = 0;
  std::vector<std::string> names;  // of nodes and networks: PortRecord's numbers
  std::vector<PortRecord> ports;
  std::map<PortKey, std::string> own_attachments;
  std::vector<Object> objects;
};

struct Counters {
  std::uint64_t ignored_older = 0;     // entries and tombstones of an older generation or revision
  std::uint64_t malformed = 0;         // entries whose value this version cannot read; they count for the digest only
  std::uint64_t snapshot_removed = 0;  // entries that the end of a snapshot showed to be gone
};

class Directory {
 public:
  // `own_node`: attachments are kept for ports of that node only; "" on gateways.
  explicit Directory(std::string own_node);
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  // ---- asking ----
  std::optional<Port> find(PortKey key) const;
  // Longest prefix inside the network that `vni` belongs to: the port may be in another subnet (VNI) of that network,
  // see Place::port->key.vni.
  Place locate(net::Vni vni, net::IpAddress address) const;
  Place locate(std::string_view network, net::IpAddress address) const;
  // Every port once, own provisional ones in place of what they replace; in no order.
  void for_each_port(const std::function<void(const Port&)>& visit) const;
  std::size_t port_count() const;
  // The extra addresses of an attachment of the own node.
  std::vector<PortKey> extras_of(std::string_view attachment) const;
  // The attachments of the own node that have this extra address, the lowest VNI first (VNIs may use it alike).
  std::vector<std::string> extra_holders(net::IpAddress address) const;

  std::optional<net::Ipv4Address> vtep_of(std::string_view node) const;
  // Of some node or gateway.
  bool is_vtep(net::Ipv4Address address) const { return vteps_.contains(address); }
  const std::map<std::string, Network, std::less<>>& networks() const { return networks_; }
  using Subnets = std::map<std::string, Subnet, std::less<>>;
  using Pools = std::map<std::string, Pool, std::less<>>;
  const Subnets& subnets(net::Family family = net::Family::v4) const { return subnets_[index_of(family)]; }
  const Pools& pools(net::Family family = net::Family::v4) const { return pools_[index_of(family)]; }
  const std::map<std::string, Node, std::less<>>& nodes() const { return nodes_; }
  const std::map<std::string, Gateway, std::less<>>& gateways() const { return gateways_; }
  std::vector<Gateway> gateways_of(std::string_view network) const;
  const std::map<std::string, Vip, std::less<>>& vips() const { return vips_; }
  // Names of the VIPs that this port is a back end of.
  std::set<std::string> vips_of(PortKey backend) const;
  // By VNI and first address; they do not overlap.
  using Blocks = std::map<PortKey, Block>;
  const Blocks& blocks() const { return blocks_; }
  const std::map<std::string, AccessRule, std::less<>>& access_rules() const { return access_rules_; }
  // The blocks of a list that an access rule names.
  const std::set<net::IpCidr>& listed(std::string_view list) const;
  // The block that the address is in; null if it is in none.
  const Block* block_at(PortKey key) const;
  bool own(const Block& block) const { return !own_node_.empty() && block.node == own_node_; }
  // The first subnet with that VNI, IPv4 before IPv6; null if none is known (yet).
  const Subnet* subnet_of(net::Vni vni) const;
  // "" if no subnet of that VNI is known (yet).
  std::string_view network_of(net::Vni vni) const;

  // Is it *known* that the key had no port at some revision >= `at`? False while a snapshot has not ended, whatever
  // find() says. This is what may delete a flow. `at`: the generation or revision the flow was made from.
  bool known_absent(PortKey key, Revision at) const;
  // Every shard is whole: the first snapshot (or the first of a new incarnation) has ended.
  bool complete() const;
  // All up to here was applied; 0 before the first snapshot ended.
  Revision revision() const { return revision_; }
  const std::string& incarnation() const { return incarnation_; }

  // ---- own ports ----
  enum class Applied {
    provisional,  // in the overlay until the stream shows it
    confirmed,    // the stream has already shown this very generation
    superseded,   // the stream has passed this generation, and the entry is not (or no longer) there
  };
  // The controller has just answered `allocation` for `attachment` of the own node. Of two families, what is worse.
  Applied apply_own(const ipam_api::Allocation& allocation, const ipam_api::Attachment& attachment);
  // The controller has just confirmed (state active) or released the own port of that generation: the overlay entry, if
  // there is one, goes. The replica is left to the stream.
  void forget_own(PortKey key, Generation generation);

  // ---- the stream's side (WatchSession) ----
  // A snapshot begins: nothing is forgotten, but known_absent() knows nothing until END_OF_SNAPSHOT. With another
  // `incarnation`, or with `overrule` (the replica was found to have drifted), its entries win over all earlier ones,
  // whatever their generation.
  void begin_snapshot(std::string_view incarnation, bool overrule);
  // An entry of a snapshot or of a CHANGES frame; a tombstone if `entry.deleted`.
  void apply(const ipam_api::Entry& entry);
  // The shard is whole as of `revision`: what the snapshot did not name goes.
  void end_of_snapshot(ipam_api::Shard shard, Revision revision);
  // Every shard was sent; those that are not in `shards` are empty.
  void end_of_snapshots(Revision revision, const std::vector<ipam_api::Shard>& shards);
  // The CHANGES frame of `revision` was applied whole, or a HEARTBEAT said that all up to it was sent.
  void advance(Revision revision);

  // Of the replica, without the overlay: what HEARTBEAT and END_OF_SNAPSHOT are compared with.
  const ipam_api::DigestSums& sums() const { return sums_; }

  // ---- checkpoints ----
  // The replica without the overlay; none before it is complete.
  std::optional<Image> image() const;
  // Into a directory that is new: complete as of the image's revision, so that the stream goes on from there. False,
  // and nothing is taken, if the image contradicts its own digest.
  bool restore(const Image& image);

  // Hands over what changed since the last call.
  Changes take_changes();
  const Counters& counters() const { return counters_; }

 private:
  // An entry that is not a port (or a port that this version cannot read), for newest-wins and for the digest.
  struct ObjectKey {
    ipam_api::Shard shard = 0;
    std::string kind, key;
    auto operator<=>(const ObjectKey&) const = default;
  };
  struct ObjectRecord {
    Revision revision = 0;
    Generation generation = 0;
    std::uint64_t hash = 0;
    std::uint32_t epoch = 0;
    std::string value;  // compact JSON, for checkpoints: of a kind that only a later version reads, too
  };
  struct OwnPort {
    PortRecord record;
    std::string attachment;
    std::uint32_t epoch = 0;
  };

  void apply_port(const PortRecord& record, std::string_view attachment);
  void bury_port(PortKey key, Generation generation, bool extra);
  void set_owner(const PortRecord& record, std::string_view attachment);
  void forget_owner(PortKey key);
  void apply_object(const ipam_api::Entry& entry);
  void erase_port(const PortRecord& record);
  void erase_object(std::map<ObjectKey, ObjectRecord>::iterator object);
  void put_object(const ipam_api::Entry& entry, std::uint64_t hash);
  bool read_value(const ipam_api::Entry& entry);
  void drop_value(const ObjectKey& object);
  void note(const ObjectKey& object);
  void put_vip(Vip vip);
  void drop_vip(const std::string& name);
  // The VTEP of that node or gateway comes or goes; nothing for other kinds.
  void count_vtep(std::string_view named, const std::string& key, bool comes);
  bool overruled(std::uint32_t epoch) const { return epoch < overruling_epoch_; }
  void renewed(ipam_api::Shard shard, std::uint32_t& epoch);
  void settle_overlay(std::optional<ipam_api::Shard> shard, Revision revision);
  Port view(const PortRecord& record, std::string_view attachment, bool provisional) const;
  Applied apply_own(PortKey key, const ipam_api::Allocation& allocation, const ipam_api::Attachment& attachment);
  const Subnet* subnet_in(std::string_view network, net::IpAddress address) const;
  static constexpr std::size_t index_of(net::Family family) { return family == net::Family::v4 ? 0 : 1; }

  std::string own_node_;
  Names names_;
  std::uint32_t own_node_id_;
  PortTable table_;
  std::map<PortKey, std::string> own_attachments_;
  std::map<std::string, std::set<PortKey>, std::less<>> own_extras_;  // by attachment
  std::map<PortKey, OwnPort> overlay_;
  std::map<ObjectKey, ObjectRecord> objects_;
  ipam_api::DigestSums sums_;
  std::map<ipam_api::Shard, Revision> whole_at_;  // shards whose END_OF_SNAPSHOT came, while others are awaited
  std::map<std::string, Network, std::less<>> networks_;
  std::array<Subnets, 2> subnets_;  // by family
  std::array<Pools, 2> pools_;
  std::map<std::string, Node, std::less<>> nodes_;
  std::map<std::string, Gateway, std::less<>> gateways_;
  Blocks blocks_;
  std::map<std::string, AccessRule, std::less<>> access_rules_;
  std::map<std::string, std::set<net::IpCidr>, std::less<>> listed_;
  std::map<std::string, Vip, std::less<>> vips_;
  std::map<PortKey, std::set<std::string>> vips_of_;  // by back end
  std::map<net::Ipv4Address, std::size_t> vteps_;     // -> how many nodes and gateways say so

  std::string incarnation_;
  Revision revision_ = 0;
  bool complete_ = false;
  Revision seen_in_snapshot_ = 0;  // CHANGES that came while a snapshot was under way
  // Each snapshot is an epoch; an entry carries that of the snapshot it came with or after.
  std::uint32_t epoch_ = 0;
  std::uint32_t incarnation_epoch_ = 0;           // the snapshot that began the incarnation, 0 for the first one
  std::uint32_t overruling_epoch_ = 0;            // entries of earlier epochs lose to anything
  std::map<ipam_api::Shard, std::size_t> stale_;  // entries that the snapshot under way has not named yet
  // Tombstones seen while a snapshot is under way: its older entries must not bring the thing back.
  std::map<PortKey, Generation> buried_ports_;
  std::map<ObjectKey, Revision> buried_objects_;

  std::unordered_set<PortKey, PortKeyHash> changed_ports_;
  Changes changes_;
  Counters counters_;
};

}  // namespace mooring::directory
