// Telling the agent that an attachment is gone, in a way that cannot get lost: if the agent is away, a note in its
// state folder tells it later (mooring/agent_api/deleted_note.hpp). Errors: what the agent refuses; its being away only
// where no note could be written either.
#pragma once

#include <string>

#include "cni-plugin/agent_client.hpp"

namespace mooring::cni {

// In two halves, so that there is time to do other things while the agent tells the controller. What is referred to
// must outlive it.
class Detaching {
 public:
  // `request.reason`: "cni-del", "cni-add-failed". `state_folder`: the agent's.
  Detaching(const std::string& agent_socket, std::string state_folder, agent_api::DetachRequest request,
            Deadline deadline, const Interruption& interruption);
  Result<void> finish();
  // After finish(): nobody heard it but the note.
  bool agent_is_away() const { return agent_is_away_; }

 private:
  Result<void> answer();

  std::string state_folder_;
  agent_api::DetachRequest request_;
  Result<AgentClient> agent_;
  Result<void> sent_ = ok();
  bool agent_is_away_ = false;
};

// Both halves at once.
Result<void> detach(const std::string& agent_socket, const std::string& state_folder,
                    const agent_api::DetachRequest& request, Deadline deadline, const Interruption& interruption);

}  // namespace mooring::cni
