// Takes the veth pair of an attachment out of use at once, for mooring-agent to delete with others of its kind.
// Errors: those of mooring::netlink. Source: mooring/agent_api/retired_link.hpp says why.
#pragma once

#include <optional>
#include <string>

#include "mooring/agent_api/messages.hpp"

namespace mooring::cni {

// Down, renamed at both ends, in the group of retired links. The container end is left alone if `netns` is gone, or its
// interface of that name is not the far end of this pair. Answers the host end's index; nothing if there is no such
// link.
Result<std::optional<int>> retire_link(const agent_api::Attachment& attachment, const std::string& netns);

// For good, when there is no agent that would.
Result<void> delete_retired_link(int index);

}  // namespace mooring::cni
