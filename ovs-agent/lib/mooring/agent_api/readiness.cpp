#include "mooring/agent_api/readiness.hpp"

namespace mooring::agent_api {

using ipam_api::Fields;
using ipam_api::Json;

Json to_json(const ReadyRequest& value) {
  return {{"namespace", value.namespace_}, {"configured", to_json(value.configured)}};
}

Result<ReadyRequest> ready_request_from(const Json& json) {
  Fields fields(json, "ready");
  ReadyRequest value;
  value.namespace_ = fields.take("namespace", ipam_api::parse_name("namespace", fields.string("namespace")));
  if (const Json* configured = fields.object("configured")) {
    value.configured = fields.take("configured", ipam_api::wishes_from(*configured));
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

Json to_json(const ReadyAnswer& value) {
  return {{"ready", value.ready}, {"limited", value.limited}, {"reasons", value.reasons}, {"notes", value.notes}};
}

Result<ReadyAnswer> ready_answer_from(const Json& json) {
  Fields fields(json, "ready answer", Fields::Unknown::ignore);
  ReadyAnswer value;
  value.ready = fields.boolean("ready", false);
  value.limited = fields.boolean("limited", false);
  value.reasons = fields.strings("reasons");
  if (fields.has("notes")) {  // not of agents before this version
    value.notes = fields.strings("notes");
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

}  // namespace mooring::agent_api
