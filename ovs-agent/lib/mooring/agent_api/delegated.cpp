#include "mooring/agent_api/delegated.hpp"

namespace mooring::agent_api {

using ipam_api::Fields;
using ipam_api::Json;

Json to_json(const DelegatedAnswer& value) {
  return {{"allocation", to_json(value.allocation)}};
}

Result<DelegatedAnswer> delegated_answer_from(const Json& json) {
  Fields fields(json, "attach-delegated answer", Fields::Unknown::ignore);
  DelegatedAnswer value;
  if (const Json* allocation = fields.object("allocation")) {
    value.allocation = fields.take("allocation", ipam_api::allocation_from(*allocation));
  } else {
    fields.fail("allocation", Error(Errc::invalid_argument, "is missing"));
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

Json to_json(const DelegatedCheckRequest& value) {
  return {{"attachment", to_json(value.attachment)}, {"addresses", value.addresses}};
}

Result<DelegatedCheckRequest> delegated_check_request_from(const Json& json) {
  Fields fields(json, "check-delegated");
  DelegatedCheckRequest value;
  if (const Json* attachment = fields.object("attachment")) {
    value.attachment = fields.take("attachment", ipam_api::attachment_from(*attachment));
  } else {
    fields.fail("attachment", Error(Errc::invalid_argument, "is missing"));
  }
  value.addresses = fields.strings("addresses");
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

}  // namespace mooring::agent_api
