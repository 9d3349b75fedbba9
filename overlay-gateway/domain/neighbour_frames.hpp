// What one says on an Ethernet segment about addresses, as whole frames: the questions and announcements of ARP and of
// IPv6 neighbour discovery, and who an answer says it is. Source: RFC 826, RFC 5227 (3), RFC 4861 (4.3, 4.4, 7.2.6),
// RFC 2464 (7). Bytes from outside: a frame that is cut or says something else is no answer. Pure. Threading: values.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "mooring/net/address.hpp"
#include "mooring/net/ip.hpp"

namespace mooring::gateway {

using Frame = std::vector<std::uint8_t>;

struct Speaker {
  net::MacAddress mac;
  std::uint16_t vlan = 0;  // 0: no tag
};

// Who has `asked`? To everybody (IPv6: to the group of its last 24 bits). `own` is of the same family.
Frame neighbour_question(const Speaker& speaker, net::IpAddress own, net::IpAddress asked);
// `address` is at the speaker's MAC, whoever had it before. `router`: it forwards (IPv6 has a flag for that).
Frame neighbour_announcement(const Speaker& speaker, net::IpAddress address, bool router);

struct Neighbour {
  net::IpAddress address;
  net::MacAddress mac;
  bool operator==(const Neighbour&) const = default;
};
// Of an ARP answer or a neighbour advertisement, without tags.
std::optional<Neighbour> neighbour_in(const Frame& frame);

}  // namespace mooring::gateway
