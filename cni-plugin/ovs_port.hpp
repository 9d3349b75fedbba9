// The OVS port of an attachment: an Interface and a Port of the host end's name, in the bridge's set of ports.
// Errors: Errc::already_exists (a port of that name), not_found (no such bridge), and those of OvsdbClient.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cni-plugin/ovsdb_client.hpp"
#include "mooring/agent_api/messages.hpp"

namespace mooring::cni {

struct OvsPort {
  std::string bridge;
  std::string name;
  std::uint32_t ofport = 0;  // wished for; 0: OVS chooses
  std::map<std::string, std::string> external_ids;
};

// One transaction, in two halves: vswitchd begins to add the port when the first is done.
Result<void> begin_adding(OvsdbClient& ovsdb, const OvsPort& port);
Result<void> finish_adding(OvsdbClient& ovsdb, const OvsPort& port);

// Names of the ports that the attachment has: by its name, or by external_ids.
Result<std::vector<std::string>> ports_of(OvsdbClient& ovsdb, const agent_api::Attachment& attachment);

// Whatever the attachment has; nothing is fine too.
Result<void> remove_ports_of(OvsdbClient& ovsdb, const agent_api::Attachment& attachment);

}  // namespace mooring::cni
