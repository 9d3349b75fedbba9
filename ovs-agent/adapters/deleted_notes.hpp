// The notes that the CNI plugin leaves while this agent is away (mooring/agent_api/deleted_note.hpp), as files.
// Threading: one thread.
#pragma once

#include <string>

#include "ovs-agent/app/ports.hpp"

namespace mooring::agent {

class DeletedNotes final : public NotesPort {
 public:
  // Makes the folder where it is missing, and removes what plugins left half-written. Throws std::runtime_error if it
  // cannot be made.
  explicit DeletedNotes(const std::string& state_folder);

  std::vector<agent_api::DeletedNote> read() override;
  void forget(const Attachment& attachment) override;

 private:
  std::string folder_;
};

}  // namespace mooring::agent
