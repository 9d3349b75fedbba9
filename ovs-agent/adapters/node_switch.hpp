// The node's Open vSwitch: makes br-int, br-tun, their ports, mooring0 and, with the userspace datapath, br-phy, and
// keeps making them whenever OVSDB, vswitchd or the kernel have lost them. Forwards OVSDB's states, and owns the two
// FlowSyncs and the packets of br-tun. Threading: the agent's one thread; libopenvswitch's threads post into it.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "mooring/directory/gateway_ports.hpp"
#include "mooring/ovs/flow_sync.hpp"
#include "mooring/ovs/ovsdb.hpp"
#include "mooring/ovs/packet_channel.hpp"
#include "mooring/underlay/peer_warmup.hpp"
#include "mooring/underlay/physical_bridge.hpp"
#include "mooring/underlay/tunnel.hpp"
#include "ovs-agent/adapters/kernel.hpp"
#include "ovs-agent/app/node_state.hpp"
#include "ovs-agent/app/ports.hpp"

namespace mooring::agent {

struct SwitchSettings {
  std::string ovsdb;           // "unix:/run/openvswitch/db.sock"
  std::string run_dir;         // where BRIDGE.mgmt are
  std::string datapath;        // "auto", "system", "netdev"
  std::string underlay_nic;    // "": the operator has put the VTEP address where the datapath finds it
  std::string underlay_state;  // file
  net::Ipv4Address vtep;
  std::function<void(std::chrono::nanoseconds)> bundle_took;  // each bundle of flows, until the switch's barrier
};

class NodeSwitch final : public SwitchPort {
 public:
  struct Callbacks {
    std::function<void(std::shared_ptr<const ovs::OvsdbState>)> ovsdb_changed;
    std::function<void()> host_interface_made;                         // mooring0 is new: its routes are gone
    std::function<void(const ovs::DesiredFlows&)> tunnel_flows_found;  // FlowSync::Options::found of br-tun
    std::function<void(std::vector<ovs::PacketIn>)> packets;           // of br-tun
  };
  NodeSwitch(NodeState& state, SwitchSettings settings, Kernel& kernel, ovs::MayDelete may_delete);

  void on(Callbacks callbacks) { callbacks_ = std::move(callbacks); }
  // Ensures, waits for a change, ensures again, for ever.
  asio::awaitable<void> run();

  asio::awaitable<Result<void>> delete_ports(std::vector<std::string> interfaces) override;
  asio::awaitable<Result<void>> restore_ports(std::vector<LocalPort> ports) override;
  // Tunnel peers that should be known to the userspace datapath's ARP cache.
  void set_peers(std::vector<net::Ipv4Address> peers);

  // Ports that br-tun should have; `complete`: others to gateways may go.
  void set_gateways(std::vector<directory::GatewayPort> gateways, bool complete);

  ovs::FlowSync& br_int() { return *br_int_; }
  ovs::FlowSync& br_tun() { return *br_tun_; }
  ovs::PacketChannel& packets() { return *packets_; }
  // A further connection to a bridge, for whoever only asks.
  ovs::FlowSync::Dial dial(const char* bridge) const;
  std::optional<underlay::Datapath> datapath() const { return datapath_; }

 private:
  asio::awaitable<Result<void>> ensure();
  asio::awaitable<Result<void>> commit(std::string purpose, std::vector<ovs::OvsdbOperation> operations);
  std::vector<ovs::OvsdbOperation> operations() const;
  Result<void> ofports_as_wanted() const;
  asio::awaitable<void> ensure_gateway_ports();
  void warm_up(bool all_anew);

  NodeState& state_;
  SwitchSettings settings_;
  Kernel& kernel_;
  Callbacks callbacks_;
  std::optional<underlay::Datapath> datapath_;
  std::optional<underlay::PhysicalBridge> physical_;
  std::vector<net::Ipv4Address> peers_;    // sorted
  std::vector<net::Ipv4Address> warming_;  // those that the next round asks: new ones, or all
  underlay::WarmupSchedule warmup_;
  std::vector<directory::GatewayPort> gateways_;
  bool gateways_complete_ = false;
  std::string gateway_problem_;  // logged once
  std::unique_ptr<ovs::FlowSync> br_int_, br_tun_;
  std::unique_ptr<ovs::PacketChannel> packets_;
  std::unique_ptr<ovs::Ovsdb> ovsdb_;
};

// Does OVSDB hold what these operations would make? (Then nothing needs to be written.)
bool holds(const ovs::OvsdbState& state, const std::vector<ovs::OvsdbOperation>& operations);

}  // namespace mooring::agent
