// Who sent a packet to whom: what of its first bytes a miss needs, and the ICMP answer "no such host".
// Pure; every byte comes from a container: nothing is trusted. Threading: values.
// Source: RFC 791 (IPv4), RFC 8200 (IPv6), RFC 792 and RFC 1812 4.3.2 (ICMP errors), RFC 4443 (ICMPv6).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "mooring/net/ip.hpp"

namespace mooring::agent {

struct PacketHead {
  net::IpAddress source;
  net::IpAddress destination;
  bool may_be_answered = false;  // with an ICMP error: no error itself, no later fragment, both addresses of one host
};

// `frame` from the Ethernet header on, possibly cut. None: not IP, or cut too early, or its lengths contradict it.
std::optional<PacketHead> read_head(std::span<const std::uint8_t> frame);

// The frame that tells the sender of `frame` that the host cannot be reached, from `router` (the same family); the
// Ethernet header is left for br-int to fill in but for the type. Empty if the packet may not be answered.
std::vector<std::uint8_t> host_unreachable(std::span<const std::uint8_t> frame, net::IpAddress router);

}  // namespace mooring::agent
