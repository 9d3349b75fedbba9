// Everything the controller knows, in memory, with the indexes that make each question O(1): the authority that
// requests are decided on; the store is its durable copy. Changes go in as rows (`apply`), the same ones that the store
// gets, so that loading, committing and undoing are one mechanism.
//
// It does not judge (validate.hpp and allocation.hpp do), but it keeps its indexes right for any sequence of rows in
// which an object comes after what it refers to.
//
// Threading: one thread. References and pointers are good until the next `apply`.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ipam-controller/domain/address_pool.hpp"
#include "ipam-controller/domain/change.hpp"
#include "ipam-controller/domain/objects.hpp"
#include "ipam-controller/domain/port_table.hpp"

namespace mooring::controller {

// Counts of a pool, of one family; size is the sum of the others.
struct PoolUse {
  std::uint64_t size = 0;       // addresses it can give out
  std::uint64_t allocated = 0;  // with a live port
  std::uint64_t bound = 0;      // bound to a hostname without a live port, and extra addresses
  std::uint64_t reserved = 0;   // kept out of use by a reservation
  std::uint64_t leased = 0;     // in a node's block, without a port
  std::uint64_t resting = 0;    // in cool-down
  std::uint64_t free = 0;
};

class State {
 public:
  template <class T>
  using Named = std::map<std::string, T, std::less<>>;

  State();
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // Applies one row. Returns the row that undoes it: what was there before, or an Erase.
  Write apply(const Write& write);

  const Named<Network>& networks() const { return networks_; }
  const Named<Subnet>& subnets() const { return subnets_; }
  const Named<Pool>& pools() const { return pools_; }
  const Named<Node>& nodes() const { return nodes_; }
  const Named<Gateway>& gateways() const { return gateways_; }
  const Named<Vip>& vips() const { return vips_; }
  const Named<Reservation>& reservations() const { return reservations_; }
  const Named<Rule>& rules() const { return rules_; }
  const Named<Webhook>& webhooks() const { return webhooks_; }
  const Named<AddressList>& lists() const { return lists_; }
  const Named<AccessRule>& access_rules() const { return access_rules_; }
  const Named<ListedBlock>& listed_blocks() const { return listed_blocks_; }  // by "LIST/BLOCK"
  const Named<Block>& blocks() const { return blocks_; }
  const std::map<PortAddress, ExtraAddress>& extra_addresses() const { return extras_; }
  const std::unordered_map<PortAddress, Resting>& resting() const { return resting_; }
  const std::unordered_map<BindingKey, Binding>& bindings() const { return bindings_; }
  // (For one port use the questions below; this is for looking at all of them.)
  const PortTable& ports() const { return ports_; }

  // nullptr: there is none. Ports are kept packed: what is found is a copy.
  const Network* network(std::string_view name) const;
  const Subnet* subnet(std::string_view name) const;
  const Pool* pool(std::string_view name) const;
  const Node* node(std::string_view name) const;
  const Gateway* gateway(std::string_view name) const;
  const Vip* vip(std::string_view name) const;
  const Vip* vip_at(PortAddress address) const;
  const Reservation* reservation(std::string_view name) const;
  const Rule* rule(std::string_view name) const;
  const Webhook* webhook(std::string_view name) const;
  const AddressList* list(std::string_view name) const;
  const AccessRule* access_rule(std::string_view name) const;
  const ListedBlock* listed_block(std::string_view key) const;
  const Block* block(std::string_view id) const;
  const ExtraAddress* extra_address(PortAddress address) const;
  const Resting* resting(PortAddress address) const;
  const FencedUid* fenced_uid(const FencedUid::Key& key) const;
  const Binding* binding(const BindingKey& owner) const;
  // By any address of it.
  Found<Port> port(PortAddress address) const { return ports_.find(address); }
  bool has_port(PortAddress address) const { return ports_.packed(address) != nullptr; }
  Found<Port> port_by_id(std::string_view id) const { return ports_.find_id(id); }
  Found<Port> port_of(const BindingKey& owner) const { return ports_.find_owner(owner); }
  // Attachments are told apart by node: two runtimes may use the same container id.
  Found<Port> port_of(std::string_view node, const Attachment& attachment) const {
    return ports_.find_attachment(node, attachment);
  }
  // The binding (static, stateful) of an address.
  const Binding* binding_at(PortAddress address) const;
  // Who uses a MAC in a subnet, by port or binding.
  Found<BindingKey> owner_of_mac(net::Vni vni, net::MacAddress mac) const;
  const Subnet* subnet_by_vni(net::Vni vni) const;
  // Those of a list that an access rule names, as gateways have them.
  std::vector<const ListedBlock*> blocks_of_list(std::string_view list) const;
  // The subnet of that network that contains the address.
  const Subnet* subnet_containing(std::string_view network, net::IpAddress address) const;
  // The pool of that subnet whose ranges cover the address.
  const Pool* pool_covering(std::string_view subnet, net::IpAddress address) const;
  // The reservation, or the node's block, that an address is in.
  const Reservation* reservation_at(PortAddress address) const;
  const Block* block_at(PortAddress address) const;
  // The first of a subnet's that overlaps the range; nullptr: none.
  const Reservation* reservation_overlapping(net::Vni vni, const net::IpRange& range) const;
  const Block* block_overlapping(net::Vni vni, const net::IpRange& range) const;
  std::vector<const Block*> blocks_of_node(std::string_view node) const;
  std::vector<PortAddress> extra_addresses_of(const BindingKey& holder) const;
  // In the order in which they apply (objects.hpp, Rule).
  const std::vector<const Rule*>& rules_in_order() const { return rules_in_order_; }
  const Pool* default_pool(std::string_view network) const;
  std::vector<const Pool*> pools_of(std::string_view subnet) const;
  std::vector<const Subnet*> subnets_of(std::string_view network) const;
  // Ascending by address.
  std::vector<Port> ports_of_node(std::string_view node) const { return ports_.of_node(node); }
  std::size_t count_ports_of_node(std::string_view node) const { return ports_.count_of_node(node); }
  // "node h1" or "gateway gw1" that tunnels from that address; empty: nobody.
  std::string holder_of_vtep(net::Ipv4Address vtep) const;

