// Destinations of br-tun on demand: a packet that had no flow is answered from the own copy of the directory, within a
// millisecond and without asking anybody.
//
//   a gateway relays the packet and we have a copy: the direct flow is installed, what follows takes it
//   nobody else has the packet: the flow is installed, and the packet handed back to the switch
//   the directory has no such port: nothing is installed; a container may be told that there is no such host
//
// What was not used for its idle time goes again; what a read-back finds and the directory knows is taken up (an agent
// that was restarted); what a new vswitchd has lost is replayed, since it is desired.
// Threading: the agent's one thread.
#pragma once

#include <functional>
#include <vector>

#include "mooring/ovs/packet_channel.hpp"
#include "ovs-agent/app/flow_program.hpp"
#include "ovs-agent/app/node_state.hpp"
#include "ovs-agent/domain/miss.hpp"

namespace mooring::agent {

class Destinations {
 public:
  struct Counters {
    std::uint64_t copies = 0, whole = 0;  // packets that came
    std::uint64_t unreadable = 0;
    std::uint64_t installed = 0, taken_up = 0, evicted = 0, expired = 0;
    std::uint64_t full = 0;        // left to the relay: no room
    std::uint64_t reinjected = 0;  // whole packets sent on their way
    std::uint64_t unknown = 0;     // for addresses that no port elsewhere has
    std::uint64_t refused = 0;     // senders that were told so
  };

  // `current`: is the controller's stream there, so that the directory is not behind for long? `remember`: writes down
  // what is in use, for an agent that starts after Open vSwitch has lost its flows.
  using Remember = std::function<void(const std::vector<PortKey>&)>;
  Destinations(NodeState& state, FlowProgram& flows, ovs::PacketChannel& packets, std::function<bool()> current,
               Remember remember);

  // What br-tun sent us.
  void received(const std::vector<ovs::PacketIn>& packets);
  // What br-tun holds: destinations that the directory knows are desired from now on.
  void take_up(const ovs::DesiredFlows& actual);
  // After the flows have followed.
  void directory_changed(const directory::Changes& changes);
  // Looks at the uses of the flows: once, for ever.
  asio::awaitable<void> look();
  asio::awaitable<void> run();

  const Counters& counters() const { return counters_; }

 private:
  void miss(const ovs::PacketIn& packet, FlowGroups& groups);
  // `whole`: nobody else has the packet.
  void elsewhere(const Miss& miss, net::Ipv4Address vtep, bool whole, const ovs::PacketIn& packet, FlowGroups& groups);
  void nowhere(const Miss& miss, const ovs::PacketIn& packet);
  void write_down();

  NodeState& state_;
  FlowProgram& flows_;
  ovs::PacketChannel& packets_;
  std::function<bool()> current_;
  Remember remember_;
  std::vector<PortKey> remembered_;  // sorted
  RefusalPace pace_;
  Counters counters_;
};

// Those of `keys` that the directory knows elsewhere are in use from now on; the flows are to be computed after it.
void restore_destinations(NodeState& state, const std::vector<PortKey>& keys, net::Ipv4Address own_vtep);

}  // namespace mooring::agent
