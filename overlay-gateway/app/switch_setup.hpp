// What a gateway has in its Open vSwitch: br-tun with vxlan0 and mooring-gw0, and br-phy where the datapath needs it.
// Pure: values for OVSDB and checks of what was read from it.
#pragma once

#include <cstdint>
#include <vector>

#include "mooring/ovs/ovsdb.hpp"
#include "mooring/underlay/tunnel.hpp"

namespace mooring::gateway {

struct SwitchWish {
  underlay::Datapath datapath = underlay::Datapath::netdev;
  net::Ipv4Address vtep;
  std::uint32_t foot_mtu_bytes = 0;
};

std::vector<ovs::OvsdbOperation> switch_operations(const SwitchWish& wish);

// Every port of the wish is there under its number, and vswitchd opened it. `with_br_phy`: its name.
bool switch_is_whole(const ovs::OvsdbState& state, const std::string& physical_bridge);

// Is br-tun (if it is there) ours to change? `in_use` if an agent has it.
Result<void> bridge_is_free(const ovs::OvsdbState& state);

}  // namespace mooring::gateway