  bool fenced(const BindingKey& owner, std::string_view uid) const;
  // Oldest first.
  std::vector<FencedUid> fenced_uids(const BindingKey& owner) const;

  PoolUse use(std::string_view pool, net::Family family) const;
  // Of the family that the pool is counted by: IPv4 where it has it.
  PoolUse use(std::string_view pool) const;
  // The free address of a pool whose turn it is by the pool's strategy, without taking it: apply a port or binding to
  // take it.
  std::optional<net::IpAddress> next_free(std::string_view pool, net::Family family) const;
  // `count` (a power of two) free addresses in a row.
  std::optional<net::IpRange> free_run(std::string_view pool, net::Family family, std::uint64_t count) const;
  // Ports, and bindings without one, of a namespace that have an address of the pool.
  std::uint64_t used_by_namespace(std::string_view pool, const std::string& namespace_) const;

  // Addresses in cool-down that belonged to that hostname last, newest first.
  std::vector<const Resting*> resting_of(const BindingKey& owner) const;
  // Those whose rest is over, and bindings whose time is over, oldest first, at most `most`.
  std::vector<PortAddress> rested_by(TimeMs now, std::size_t most) const;
  std::vector<BindingKey> expired_by(TimeMs now, std::size_t most) const;
  // When the next of them is due; nullopt: nothing is waiting.
  std::optional<TimeMs> next_deadline() const;
  // What was given to a hostname and let go before it was confirmed, if nothing more important happened since: a retry
  // gets the same. Of the last 4,096 hostnames, in memory only.
  const net::AddressPair* unconfirmed(const BindingKey& owner) const;
  void remember_unconfirmed(const BindingKey& owner, const net::AddressPair& addresses);
  // When the first address of a pool has rested; nullopt: none rests.
  std::optional<TimeMs> first_rested(std::string_view pool) const;
  // Whose turn it is in each pool, and back to it: it is no row, so undoing rows leaves it where it came to.
  struct PoolTurns {
    std::string pool;
    std::optional<AddressPool::Turn> v4, v6;
  };
  std::vector<PoolTurns> turns() const;
  void set_turns(const std::vector<PoolTurns>& turns);
  // How many bindings, ports and pools name a subnet or pool; for "in use" refusals.
  std::size_t bindings_in_subnet(std::string_view subnet) const;
  std::size_t ports_in_subnet(std::string_view subnet) const;

  // 0 (networks, subnets, pools, nodes, gateways) and the VNI of each subnet, ascending.
  std::vector<ipam_api::Shard> shards() const;
  // Every entry of a shard, in no particular order; none for a shard that does not exist.
  std::vector<Change> snapshot(ipam_api::Shard shard) const;
  // The same without ports, of which there may be many.
  std::vector<Change> entries_beside_ports(ipam_api::Shard shard) const;

