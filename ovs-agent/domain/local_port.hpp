// A container interface of this node, and its record in OVSDB (`external_ids` of the Interface row, docs/api/agent.md),
// from which the agent rebuilds itself.
// Pure. Threading: values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "mooring/agent_api/bandwidth.hpp"
#include "mooring/base/error.hpp"
#include "mooring/directory/port_table.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::agent {

using directory::PortKey;
using ipam_api::Attachment;
using ipam_api::Generation;

// What the record says.
struct PortRecord {
  Attachment attachment;
  std::string pod;  // "namespace/hostname"
  std::string uid;  // "" where the runtime has none
  std::string network;
  net::Vni vni;
  // With the subnet's prefix length; at least one, at most one of each family, IPv4 first.
  std::vector<net::IpInterfaceAddress> addresses;
  net::MacAddress mac;
  Generation generation = 0;
  std::string boot_id;          // the kernel's, when the port was made
  std::string netns;            // path of the namespace
  std::uint32_t mtu_bytes = 0;  // of both ends; 0 = not known
  std::string cni_network;      // name of the CNI network that made it; "" = not known
  agent_api::Bandwidth bandwidth;
  // Who gave the addresses: "" the controller. Else this node, while the controller was away, which has yet to be told:
  // "block" out of a block that is leased to the node; anything else is the attachment ("container-id/ifname") that the
  // controller knows under these addresses and this generation, and that the hostname came back without.
  std::string given;

  // The first address' key: names the port to the controller, which takes any of them.
  PortKey key() const { return {vni, addresses.front().address}; }
  std::vector<PortKey> keys() const;
  // "10.0.0.5/24", "fd00::5/64" or "10.0.0.5/24, fd00::5/64".
  std::string addresses_text() const;
  bool operator==(const PortRecord&) const = default;
};

inline constexpr const char* given_of_block = "block";
inline constexpr const char* given_key = "mooring.given";

using ExternalIds = std::map<std::string, std::string, std::less<>>;

PortRecord record_of(const ipam_api::Allocation& allocation, const Attachment& attachment, const std::string& pod_uid,
                     const std::string& netns, const std::string& boot_id, const std::string& cni_network = {});
std::map<std::string, std::string> external_ids_of(const PortRecord& record);
// not_found: not one of our ports (no mooring.attachment). invalid_argument: ours, and a value cannot be read.
Result<PortRecord> record_from(const ExternalIds& external_ids);

// A port as the agent works with it.
struct LocalPort {
  PortRecord record;
  std::string interface;     // host end of the veth pair, and name of the OVSDB port
  std::uint32_t ofport = 0;  // reserved, or what vswitchd gave
  bool in_ovsdb = false;     // the row is there
  bool leaving = false;      // DEL has begun: shut, whatever the directory says
  bool confirmed = false;    // its ADD is over (or it was found in OVSDB)
};

}  // namespace mooring::agent
