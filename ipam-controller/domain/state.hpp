// Everything the controller knows, in memory, with the indexes that make each question O(1): the authority that
// requests are decided on; the store is its durable copy. Changes go in as rows (`apply`), the same ones that the store
// gets, so that loading, committing and undoing are one mechanism.
//
// It does not judge (validate.hpp and allocation.hpp do), but it keeps its indexes right for any sequence of rows in
// which an object comes after what it refers to.
//
// Threading: one thread. References and pointers are good until the next `apply`.
#pragma once

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

namespace mooring::controller {

// Counts of a pool: size = allocated + bound + free.
struct PoolUse {
  std::uint64_t size = 0;       // addresses it can give out
  std::uint64_t allocated = 0;  // with a live port
  std::uint64_t bound = 0;      // bound to a hostname without a live port
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
  const std::unordered_map<BindingKey, Binding>& bindings() const { return bindings_; }
  const std::unordered_map<PortAddress, Port>& ports() const { return ports_; }

  // nullptr: there is none.
  const Network* network(std::string_view name) const;
  const Subnet* subnet(std::string_view name) const;
  const Pool* pool(std::string_view name) const;
  const Node* node(std::string_view name) const;
  const Gateway* gateway(std::string_view name) const;
  const Binding* binding(const BindingKey& owner) const;
  const Port* port(PortAddress address) const;
  const Port* port_by_id(std::string_view id) const;
  const Port* port_of(const BindingKey& owner) const;
  // Attachments are told apart by node: two runtimes may use the same container id.
  const Port* port_of(std::string_view node, const Attachment& attachment) const;
  // The binding (static, stateful) of an address.
  const Binding* binding_at(PortAddress address) const;
  // Who uses a MAC in a subnet, by port or binding.
  const BindingKey* owner_of_mac(net::Vni vni, net::MacAddress mac) const;
  const Subnet* subnet_by_vni(net::Vni vni) const;
  // The subnet of that network that contains the address.
  const Subnet* subnet_containing(std::string_view network, net::Ipv4Address address) const;
  // The pool of that subnet whose ranges cover the address.
  const Pool* pool_covering(std::string_view subnet, net::Ipv4Address address) const;
  const Pool* default_pool(std::string_view network) const;
  std::vector<const Pool*> pools_of(std::string_view subnet) const;
  std::vector<const Subnet*> subnets_of(std::string_view network) const;
  std::vector<const Port*> ports_of_node(std::string_view node) const;
  // "node h1" or "gateway gw1" that tunnels from that address; empty: nobody.
  std::string holder_of_vtep(net::Ipv4Address vtep) const;

  bool fenced(const BindingKey& owner, std::string_view uid) const;
  // Oldest first.
  std::vector<FencedUid> fenced_uids(const BindingKey& owner) const;

  PoolUse use(std::string_view pool) const;
  // The next free address of a pool, in turn (next-fit), without taking it: apply a port or binding to take it.
  std::optional<net::Ipv4Address> next_free(std::string_view pool) const;
  // How many bindings, ports and pools name a subnet or pool; for "in use" refusals.
  std::size_t bindings_in_subnet(std::string_view subnet) const;
  std::size_t ports_in_subnet(std::string_view subnet) const;

  // 0 (networks, subnets, pools, nodes, gateways) and the VNI of each subnet, ascending.
  std::vector<ipam_api::Shard> shards() const;
  // Every entry of a shard, in no particular order; none for a shard that does not exist.
  std::vector<Change> snapshot(ipam_api::Shard shard) const;

 private:
  struct Shard;  // the ports and bindings of one VNI
  class Recount;
  struct Allocator {
    AddressPool addresses;
    std::uint64_t allocated = 0;
    std::uint64_t bound = 0;
  };

  Write put(const Network& network);
  Write put(const Subnet& subnet);
  Write put(const Pool& pool);
  Write put(const Binding& binding);
  Write put(const Port& port);
  Write put(const FencedUid& fenced);
  Write put(const Node& node);
  Write put(const Gateway& gateway);
  Write put(const Erase<Network>& erased);
  Write put(const Erase<Subnet>& erased);
  Write put(const Erase<Pool>& erased);
  Write put(const Erase<Binding>& erased);
  Write put(const Erase<Port>& erased);
  Write put(const Erase<FencedUid>& erased);
  Write put(const Erase<Node>& erased);
  Write put(const Erase<Gateway>& erased);

  void index(const Port& port);
  void unindex(const Port& port);
  void index(const Binding& binding);
  void unindex(const Binding& binding);
  PortAddress address_of(const Binding& binding) const;
  // Throws std::logic_error: rows that refer to what is not there are a broken store, or a bug.
  Shard& shard(net::Vni vni);
  Allocator* allocator_around(PortAddress address);
  void build_allocator(const Subnet& subnet, const Pool& pool);

  Named<Network> networks_;
  Named<Subnet> subnets_;
  Named<Pool> pools_;
  Named<Node> nodes_;
  Named<Gateway> gateways_;
  std::unordered_map<BindingKey, Binding> bindings_;
  std::unordered_map<PortAddress, Port> ports_;
  std::unordered_map<BindingKey, std::vector<FencedUid>> fences_;

  // Indexes; the pointers are to elements of the maps above (stable until erased).
  std::unordered_map<BindingKey, const Port*> port_by_owner_;
  std::unordered_map<std::string, const Port*> port_by_attachment_;  // "node container/ifname"
  std::unordered_map<std::string, const Port*> port_by_id_;
  std::unordered_map<PortAddress, const Binding*> binding_by_address_;
  std::unordered_map<std::string, std::unordered_set<const Port*>> ports_by_node_;
  std::map<std::uint32_t, std::unique_ptr<Shard>> shards_;
  std::map<std::string, Allocator, std::less<>> allocators_;       // by pool
  std::map<std::string, std::string, std::less<>> default_pools_;  // network -> pool
};

}  // namespace mooring::controller
