// The flows that a gateway's bridge should have, as a function of the directory. docs/ovs-pipeline.md describes the
// tables; tests/golden/gateway_* show the text.
//
// The flows come in groups that change together, so that a change of one entry costs the flows of that entry. All
// ports of the gateway's network have one flow each, used both by packets from the physical side and by relayed ones.
// Pure. Threading: one thread; a plan refers to the directory and asks it anew at each call.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "mooring/directory/directory.hpp"
#include "mooring/ovs/flow.hpp"
#include "overlay-gateway/domain/bridge_plan.hpp"
#include "overlay-gateway/domain/pipeline.hpp"

namespace mooring::gateway {

using directory::PortKey;

// A TCP port that containers must not reach.
struct TcpDoor {
  net::Ipv4Address address;
  std::uint16_t port = 0;
};

struct GatewaySettings {
  std::string name;
  std::string network;  // of the foot: only its subnets are reachable from the physical side, only its ports relayed
  net::Ipv4Address vtep;
  std::optional<TcpDoor> controller;  // where it listens, if that is TCP
  bool bridges = false;               // it has an interface on the segment that subnets are bridged to
};

struct FlowGroup {
  enum class Kind {
    fixed,        // the same on every gateway
    layout,       // senders, VNIs and subnets of the network: few, and they change together
    destination,  // `key`: a port
    vip,          // `name`: which back end a connection goes to
    liveness,     // answers the nodes' BFD: takes traffic
    access_gate,  // what access rules judge; changes whenever any of them does
    access_rule,  // `rule`: one of them
    bridge,       // bridged subnets (bridge_plan.hpp)
    candidacy,    // stands for election as their forwarder
  };
  Kind kind = Kind::fixed;
  PortKey key;
  std::uint32_t rule = 0;  // AccessId
  std::string name;
  auto operator<=>(const FlowGroup&) const = default;
};
using FlowGroups = std::set<FlowGroup>;
FlowGroup vip_group(const std::string& name);

class FlowPlan {
 public:
  FlowPlan(const directory::Directory& directory, GatewaySettings settings);

  // The flows of a group now, as ovs-ofctl add-flow reads them; none if its object is not (or no longer) there.
  std::vector<std::string> lines(const FlowGroup& group) const;
  // Groups of the switch that these flows lead to, as ovs-ofctl add-group reads them.
  std::vector<std::string> switch_groups(const FlowGroup& group) const;
  FlowGroups all_groups() const;
  // Those that may differ after a change of the directory.
  FlowGroups affected_by(const directory::Changes& changes) const;

  // Nodes send packets to this gateway only while it answers. The caller updates liveness_group() after a change.
  void answer_liveness(bool answers) { answers_ = answers; }
  static FlowGroup liveness_group();
  // The same for its advertisements to the segment, and candidacy_group().
  void stand_for_election(bool stands) { stands_ = stands; }
  static FlowGroup candidacy_group();

  // Those that this gateway bridges.
  std::vector<BridgedSubnet> bridged() const;
  // The subnets of the gateway's network, IPv4 before IPv6, by name.
  std::vector<directory::Subnet> subnets() const;
  // VTEPs of all nodes and gateways but this one.
  std::set<net::Ipv4Address> peers() const;

 private:
  std::vector<std::string> fixed_lines() const;
  std::vector<std::string> layout_lines() const;
  std::vector<std::string> destination_lines(PortKey key) const;
  std::vector<std::string> liveness_lines() const;
  static std::string to_foot();
  void add_access_groups(FlowGroups& groups) const;
  std::vector<std::string> bridge_group_lines() const;
  // vip_plan.cpp
  std::vector<std::string> vip_lines(const std::string& name) const;
  std::vector<directory::VipWay> vip_ways(const std::string& name) const;
  void add_vips(const directory::Changes& changes, FlowGroups& groups) const;

  const directory::Directory& directory_;
  GatewaySettings settings_;
  bool answers_ = false;
  bool stands_ = false;
};

// Which flows of the switch may go although nothing desires them: those of ports only if the whole directory is known
// at or after the generation that they were made from, so that "not desired" is knowledge and not ignorance. What
// answers BFD stays while the directory is not whole: of a gateway whose process was started anew.
bool may_delete(const ovs::Flow& flow, const directory::Directory& directory);

}  // namespace mooring::gateway
