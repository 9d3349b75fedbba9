#include "mooring/agent_api/deleted_note.hpp"

#include "mooring/agent_api/messages.hpp"

namespace mooring::agent_api {
namespace {

constexpr std::string_view ending = ".json";

}  // namespace

std::string notes_folder(const std::string& state_folder) {
  return state_folder + "/deleted";
}

std::string note_name(const Attachment& attachment) {
  return host_interface_name(attachment) + std::string(ending);
}

bool is_note_name(std::string_view name) {
  return name.ends_with(ending);
}

std::string write_note(const DeletedNote& note) {
  return Json{{"attachment", note.attachment.str()}, {"reason", note.reason}}.dump() + "\n";
}

Result<DeletedNote> read_note(std::string_view text) {
  const auto json = ipam_api::parse_json("a note of a DEL", text);
  if (!json) {
    return json.error();
  }
  ipam_api::Fields fields(*json, "note of a DEL", ipam_api::Fields::Unknown::ignore);
  DeletedNote note;
  note.attachment = fields.parsed("attachment", &ipam_api::parse_attachment);
  note.reason = fields.string("reason");
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return note;
}

}  // namespace mooring::agent_api
