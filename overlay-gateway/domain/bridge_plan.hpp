// Bridged mode: the flows that join a subnet to a VLAN of the physical segment. docs/gateway.md, "Bridged mode", has
// the picture; docs/ovs-pipeline.md the tables (60 to 79).
//
// Which of several gateways forwards is elected by VRRP (keepalived) for each VLAN, and the switch itself draws the
// conclusion (adr/0015): a gateway's own advertisement on its way out, and another gateway's that comes in, write one
// flow of table 61, the same one: the last advertisement wins, and without any for three seconds nobody forwards. So
// neither this program nor the controller has a part in it.
// Pure. Threading: values.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "mooring/directory/directory.hpp"
#include "mooring/ovs/group.hpp"
#include "mooring/ovs/meter.hpp"
#include "overlay-gateway/domain/neighbour_frames.hpp"

namespace mooring::gateway {

struct BridgedBlock {
  net::IpCidr cidr;
  net::IpAddress gateway;
  auto operator<=>(const BridgedBlock&) const = default;
};

struct BridgedSubnet {
  std::string name;
  net::Vni vni;
  std::uint16_t vlan = 0;              // 0: frames without a tag
  std::vector<BridgedBlock> blocks{};  // one of each family at most, IPv4 first
  auto operator<=>(const BridgedSubnet&) const = default;
  // The block that the address is in; null: none.
  const BridgedBlock* block_of(net::IpAddress address) const;

  // What machines see of the overlay: the same MAC on all gateways, like VRRP's virtual one; only the forwarder speaks.
  std::string mac() const;
  // Where keepalived speaks and hears: an internal port of br-tun.
  std::string election_port() const;
  std::uint32_t election_ofport() const;
};

// Of `network`, by name.
std::vector<BridgedSubnet> bridged_subnets(const directory::Directory& directory, const std::string& network);

struct BridgeFacts {
  std::vector<BridgedSubnet> bridged;
  std::vector<net::IpCidr> subnets;     // all of the network
  std::set<net::Ipv4Address> gateways;  // VTEPs of its other gateways
  bool isolated = false;
};

// Everything but what follows; nothing if no subnet is bridged.
std::vector<std::string> bridge_lines(const BridgeFacts& facts);
// For addresses leased to a node: somebody there may have them.
std::vector<std::string> bridge_block_lines(const BridgedSubnet& subnet, const net::IpCidr& part);
// Without them this gateway cannot become the forwarder: its advertisements do not leave.
std::vector<std::string> candidacy_lines(const std::vector<BridgedSubnet>& bridged, net::Ipv4Address own_vtep);
// Beside the flow of a container's address: gateways answer ARP or neighbour discovery for it, and nobody on the
// segment speaks for it.
std::vector<std::string> bridged_port_lines(const BridgedSubnet& subnet, net::IpAddress address,
                                            directory::Generation generation);
// The same for a VIP of the subnet.
std::vector<std::string> bridged_vip_lines(const BridgedSubnet& subnet, net::IpAddress address);

std::vector<ovs::Meter> bridge_meters(const std::vector<BridgedSubnet>& bridged);
std::vector<ovs::Group> bridge_groups();
inline constexpr std::uint32_t arp_packets_per_second = 200;    // of a VLAN, that are looked at
inline constexpr std::uint32_t nd_packets_per_second = 200;     // the same of neighbour discovery
inline constexpr std::uint32_t asked_packets_per_second = 100;  // of a VLAN, that this program hears of
inline constexpr std::uint32_t most_machines = 4096;            // addresses of a subnet and family, that are learned
inline constexpr std::uint16_t machine_idle_seconds = 600;
inline constexpr std::uint16_t election_hard_seconds = 3;

// First byte of the user data of what the switch sends this program; the VNI follows, three bytes.
namespace bridge_packet {
inline constexpr std::uint8_t unknown_machine = 1, arp_answer = 2, nd_answer = 3;
}

// The cookies of what the switch has learned: of an election, by the forwarder's VTEP; of machines, by VNI and family.
std::uint64_t elected_cookie(net::Ipv4Address forwarder);
std::uint64_t machine_cookie(net::Vni vni, net::Family family = net::Family::v4);

// keepalived's configuration: one instance for each VLAN. `virtual_router` 1 to 255, the same on all gateways.
std::string keepalived_config(const std::string& gateway, const std::vector<BridgedSubnet>& bridged,
                              net::Ipv4Address vtep, std::uint8_t virtual_router);

// Of the overlay on the segment, for neighbour_frames.hpp.
Speaker speaker_of(const BridgedSubnet& subnet);
// The actions that send an IP packet to a machine whose MAC is known.
std::string to_machine(const BridgedSubnet& subnet, const net::MacAddress& machine);

}  // namespace mooring::gateway
