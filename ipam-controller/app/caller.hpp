// Who changes something, why, and how: it goes into the ledger with every object written.
// Threading: values.
#pragma once

#include <optional>
#include <string>

#include "ipam-controller/domain/objects.hpp"

namespace mooring::controller {

struct Actor {
  enum class Kind { person, node, gateway, system };
  Kind kind = Kind::system;
  std::string name;  // of the token or user, of the node; what part of the system
  std::string from;  // where the request came from: "unix", "192.0.2.7:4711"
  bool operator==(const Actor&) const = default;
};
// "person", "node", "gateway", "system".
std::string to_string(Actor::Kind kind);

struct Caller {
  Actor actor;
  std::string reason;  // as the caller gave it: "ticket 4711", "cni-del"
  // Everything is checked and the answer is what it would be, but nothing is written.
  bool dry_run = false;
  // The object must be at this revision, else Errc::changed_meanwhile.
  std::optional<Revision> if_match;
};

}  // namespace mooring::controller
