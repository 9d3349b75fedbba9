// The words that the flows of bridged mode are written with, as ovs-ofctl add-flow reads them. Pure. Threading: values.
#pragma once

#include <string>
#include <vector>

#include "overlay-gateway/domain/bridge_plan.hpp"
#include "overlay-gateway/domain/pipeline.hpp"

namespace mooring::gateway::bridging {

using Lines = std::vector<std::string>;

// Meters: these and the VLAN.
inline constexpr std::uint32_t arp_meters = 70'000, asked_meters = 75'000, nd_meters = 80'000;
inline constexpr const char* vrrp_address = "224.0.0.18";                             // RFC 5798, 5.1.1.2
inline constexpr const char* cross_over = "move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]";  // it goes back to who sent it

std::string line(int in_table, int priority, std::uint64_t cookie, const std::string& match,
                 const std::string& actions);
std::string same_everywhere(int in_table, int priority, const std::string& match, const std::string& actions);
std::string of_layout(int in_table, int priority, const std::string& match, const std::string& actions);

// "ip", "ipv6": what every match on an address begins with.
std::string protocol(net::Family family);
std::string to_block(const net::IpCidr& block);
std::string from_block(const net::IpCidr& block);
net::IpCidr alone(net::IpAddress address);

std::string on_segment(const BridgedSubnet& subnet);
std::string untag(const BridgedSubnet& subnet);
std::string tag(const BridgedSubnet& subnet);
std::string of_vni(const BridgedSubnet& subnet);
// Of which segment the packet is, and who forwards there.
std::string look_up(const BridgedSubnet& subnet);
// To this program.
std::string tell(std::uint8_t kind, const BridgedSubnet& subnet);

// bridge_neighbours.cpp: who asks on the segment for an address of the overlay is answered, who says that he has one
// of the segment's is learned.
void add_arp(Lines& lines, const BridgedSubnet& subnet, const BridgedBlock& block);
void add_discovery(Lines& lines, const BridgedSubnet& subnet, const BridgedBlock& block);
// Questions for these addresses are answered.
std::string answered_for(const BridgedSubnet& subnet, int priority, std::uint64_t cookie, const net::IpCidr& addresses);

}  // namespace mooring::gateway::bridging
