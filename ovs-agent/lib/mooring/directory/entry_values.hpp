// The values of directory entries (docs/api/watch.md "Entries"), read from JSON. Fields that this version does not know
// are ignored; the first field that is wrong is named. Threading: values.
#pragma once

#include <optional>
#include <string>

#include "mooring/directory/directory.hpp"

namespace mooring::directory {

struct PortValue {
  std::string node, network, attachment;
  net::MacAddress mac;
  PortState state = PortState::pending;
};

// "10.0.0.5/32" (kind port), "fd00::5/128" (kind port6), either (kind extra) in shard = VNI.
Result<PortKey> port_key_from(const ipam_api::Entry& entry);
Result<PortValue> port_value_from(const ipam_api::Entry& entry);
Result<Network> network_from(const ipam_api::Entry& entry);
// Refused if block, gateway or a range is of another family.
Result<Subnet> subnet_from(const ipam_api::Entry& entry, net::Family family);
Result<Pool> pool_from(const ipam_api::Entry& entry, net::Family family);
Result<Node> node_from(const ipam_api::Entry& entry);
Result<Gateway> gateway_from(const ipam_api::Entry& entry);
Result<Vip> vip_from(const ipam_api::Entry& entry);
// Key: "A-B" in shard = VNI.
Result<Block> block_from(const ipam_api::Entry& entry);

Result<AccessRule> access_rule_from(const ipam_api::Entry& entry);
// Of the key: "LIST/BLOCK".
struct Listed {
  std::string list;
  net::IpCidr block;
};
Result<Listed> listed_from(std::string_view key);

}  // namespace mooring::directory
