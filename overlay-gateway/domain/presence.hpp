// When a gateway takes traffic, and which of several has the address that machines of the physical side route to.
//
// Gateways of a network forward alike and keep nothing of a connection: two that take the same packets do no harm. So
// nothing has to be agreed on: each decides by what it sees, and the cases in which two see different things end with
// two gateways at work, not with none. Pure. Threading: values.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace mooring::gateway {

struct PresenceFacts {
  bool whole = false;      // directory, flows and kernel are as they should be
  bool connected = false;  // to the switch
  bool links_up = false;   // the underlay's and the physical one have a carrier
  bool draining = false;   // an operator wants it to take nothing new
};

// Do nodes send packets here? It begins when everything is there, and goes on although something is missing for a
// moment (the controller, OVSDB): what the switch has is still right.
inline bool takes_traffic(bool before, const PresenceFacts& now) {
  return now.connected && now.links_up && !now.draining && (before || now.whole);
}

// In a word, for operators. `carries`: it takes traffic, or is the one that others would have to take over from.
inline std::string_view service_state(bool takes, bool carries, bool draining) {
  return draining ? (carries ? "draining" : "drained") : (takes ? "serving" : "not-ready");
}

// Of the gateways that take traffic, the one whose name comes first has the shared address. One that is drained keeps
// it while there is no other.
inline bool has_shared_address(const std::string& own, bool takes, const PresenceFacts& now,
                               const std::set<std::string>& live_peers) {
  const bool first = live_peers.empty() || own < *live_peers.begin();
  return takes ? first : now.draining && now.connected && now.links_up && live_peers.empty();
}

}  // namespace mooring::gateway
