// The userspace datapath has its own ARP cache for tunnel peers: the first packet to a peer that is not in it waits
// about a second, and entries age after 900 s. The datapath learns from ARP *answers* that pass br-phy, so each peer is
// asked by an ARP request of our own: the kernel alone would not ask for a peer whose address it saw in that peer's
// question. A datagram besides makes the kernel ask for the router where a peer is not on the underlay's own segment.
//
// Contract: one ARP request and one UDP datagram (port 9, discard) to each address; never blocks; what cannot be sent
// is left out.
// Threading: any. Call it when a peer appears, when vswitchd came back, and every `warmup_interval`.
#pragma once

#include <chrono>
#include <vector>

#include "mooring/net/address.hpp"

namespace mooring::underlay {

inline constexpr std::chrono::seconds warmup_interval{180};

// How many datagrams were sent. `source`: the own VTEP.
std::size_t warm_up_peers(net::Ipv4Address source, const std::vector<net::Ipv4Address>& peers);

}  // namespace mooring::underlay
