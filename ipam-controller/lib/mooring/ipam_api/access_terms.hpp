// What an access rule says: which packets between a physical network and an overlay network it lets pass, or stops
// (docs/howto/access-rules.md). The same fields in the API, in the store and in the directory's entries.
//
// Threading: values and pure functions.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mooring/ipam_api/json_fields.hpp"
#include "mooring/net/ip.hpp"

namespace mooring::ipam_api {

inline constexpr std::uint32_t last_access_order = 30'000;
inline constexpr std::size_t max_access_prefixes = 1000;  // of a side: the rule must fit a line of the watch stream

enum class AccessAction { allow, deny };
enum class AccessDirection { from_physical, to_physical };
enum class AccessProtocol { any, tcp, udp, icmp };
std::string to_string(AccessAction action);
std::string to_string(AccessDirection direction);
std::string to_string(AccessProtocol protocol);

// "80" or "8000-8999"; never port 0.
struct PortRange {
  std::uint16_t first = 1, last = 1;
  static Result<PortRange> parse(std::string_view text);
  std::string str() const;
  auto operator<=>(const PortRange&) const = default;
};

struct AccessTerms {
  std::string network;
  std::uint32_t order = 0;  // 1 to last_access_order; of rules that fit, the lowest one's says it
  AccessAction action = AccessAction::deny;
  AccessDirection direction = AccessDirection::from_physical;
  std::vector<net::IpCidr> physical;  // empty: everybody
  // The overlay's side: a subnet, a list, or blocks; none of them: all of the network.
  std::string subnet;
  std::string list;
  std::vector<net::IpCidr> addresses;
  AccessProtocol protocol = AccessProtocol::any;
  std::vector<PortRange> ports, source_ports;  // of TCP and UDP; empty: all

  bool operator==(const AccessTerms&) const = default;
};

void put_access_terms(Json& json, const AccessTerms& terms);
// What is wrong is filed in `fields`. The network may be left out if there is a `default_network`.
AccessTerms access_terms_from(Fields& fields, std::string_view default_network);

}  // namespace mooring::ipam_api
