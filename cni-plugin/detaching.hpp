// Telling the agent that an attachment is gone, in a way that cannot get lost: if the agent is away, a note in its
// state folder tells it later (mooring/agent_api/deleted_note.hpp). Errors: what the agent refuses; its being away only
// where no note could be written either.
#pragma once

#include <string>

#include "cni-plugin/agent_client.hpp"

namespace mooring::cni {

// `reason`: "cni-del", "cni-add-failed". `state_folder`: the agent's.
Result<void> detach(const std::string& agent_socket, const std::string& state_folder,
                    const agent_api::DetachRequest& request, Deadline deadline, const Interruption& interruption);

}  // namespace mooring::cni
