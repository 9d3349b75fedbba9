// Echo requests of an exact size that may not be fragmented, to several machines at once.
// Source: RFC 792; ip(7), IP_PMTUDISC_PROBE: what an earlier packet has learned of the path is not believed.
// Threading: blocks for at most `patience`.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "mooring/net/address.hpp"

namespace mooring::agent::doctor {

struct EchoTarget {
  net::Ipv4Address address;
  std::uint32_t size_bytes = 84;  // of the whole IP packet
};

struct EchoAnswer {
  bool answered = false;
  std::string problem;  // of sending: "Message too long"
};

// One entry for each target, in their order. Each is asked three times at most. Errors: permission_denied, io.
Result<std::vector<EchoAnswer>> echo(net::Ipv4Address from, const std::vector<EchoTarget>& targets,
                                     std::chrono::milliseconds patience);

}  // namespace mooring::agent::doctor
