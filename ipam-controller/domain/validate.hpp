// The rules that objects keep, alone and among each other, checked before anything is written: a bad object never gets
// in, so it never stops good ones. Pure functions.
//
// Errors: invalid_argument (a field is wrong in itself), conflict (two things contradict; the other one is named),
// already_exists, not_found (what it refers to), in_use (what depends on it is named). Hints say the way out.
#pragma once

#include "ipam-controller/domain/objects.hpp"
#include "ipam-controller/domain/state.hpp"

namespace mooring::controller {

// What the admin left open is filled in: a subnet's gateway (the first address behind the network's), a pool's ranges
// (the whole subnet; sorted, adjacent ones joined), a reservation's and an extra address's place. A list's addresses
// are sorted and joined, an access rule's blocks and ports are sorted.
Result<Subnet> completed(const State& state, Subnet wanted);
Result<Pool> completed(const State& state, Pool wanted);
Result<ExtraAddress> completed(const State& state, ExtraAddress wanted);
Result<AddressList> completed(const State& state, AddressList wanted);
Result<AccessRule> completed(const State& state, AccessRule wanted);
Result<Vip> completed(const State& state, Vip wanted);
template <class T>
Result<T> completed(const State&, T wanted) {
  return wanted;
}

// May this object be there, and may it take the place of `there` (nullptr: it is new)? `wanted` is completed.
Result<void> check(const State& state, const Network& wanted, const Network* there);
Result<void> check(const State& state, const Subnet& wanted, const Subnet* there);
Result<void> check(const State& state, const Pool& wanted, const Pool* there);
Result<void> check(const State& state, const Reservation& wanted, const Reservation* there);
Result<void> check(const State& state, const Rule& wanted, const Rule* there);
Result<void> check(const State& state, const Vip& wanted, const Vip* there);
Result<void> check(const State& state, const Webhook& wanted, const Webhook* there);
Result<void> check(const State& state, const ExtraAddress& wanted, const ExtraAddress* there);
Result<void> check(const State& state, const AddressList& wanted, const AddressList* there);
Result<void> check(const State& state, const AccessRule& wanted, const AccessRule* there);
// The lowest that no VIP has.
std::uint32_t free_vip_number(const State& state);
// Sorted, adjacent ranges joined; overlapping ones are refused (`what` = "ranges" or "exclusions").
Result<std::vector<net::IpRange>> normalised(std::string_view what, std::vector<net::IpRange> ranges);
// All addresses of a subnet that a container may have.
std::vector<net::IpRange> usable_ranges(const Subnet& subnet);

// May this node or gateway take that name and VTEP?
Result<void> check_registration(const State& state, const Node& node);
Result<void> check_registration(const State& state, const Gateway& gateway);

// A MAC that somebody wishes for, for that owner and those addresses.
Result<void> check_wished_mac(const State& state, const Subnet& subnet, const BindingKey& owner,
                              const net::AddressPair& addresses, net::MacAddress mac);
// Is the address one that a container of the subnet may have, and nobody else's? `owner` may have back what rests, and
// `node` has its blocks.
Result<void> check_address_usable(const Subnet& subnet, net::IpAddress address);
Result<void> check_address_free(const State& state, PortAddress address, const BindingKey& owner, std::string_view node,
                                TimeMs now);

// Does anything depend on it?
Result<void> check_unused(const State& state, const Network& network);
Result<void> check_unused(const State& state, const Subnet& subnet);
Result<void> check_unused(const State& state, const Pool& pool);
Result<void> check_unused(const State& state, const AddressList& list);
template <class T>
Result<void> check_unused(const State&, const T&) {
  return ok();
}

// "shop/db-0 on node h1" or "shop/db-0 (stateful binding without a live port)": who has that address; empty: nobody.
std::string holder_of(const State& state, PortAddress address);

}  // namespace mooring::controller
