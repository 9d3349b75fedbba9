// The note that the CNI plugin leaves when a DEL cannot be told to the agent: a file in the agent's state folder, on
// the disk before DEL answers. The agent reads it when it is there again, and gives the address back as if it had been
// told. Here is what both must agree on: where notes are, what they are called and what they say; files are the
// callers'. Pure. Threading: values.
#pragma once

#include <string>
#include <string_view>

#include "mooring/ipam_api/json_fields.hpp"
#include "mooring/ipam_api/names.hpp"

namespace mooring::agent_api {

inline constexpr const char* default_state_folder = "/var/lib/mooring/agent";

struct DeletedNote {
  ipam_api::Attachment attachment;
  std::string reason;  // "cni-del", "cni-add-failed"
  bool operator==(const DeletedNote&) const = default;
};

// "/var/lib/mooring/agent/deleted"; the agent makes it.
std::string notes_folder(const std::string& state_folder);
// One file an attachment: "mo….json". Files of other names in the folder are half-written notes.
std::string note_name(const ipam_api::Attachment& attachment);
bool is_note_name(std::string_view name);

std::string write_note(const DeletedNote& note);
// Errors name the field. Unknown fields are ignored: the plugin may be newer.
Result<DeletedNote> read_note(std::string_view text);

}  // namespace mooring::agent_api
