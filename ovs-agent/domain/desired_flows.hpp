// The flows that a node's two bridges should have, as a function of the directory, the local ports and the settings of
// this host. docs/ovs-pipeline.md describes the tables; tests/golden/agent_* show the text.
//
// The flows come in groups that change together (all of one port, one remote destination, one peer …), so that a change
// of one entry costs the flows of that entry and not of the whole directory. Of the ports elsewhere only those in use
// (working_set.hpp) have flows.
// Pure. Threading: one thread; a plan refers to directory, ports and working set and asks them anew at each call.
#pragma once

#include <compare>
#include <set>
#include <string>
#include <vector>

#include "mooring/directory/directory.hpp"
#include "mooring/ovs/meter.hpp"
#include "ovs-agent/domain/gate.hpp"
#include "ovs-agent/domain/local_ports.hpp"
#include "ovs-agent/domain/pipeline.hpp"
#include "ovs-agent/domain/working_set.hpp"

namespace mooring::agent {

struct HostSettings {
  std::string node;
  net::Ipv4Address vtep;
  std::vector<net::IpCidr> allow_host_cidrs;      // what of the host pods may open connections to
  std::uint32_t relay_packets_per_second = 5000;  // of one container, through gateways to destinations without a flow
  std::vector<std::string> dhcp_servers{};        // fnmatch(3) patterns of pods, "NAMESPACE/HOSTNAME"
};

// As ovs-ofctl add-flow reads them.
struct FlowLines {
  std::vector<std::string> br_int;
  std::vector<std::string> br_tun;
  std::vector<std::string> br_tun_groups;  // that flows of br_tun lead to; as ovs-ofctl add-group reads them
  std::vector<ovs::Meter> br_tun_meters;   // that flows of br_tun name
  std::vector<ovs::Meter> br_int_meters;   // that flows of br_int name
  bool operator==(const FlowLines&) const = default;
};

struct FlowGroup {
  enum class Kind {
    fixed,        // from the settings alone
    sender,       // `name` = VTEP of a peer that may send to us
    segment,      // `key.vni`: ARP, ND, routing and the way out of one VNI
    port,         // `attachment` of an own port
    extra,        // `key`: an address that an own port may use beside its own
    from_host,    // `key.address`: the host's way to a local pod
    destination,  // `key`: a port elsewhere that is in use
    hairpin,      // `key`: a port that was here
    vip,          // `name`: which back end a connection to it goes to
    backend,      // `key`: an own port behind VIPs
  };
  Kind kind = Kind::fixed;
  PortKey key;
  std::string name;
  Attachment attachment;
  auto operator<=>(const FlowGroup&) const = default;
};
using FlowGroups = std::set<FlowGroup>;

class FlowPlan {
 public:
  FlowPlan(const directory::Directory& directory, const LocalPorts& ports, HostSettings settings,
           const WorkingSet& in_use);

  // The flows of a group now; none if it has no object (any more).
  FlowLines lines(const FlowGroup& group) const;

  FlowGroups all_groups() const;
  // Those that may have come or differ after a change of the directory; those that are programmed and of a key that
  // changed may have gone (FlowProgram knows them). `nodes` moves all destinations of a node.
  FlowGroups affected_by(const directory::Changes& changes) const;
  // … after a change of the local ports at `key`; `segments` when LocalPorts::segments() changed.
  FlowGroups affected_by_port(const LocalPort& port) const;
  FlowGroups segment_groups() const;
  // Of all VIPs, and of the own ports behind them.
  FlowGroups vip_groups() const;

  const HostSettings& settings() const { return settings_; }
  const LocalPorts& ports() const { return ports_; }

 private:
  FlowLines fixed_lines() const;
  FlowLines sender_lines(const std::string& vtep) const;
  FlowLines segment_lines(net::Vni vni) const;
  // Gateway addresses, and the other subnets of the network.
  void add_routes(FlowLines& lines, net::Vni vni, const std::string& network, net::Family family) const;
  FlowLines port_lines(const Attachment& attachment) const;
  FlowLines extra_lines(PortKey key) const;
  void add_address(FlowLines& lines, const LocalPort& port, net::IpAddress address, Generation generation) const;
  void add_discovery(FlowLines& lines, const LocalPort& port, net::IpAddress source, Generation generation) const;
  FlowLines from_host_lines(net::IpAddress address) const;
  void add_ways_out(FlowLines& lines, net::Vni vni, const std::string& network) const;
  void add_relay_groups(FlowLines& lines, net::Vni vni, const std::string& network, net::Ipv4Address last_resort) const;
  FlowLines destination_lines(PortKey key) const;
  FlowLines hairpin_lines(PortKey key) const;
  // vip_flows.cpp
  FlowLines vip_lines(const std::string& name) const;
  FlowLines backend_lines(PortKey key) const;
  void add_groups_of_backend(FlowLines& lines, const directory::Vip& vip,
                             const std::vector<directory::VipBackend>& used, std::size_t position) const;
  std::vector<directory::VipWay> vip_ways(const std::vector<directory::VipBackend>& backends) const;
  std::vector<directory::VipWay> others_ways(std::vector<directory::VipBackend> used, std::size_t position) const;
  void add_vips_of(PortKey key, FlowGroups& groups) const;
  void add_vip(const std::string& name, FlowGroups& groups) const;
  const LocalPort* open_port(PortKey key) const;
  std::set<net::Vni> vnis_in_use() const;
  std::set<std::string> peers() const;

  const directory::Directory& directory_;
  const LocalPorts& ports_;
  HostSettings settings_;
  const WorkingSet& in_use_;
};

FlowGroup destination_group(PortKey key);
FlowGroup hairpin_group(PortKey key);
FlowGroup backend_group(PortKey key);
// All groups that an entry of that key may have.
std::vector<FlowGroup> groups_of_entry(PortKey key);

// The gateway that `node` uses of those of a network when it knows of none whether it is alive: picked by a hash, so
// that the load spreads and one gateway more or less moves few nodes. Null if there is none.
const directory::Gateway* gateway_for(const std::string& node, const std::vector<directory::Gateway>& gateways);

}  // namespace mooring::agent
