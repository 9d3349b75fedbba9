// CNI STATUS as the plugin asks the agent for it: POST /v1/ready (docs/api/agent.md). Could an ADD with this
// configuration be served now? Threading: values.
#pragma once

#include <string>
#include <vector>

#include "mooring/ipam_api/messages.hpp"

namespace mooring::agent_api {

struct ReadyRequest {
  std::string namespace_;       // of pods that have none
  ipam_api::Wishes configured;  // of the network configuration
};
struct ReadyAnswer {
  bool ready = false;
  bool limited = false;              // containers that are there may have limited connectivity too
  std::vector<std::string> reasons;  // why not, one sentence each
  std::vector<std::string> notes;    // ready, but not for every pod: why, one sentence each
};

// Requests: errors name the field. Answers: unknown fields are ignored.
Result<ReadyRequest> ready_request_from(const ipam_api::Json& json);
Result<ReadyAnswer> ready_answer_from(const ipam_api::Json& json);
ipam_api::Json to_json(const ReadyRequest& value);
ipam_api::Json to_json(const ReadyAnswer& value);

}  // namespace mooring::agent_api
