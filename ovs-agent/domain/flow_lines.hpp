// The words that the node's flows are written with, as ovs-ofctl add-flow reads them.
// Pure. Threading: values.
#pragma once

#include <string>
#include <string_view>

#include "mooring/net/ip.hpp"
#include "ovs-agent/domain/pipeline.hpp"

namespace mooring::agent {

// "table=…,priority=…,cookie=…,MATCH,actions=ACTIONS"
std::string flow_line(int table, int priority, FlowOwner owner, std::uint64_t generation, std::string_view match,
                      std::string_view actions);
std::string fixed(int table, int priority, std::string_view match, std::string_view actions);
std::string layout(int table, int priority, std::string_view match, std::string_view actions);

// "ip,nw_dst=10.0.0.5", "ipv6,ipv6_dst=fd00::5"; with "src" accordingly.
std::string to_address(net::IpAddress address);
std::string from_address(net::IpAddress address);
std::string to_block(const net::IpCidr& block);

// Of br-tun: into the tunnel, as the segment's, to a node or gateway.
std::string to_peer(net::Vni vni, net::Ipv4Address vtep);

// The question in the packet becomes its answer: VMAC is the MAC of whatever was asked for.
std::string arp_answer();
// The same for IPv6, in two steps: the fields of an answer can be set only where the packet is known to be one.
std::string nd_answer_begun();
std::string nd_answer_finished(bool router);
// The echo request is turned round and goes the way of everything that is for the asking pod (the source MAC is the
// virtual one already). in_port is cleared: OVS does not send a packet out of the port that it came from.
std::string echo_answer(net::Family family);

}  // namespace mooring::agent
