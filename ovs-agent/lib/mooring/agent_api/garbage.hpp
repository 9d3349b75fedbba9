// CNI GC as the plugin asks the agent for it: POST /v1/gc (docs/api/agent.md). The agent removes what it knows of one
// CNI network and the runtime does not name: links, OVS ports, addresses. Threading: values.
#pragma once

#include <string>
#include <vector>

#include "mooring/ipam_api/json_fields.hpp"
#include "mooring/ipam_api/names.hpp"

namespace mooring::agent_api {

using ipam_api::Attachment;
using ipam_api::Json;

struct GcRequest {
  std::string cni_network;        // name of the network configuration; attachments of others are not touched
  std::vector<Attachment> valid;  // what the runtime still has
  bool strict = false;            // take also what is alive
  bool operator==(const GcRequest&) const = default;
};
struct GcAnswer {
  std::vector<Attachment> removed;
  std::vector<Attachment> refused;    // namespace and link are alive, and the call is not strict
  std::vector<Attachment> in_flight;  // an ADD of it is under way: not looked at
  std::vector<std::string> problems;  // what could not be removed, one sentence each
  bool operator==(const GcAnswer&) const = default;
};

// Requests: errors name the field. Answers: unknown fields are ignored.
Result<GcRequest> gc_request_from(const Json& json);
Result<GcAnswer> gc_answer_from(const Json& json);
Json to_json(const GcRequest& value);
Json to_json(const GcAnswer& value);

}  // namespace mooring::agent_api
