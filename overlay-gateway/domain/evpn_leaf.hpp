// Experimental: what a leaf of an EVPN fabric that runs FRR needs to take the overlay's subnets from gateways by BGP
// and to tell the fabric of them as IP prefix routes (type 5, RFC 9136). A text for an operator to read and install
// there; nothing of it is done on the gateway. Pure. Threading: values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "overlay-gateway/domain/bgp_plan.hpp"

namespace mooring::gateway {

struct EvpnLeaf {
  std::string network;  // of the gateway
  net::Vni vni;         // of the fabric's VRF for it: layer 3, not one of the overlay's own
  std::uint32_t gateway_as = 0;
  std::uint32_t leaf_as = 0;
  std::vector<net::IpAddress> gateways;  // this gateway's addresses on the leaf's segment
};

// In the words of FRR 8.4's configuration ("EVPN", "Router configuration" of its user guide).
std::string evpn_leaf_text(const EvpnLeaf& leaf);

}  // namespace mooring::gateway
