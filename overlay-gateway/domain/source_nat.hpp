// Source NAT for destinations that do not know the overlay: packets of these subnets that leave by the physical
// interface get the gateway's address there. As a table of the kernel's nftables, in the words in which nft(8) lists
// it. Connections belong to the gateway that they began on and die with it. Pure. Threading: values.
#pragma once

#include <set>
#include <string>

#include "mooring/net/address.hpp"

namespace mooring::gateway {

inline constexpr const char* nat_table = "mooring-gateway";  // of family ip

struct SourceNat {
  std::set<net::Cidr> sources;     // overlay prefixes; empty: no table
  std::set<net::Cidr> exceptions;  // destinations that know the overlay
  std::string interface;
  net::Ipv4Address address;
};

// The table as `nft --stateless list table ip mooring-gateway` shows it; "" for no sources.
std::string nat_text(const SourceNat& nat);
// One transaction that puts it in the place of what is there.
std::string nat_commands(const SourceNat& nat);

}  // namespace mooring::gateway
