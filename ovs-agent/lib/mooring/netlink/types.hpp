// What the kernel knows about links, addresses, routes and neighbours, as values (IPv4; IPv6 comes with dual stack).
// Source: rtnetlink(7), include/uapi/linux/{if_link,if_addr,rtnetlink,neighbour}.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "mooring/net/address.hpp"

namespace mooring::netlink {

struct Link {
  int index = 0;
  std::string name;
  std::string alias;
  std::string kind;                    // "veth", "tun", "bridge" …; "" for physical ones and lo
  std::optional<net::MacAddress> mac;  // absent: none, or all zero (lo)
  std::uint32_t mtu_bytes = 0;
  std::uint32_t group = 0;
  bool up = false;       // administratively
  bool carrier = false;  // and the other end is there and up
  int peer_index = 0;    // IFLA_LINK: of a veth, in the namespace of the peer; 0 = none
  int master_index = 0;
};

struct VethEnd {
  std::string name;
  std::optional<net::MacAddress> mac;  // absent: random
  std::uint32_t mtu_bytes = 0;         // 0: 1500
};

// Made by one RTM_NEWLINK: moving a link between namespaces afterwards costs an rcu_barrier under the rtnl lock, which
// bounds a whole node to about 50 pods a second. The far end is born down: it is opened before it has a peer, so the
// kernel refuses IFF_UP there (ENOTCONN).
struct VethPair {
  VethEnd here;
  VethEnd peer;
  bool here_up = true;
  int peer_namespace_fd = -1;  // -1: the same namespace
  std::uint32_t group = 0;     // of this end: lets many be deleted by one message
};

// What shall be otherwise; absent = as it is, all in one message. Older kernels refuse to rename a link that is up
// (Errc::in_use): take it down first, with a change of its own.
struct LinkChange {
  std::optional<std::string> name;
  std::optional<std::string> alias;
  std::optional<net::MacAddress> mac;
  std::optional<std::uint32_t> mtu_bytes;
  std::optional<std::uint32_t> group;
  std::optional<bool> up;
};

struct Address {
  int link_index = 0;
  net::InterfaceAddress address;
  bool operator==(const Address&) const = default;
};

// rtm_protocol: who made the route. Numbers below 5 are the kernel's and the boot's; ours is free in
// /etc/iproute2/rt_protos.
inline constexpr std::uint8_t route_protocol_static = 4;
inline constexpr std::uint8_t route_protocol_mooring = 77;
inline constexpr std::uint32_t route_table_main = 254;

// A unicast route. Without `via` its scope is the link. 0.0.0.0/0 is the default route.
struct Route {
  net::Cidr destination;
  std::optional<net::Ipv4Address> via;
  int link_index = 0;
  std::optional<net::Ipv4Address> source;  // RTA_PREFSRC
  bool onlink = false;                     // `via` is a neighbour although no subnet says so
  std::uint8_t protocol = route_protocol_static;
  std::uint32_t metric = 0;
  std::uint32_t mtu_bytes = 0;  // 0: the link's
  std::uint32_t table = route_table_main;
  bool operator==(const Route&) const = default;
};

// A permanent entry of the ARP table.
struct Neighbour {
  int link_index = 0;
  net::Ipv4Address address;
  net::MacAddress mac;
  bool operator==(const Neighbour&) const = default;
};

}  // namespace mooring::netlink
