#include "mooring/agent_api/garbage.hpp"

#include "mooring/ipam_api/messages.hpp"

namespace mooring::agent_api {
namespace {

using ipam_api::Fields;

Json texts_of(const std::vector<Attachment>& attachments) {
  Json texts = Json::array();
  for (const Attachment& attachment : attachments) {
    texts.push_back(attachment.str());
  }
  return texts;
}

std::vector<Attachment> attachments_in(Fields& fields, std::string_view key) {
  std::vector<Attachment> attachments;
  for (const std::string& text : fields.strings(key)) {
    attachments.push_back(fields.take(key, ipam_api::parse_attachment(text)));
  }
  return attachments;
}

}  // namespace

Json to_json(const GcRequest& value) {
  return {{"cni_network", value.cni_network}, {"valid", texts_of(value.valid)}, {"strict", value.strict}};
}

Result<GcRequest> gc_request_from(const Json& json) {
  Fields fields(json, "gc");
  GcRequest value;
  value.cni_network = fields.string("cni_network");
  if (fields.array("valid") == nullptr) {  // nothing is said; that is not "none is valid"
    fields.fail("valid", Error(Errc::invalid_argument, "is missing"));
  }
  value.valid = attachments_in(fields, "valid");
  value.strict = fields.boolean("strict", false);
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

Json to_json(const GcAnswer& value) {
  return {{"removed", texts_of(value.removed)},
          {"refused", texts_of(value.refused)},
          {"in_flight", texts_of(value.in_flight)},
          {"problems", value.problems}};
}

Result<GcAnswer> gc_answer_from(const Json& json) {
  Fields fields(json, "gc answer", Fields::Unknown::ignore);
  GcAnswer value;
  value.removed = attachments_in(fields, "removed");
  value.refused = attachments_in(fields, "refused");
  value.in_flight = attachments_in(fields, "in_flight");
  value.problems = fields.strings("problems");
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

}  // namespace mooring::agent_api
