// May this port speak and be spoken to? The one rule that keeps two containers from answering for one address.
//
// A port is open, in both directions, only while the newest entry known for its (VNI, IP) carries its own generation on
// this node; one with an address of each family only while that is so for both. A port that the node gave its address
// by itself is open while the address is in a block of the node and nobody else's, or while the newest entry is that of
// the attachment that it was passed on from. Its record in OVSDB was written from the controller's answer and is
// evidence too: it is believed as long as the directory has not caught up with it. Pure. Threading: values.
#pragma once

#include <string>
#include <vector>

#include "mooring/directory/directory.hpp"
#include "ovs-agent/domain/local_ports.hpp"

namespace mooring::agent {

enum class GateReason {
  newest,        // open: the directory's newest entry is this port's
  leased,        // open: the node gave the address out of a block that is still its own
  record_alone,  // open: the directory has not got that far; the record in OVSDB is the best evidence
  leaving,       // shut: DEL has begun
  moved,         // shut: a newer entry lives on another node
  replaced,      // shut: a newer entry lives on this node (another container)
  released,      // shut: the directory knows that the key is free
  unknown_past,  // shut: the directory has passed this generation and holds an older entry (a restored store)
};

struct Gate {
  bool open = false;
  GateReason reason = GateReason::released;
  std::string node;  // `moved`: where to
  Generation newest = 0;
  std::string text() const;  // "open", "shut: moved to h2 with generation 57"
  bool operator==(const Gate&) const = default;
};

Gate gate_of(const LocalPort& port, const directory::Directory& directory);

// The open ports that are spoken to at this address, whichever VNI: those whose own address it is, then those that hold
// it as an extra one; the lowest VNI first. The host, which knows no VNI, means the first one.
std::vector<const LocalPort*> open_at(net::IpAddress address, const LocalPorts& ports,
                                      const directory::Directory& directory);

}  // namespace mooring::agent
