// What a node has, by its own records: Open vSwitch's database, the kernel and the journal. A node says it when it is
// asked (question "inventory", docs/api/watch.md) and, without being asked, when it registers with an incarnation of
// the controller's store that it has not reported to (POST /v1/nodes/NAME/inventory).
//
// It is evidence only if it is `complete`; what it does not name is then not there.
// Threading: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mooring/ipam_api/json_fields.hpp"
#include "mooring/ipam_api/names.hpp"
#include "mooring/net/address.hpp"
#include "mooring/net/ip.hpp"

namespace mooring::ipam_api {

// What the node's journal says of a port.
enum class JournalMark {
  none,       // settled
  adding,     // an ADD is in flight, its plugin lives
  deleting,   // DEL is done or under way, its row is still there
  releasing,  // the controller has yet to be told that it is free
};
std::string to_string(JournalMark mark);
Result<JournalMark> parse_journal_mark(std::string_view text);

struct InventoryPort {
  Attachment attachment;
  std::string pod_uid;  // "" where the runtime has none
  std::string network, namespace_, hostname;
  std::optional<net::Vni> vni;  // none, like everything that the node does not know: a release that the journal owes
  net::AddressPair addresses;
  std::optional<net::MacAddress> mac;
  Generation generation = 0;
  std::uint32_t ofport = 0;
  bool ovs_port = false;     // its row is in Open vSwitch's database
  bool link = false;         // the host end of its veth pair is there
  bool delegated = false;    // another main plugin made its interface: it has no row and no link of ours
  bool netns_alive = false;  // the path of its namespace leads to one
  std::string boot_id;       // the kernel's when it was made
  JournalMark journal = JournalMark::none;
  bool operator==(const InventoryPort&) const = default;
};

struct NodeInventory {
  bool complete = false;                 // the database was read whole and is connected, the kernel answered
  std::string boot_id;                   // the kernel's, now
  std::string ovsdb_id;                  // another one: the database was made anew
  Generation highest_generation = 0;     // no generation or revision above it was ever seen by this node
  std::vector<Attachment> in_flight;     // ADDs whose plugin lives
  std::vector<InventoryPort> ports;      // by attachment
  std::vector<std::string> stray_links;  // links with a name of ours that belong to none of them
  bool operator==(const NodeInventory&) const = default;
};

Json to_json(const InventoryPort& value);
Json to_json(const NodeInventory& value);
// Unknown fields are ignored: a node may be newer. Errors name the field.
Result<NodeInventory> inventory_from(const Json& json);

}  // namespace mooring::ipam_api
