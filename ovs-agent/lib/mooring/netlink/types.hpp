// What the kernel knows about links, addresses, routes and neighbours, as values, of either family.
// Source: rtnetlink(7), include/uapi/linux/{if_link,if_addr,rtnetlink,neighbour}.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "mooring/net/ip.hpp"

namespace mooring::netlink {

// Of a link since it was made, as its own namespace counts: of a veth pair, one end's sent is the other's received.
struct LinkCounters {
  std::uint64_t received_packets = 0, received_bytes = 0, received_dropped = 0;
  std::uint64_t sent_packets = 0, sent_bytes = 0, sent_dropped = 0;
};

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
  LinkCounters counters;
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

// An IPv6 address is set without duplicate address detection (IFA_F_NODAD): whoever gives addresses out here knows that
// nobody else has them, and a tentative address cannot be used for a second.
struct Address {
  int link_index = 0;
  net::IpInterfaceAddress address;
  bool operator==(const Address&) const = default;
};

// rtm_protocol: who made the route. Numbers below 5 are the kernel's and the boot's; ours is free in
// /etc/iproute2/rt_protos.
inline constexpr std::uint8_t route_protocol_static = 4;
inline constexpr std::uint8_t route_protocol_mooring = 77;
inline constexpr std::uint32_t route_table_main = 254;

// A unicast route, of the family of its destination. Without `via` its scope is the link. 0.0.0.0/0 and ::/0 are
// default routes. A list tells no scope that follows from `via`. An IPv6 route of metric 0 gets the kernel's 1024, and
// is listed with it.
struct Route {
  net::IpCidr destination;
  std::optional<net::IpAddress> via;
  int link_index = 0;
  std::optional<net::IpAddress> source;  // RTA_PREFSRC
  bool onlink = false;                   // `via` is a neighbour although no subnet says so
  std::uint8_t protocol = route_protocol_static;
  std::uint32_t metric = 0;
  std::uint32_t mtu_bytes = 0;     // 0: the link's
  std::uint32_t advmss_bytes = 0;  // 0: from the MTU
  std::uint32_t table = route_table_main;
  std::optional<std::uint8_t> scope{};  // absent, and never so in IPv6: global with `via`, else link
  bool operator==(const Route&) const = default;
};

// A permanent entry of the ARP or ND table.
struct Neighbour {
  int link_index = 0;
  net::IpAddress address;
  net::MacAddress mac;
  bool operator==(const Neighbour&) const = default;
};

}  // namespace mooring::netlink
