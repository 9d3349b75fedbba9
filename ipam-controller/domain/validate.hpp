// The rules that objects keep, alone and among each other, checked before anything is written: a bad object never gets
// in, so it never stops good ones. Pure functions.
//
// Errors: invalid_argument (a field is wrong in itself), conflict (two things contradict; the other one is named),
// already_exists, not_found (what it refers to), in_use (what depends on it is named). Hints say the way out.
#pragma once

#include "ipam-controller/domain/objects.hpp"
#include "ipam-controller/domain/state.hpp"

namespace mooring::controller {

// May this object be added to the state? Pools: `ranges` and `exclusions` sorted (see normalised).
Result<void> check_new(const State& state, const Network& network);
Result<void> check_new(const State& state, const Subnet& subnet);
Result<void> check_new(const State& state, const Pool& pool);
// Sorted, adjacent ranges joined; overlapping ones are refused (`what` = "ranges" or "exclusions").
Result<std::vector<net::AddressRange>> normalised(std::string_view what, std::vector<net::AddressRange> ranges);
// All addresses of a subnet that a container may have.
std::vector<net::AddressRange> usable_ranges(const Subnet& subnet);

// May this node or gateway take that name and VTEP?
Result<void> check_registration(const State& state, const Node& node);
Result<void> check_registration(const State& state, const Gateway& gateway);

// A MAC that somebody wishes for, for that owner and address.
Result<void> check_wished_mac(const State& state, const Subnet& subnet, const BindingKey& owner,
                              net::Ipv4Address address, net::MacAddress mac);
// Is the address one that a container of the subnet may have, and nobody else's?
Result<void> check_address_usable(const Subnet& subnet, net::Ipv4Address address);
Result<void> check_address_free(const State& state, PortAddress address);

// Does anything depend on it?
Result<void> check_unused(const State& state, const Network& network);
Result<void> check_unused(const State& state, const Subnet& subnet);
Result<void> check_unused(const State& state, const Pool& pool);

// "shop/db-0 on node h1" or "shop/db-0 (stateful binding without a live port)": who has that address; empty: nobody.
std::string holder_of(const State& state, PortAddress address);

}  // namespace mooring::controller
