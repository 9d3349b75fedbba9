#include "ipam-controller/domain/object_text.hpp"

#include <utility>

#include "mooring/ipam_api/json_text.hpp"

namespace mooring::controller {
namespace {

using ipam_api::JsonText;

// The times of ports and bindings are behind 1970.
std::uint64_t unsigned_of(TimeMs time) {
  return static_cast<std::uint64_t>(time);
}

void write_addresses(JsonText& text, const net::AddressPair& addresses) {
  if (addresses.v4()) {
    text.text("address", addresses.v4()->str());
  }
  if (addresses.v6()) {
    text.text("address6", addresses.v6()->str());
  }
}
void write_labels(JsonText& text, const Labels& labels) {
  if (!labels.empty()) {
    text.raw("labels", text_of(Json(labels)));
  }
}
void write_unless_empty(JsonText& text, std::string_view key, std::string_view value) {
  if (!value.empty()) {
    text.text(key, value);
  }
}

}  // namespace

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string text_of(const Port& port) {
  JsonText text(768);
  // In the order of the keys.
  write_addresses(text, port.addresses);
  text.text("attachment", port.attachment.str()).number("created_ms", unsigned_of(port.created_ms));
  text.number("generation", port.generation).text("hostname", port.owner.hostname).text("id", port.id);
  text.number("interface_ordinal", port.owner.interface_ordinal).text("kind", to_string(port.kind));
  write_labels(text, port.labels);
  text.text("mac", port.mac.str()).text("namespace", port.owner.namespace_).text("network", port.owner.network);
  text.text("node", port.node).text("pod_uid", port.pod_uid).text("pool", port.pool);
  text.number("revision", port.revision).text("state", to_string(port.state)).text("subnet", port.subnet);
  text.number("vni", port.vni.value()).text("workload", port.workload);
  return std::move(text).finished();
}

std::string text_of(const Binding& binding) {
  JsonText text(768);
  write_addresses(text, binding.addresses);
  text.number("created_ms", unsigned_of(binding.created_ms));
  if (binding.expires_ms != 0) {
    text.number("expires_ms", unsigned_of(binding.expires_ms));
  }
  text.text("hostname", binding.owner.hostname).number("interface_ordinal", binding.owner.interface_ordinal);
  text.text("kind", to_string(binding.kind));
  write_labels(text, binding.labels);
  write_unless_empty(text, "last_node", binding.last_node);
  write_unless_empty(text, "last_uid", binding.last_uid);
  text.text("mac", binding.mac.str()).text("namespace", binding.owner.namespace_);
  text.text("network", binding.owner.network);
  write_unless_empty(text, "note", binding.note);
  text.text("origin", to_string(binding.origin)).text("pool", binding.pool);
  text.text("retention", binding.retention.str()).number("revision", binding.revision);
  text.text("subnet", binding.subnet).text("workload", binding.workload);
  return std::move(text).finished();
}

}  // namespace mooring::controller
