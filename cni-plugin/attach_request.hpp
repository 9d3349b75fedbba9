// What an ADD asks the agent for, out of environment, configuration and pod annotations (docs/reference/cni.md).
//
// Two sets of wishes, because the controller's rules come between them: those of this pod (annotation over CNI_ARGS
// over capability argument, field by field), and what the network configuration says for everybody. Errors:
// Errc::invalid_config (configuration, annotation), bad_environment (CNI_ARGS), unsupported; each names where the value
// came from.
#pragma once

#include "cni-plugin/call.hpp"
#include "cni-plugin/net_conf.hpp"
#include "mooring/agent_api/messages.hpp"

namespace mooring::cni {

Result<agent_api::AttachRequest> attach_request_for(const Call& call, const ConfiguredWishes& configured);

// A legal label out of a container's id, or out of a name that is no hostname: 64 hexadecimal digits become the first
// 16; others keep what a label can hold, with a hash at the end where that is not the whole. `text` is not empty.
std::string hostname_from(const std::string& text);

// The number at the end of the interface's name: eth0 -> 0, net1 -> 1; 0 if there is none.
Result<std::uint32_t> interface_ordinal(std::string_view ifname);

}  // namespace mooring::cni
