// Which tap device in a container's namespace is ours: its alias names the attachment.
// Threading: values.
#pragma once

#include <string>

#include "mooring/ipam_api/messages.hpp"

namespace mooring::agent_api {

inline std::string tap_alias(const ipam_api::Attachment& attachment) {
  return "mooring " + attachment.str();
}

}  // namespace mooring::agent_api