 private:
  struct Shard;  // what belongs to one VNI
  class Recount;
  class RecountAll;
  enum class Use { nothing, port, bound, resting };
  struct Counts {
    AddressPool addresses;
    std::uint64_t allocated = 0;
    std::uint64_t bound = 0;
    std::uint64_t resting = 0;
    std::uint64_t reserved = 0;
  };
  struct Allocator {
    Strategy strategy = Strategy::next;
    std::optional<Counts> v4, v6;
    std::unordered_map<std::string, std::uint64_t> by_namespace;
    std::set<std::pair<TimeMs, net::IpAddress>> resting;  // by the end of the rest
    Counts* of(net::Family family) {
      auto& counts = family == net::Family::v4 ? v4 : v6;
      return counts ? &*counts : nullptr;
    }
    const Counts* of(net::Family family) const {
      const auto& counts = family == net::Family::v4 ? v4 : v6;
      return counts ? &*counts : nullptr;
    }
    net::Family counted_by() const { return v4 ? net::Family::v4 : net::Family::v6; }
  };

  Write put(const Network& network);
  Write put(const Subnet& subnet);
  Write put(const Pool& pool);
  Write put(const Binding& binding);
  Write put(const Port& port);
  Write put(const FencedUid& fenced);
  Write put(const Node& node);
  Write put(const Gateway& gateway);
  Write put(const Vip& vip);
  Write put(const Reservation& reservation);
  Write put(const Rule& rule);
  Write put(const Webhook& webhook);
  Write put(const AddressList& list);
  Write put(const AccessRule& rule);
  Write put(const ListedBlock& listed);
  Write put(const Block& block);
  Write put(const ExtraAddress& extra);
  Write put(const Resting& resting);
  Write put(const Erase<Network>& erased);
  Write put(const Erase<Subnet>& erased);
  Write put(const Erase<Pool>& erased);
  Write put(const Erase<Binding>& erased);
  Write put(const Erase<Port>& erased);
  Write put(const Erase<FencedUid>& erased);
  Write put(const Erase<Node>& erased);
  Write put(const Erase<Gateway>& erased);
  Write put(const Erase<Vip>& erased);
  Write put(const Erase<Reservation>& erased);
  Write put(const Erase<Rule>& erased);
  Write put(const Erase<Webhook>& erased);
  Write put(const Erase<AddressList>& erased);
  Write put(const Erase<AccessRule>& erased);
  Write put(const Erase<ListedBlock>& erased);
  Write put(const Erase<Block>& erased);
  Write put(const Erase<ExtraAddress>& erased);
  Write put(const Erase<Resting>& erased);

  void index(const Binding& binding);
  void unindex(const Binding& binding);
  void index(const Resting& resting);
  void unindex(const Resting& resting);
  void index(const ExtraAddress& extra);
  void unindex(const ExtraAddress& extra);
  void index(const Reservation& reservation);
  void unindex(const Reservation& reservation);
  void index(const Block& block);
  void unindex(const Block& block);
  void sort_rules();
  net::Vni vni_of(const Binding& binding) const;
  net::Vni vni_of_subnet(std::string_view subnet, std::string_view what) const;
  // Throws std::logic_error: rows that refer to what is not there are a broken store, or a bug.
  Shard& shard(net::Vni vni);
  Allocator* allocator_around(PortAddress address);
  Counts* counts_around(PortAddress address, Allocator** allocator);
  void build_allocator(const Subnet& subnet, const Pool& pool);

  Named<Network> networks_;
  Named<Subnet> subnets_;
  Named<Pool> pools_;
  Named<Node> nodes_;
  Named<Gateway> gateways_;
  Named<Vip> vips_;
  Named<Reservation> reservations_;
  Named<Rule> rules_;
  Named<Webhook> webhooks_;
  Named<AddressList> lists_;
  Named<AccessRule> access_rules_;
  Named<ListedBlock> listed_blocks_;
  Named<Block> blocks_;
  std::map<PortAddress, ExtraAddress> extras_;
  std::unordered_map<PortAddress, Resting> resting_;
  std::unordered_map<BindingKey, Binding> bindings_;
  PortTable ports_;
  std::unordered_map<BindingKey, std::vector<FencedUid>> fences_;

  // Indexes; the pointers are to elements of the maps above (stable until erased).
  std::unordered_map<PortAddress, const Binding*> binding_by_address_;  // every address
  std::map<std::uint32_t, std::unique_ptr<Shard>> shards_;
  std::map<std::string, Allocator, std::less<>> allocators_;       // by pool
  std::map<std::string, std::string, std::less<>> default_pools_;  // network -> pool
  std::vector<const Rule*> rules_in_order_;
  std::unordered_map<BindingKey, std::vector<PortAddress>> resting_by_owner_;
  std::unordered_map<BindingKey, std::vector<PortAddress>> extras_by_holder_;
  std::unordered_map<BindingKey, net::AddressPair> unconfirmed_;
  std::deque<BindingKey> unconfirmed_order_;
  std::set<std::pair<TimeMs, PortAddress>> rest_ends_;
  std::set<std::pair<TimeMs, BindingKey>> binding_ends_;
};

}  // namespace mooring::controller
