// Addresses without a port: what mooring-ipam asks the agent for on behalf of another main plugin, which makes the
// interface itself (docs/api/agent.md). POST /v1/attach-delegated takes an AttachRequest; DEL is POST /v1/detach.
// Threading: values.
#pragma once

#include <string>
#include <vector>

#include "mooring/ipam_api/messages.hpp"

namespace mooring::agent_api {

struct DelegatedAnswer {
  ipam_api::Allocation allocation;
};

// POST /v1/check-delegated; the answer is a CheckAnswer.
struct DelegatedCheckRequest {
  ipam_api::Attachment attachment;
  std::vector<std::string> addresses;  // all of prevResult, with prefix length; ours must be among them
};

// Requests: errors name the field. Answers: unknown fields are ignored.
Result<DelegatedAnswer> delegated_answer_from(const ipam_api::Json& json);
Result<DelegatedCheckRequest> delegated_check_request_from(const ipam_api::Json& json);
ipam_api::Json to_json(const DelegatedAnswer& value);
ipam_api::Json to_json(const DelegatedCheckRequest& value);

}  // namespace mooring::agent_api
