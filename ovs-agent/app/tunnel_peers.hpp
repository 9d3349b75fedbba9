// Who this node has tunnels with. Threading: pure function.
#pragma once

#include <string>
#include <vector>

#include "mooring/directory/directory.hpp"

namespace mooring::agent {

// VTEPs of all other nodes and of the gateways.
inline std::vector<net::Ipv4Address> tunnel_peers(const directory::Directory& directory, const std::string& own_node) {
  std::vector<net::Ipv4Address> peers;
  for (const auto& [name, node] : directory.nodes()) {
    if (name != own_node) {
      peers.push_back(node.vtep);
    }
  }
  for (const auto& [name, gateway] : directory.gateways()) {
    peers.push_back(gateway.vtep);
  }
  return peers;
}

}  // namespace mooring::agent
