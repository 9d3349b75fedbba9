#include "ipam-controller/domain/object_json.hpp"

#include <string>
#include <utility>

#include <fmt/format.h>

namespace mooring::controller {
namespace {

template <class T>
Json texts_of(const std::vector<T>& list) {
  Json json = Json::array();
  for (const T& item : list) {
    json.push_back(item.str());
  }
  return json;
}

void put_unless_empty(Json& json, const char* key, const std::string& text) {
  if (!text.empty()) {
    json[key] = text;
  }
}

void put_addresses(Json& json, const net::AddressPair& addresses) {
  if (addresses.v4()) {
    json["address"] = addresses.v4()->str();
  }
  if (addresses.v6()) {
    json["address6"] = addresses.v6()->str();
  }
}

}  // namespace

Json to_json(const Network& network) {
  return {{"name", network.name}, {"isolated", network.isolated}, {"revision", network.revision}};
}

Json to_json(const Subnet& subnet) {
  Json routes = Json::array();
  for (const ipam_api::Route& route : subnet.routes) {
    routes.push_back(to_json(route));
  }
  Json json = {{"name", subnet.name},           {"network", subnet.network},  {"vni", subnet.vni.value()},
               {"mtu_bytes", subnet.mtu_bytes}, {"dns", to_json(subnet.dns)}, {"routes", routes},
               {"revision", subnet.revision}};
  if (subnet.mtu_from_underlay) {
    json["mtu_from_underlay"] = true;
  }
  if (subnet.bridged) {
    json["bridged"] = {{"vlan", subnet.bridged->vlan}};
  }
  for (const SubnetBlock& block : subnet.blocks) {
    const bool v4 = block.cidr.family() == net::Family::v4;
    json[v4 ? "cidr" : "cidr6"] = block.cidr.str();
    json[v4 ? "gateway" : "gateway6"] = block.gateway.str();
  }
  return json;
}

Json to_json(const Selector& selector) {
  Json json = Json::object();
  const auto put = [&](const char* key, const auto& list) {
    if (!list.empty()) {
      json[key] = list;
    }
  };
  put("namespaces", selector.namespaces);
  put("hostnames", selector.hostnames);
  put("nodes", selector.nodes);
  put("zones", selector.zones);
  put("labels", selector.labels);
  return json;
}

Json to_json(const Pool& pool) {
  Json json = {{"name", pool.name},
               {"subnet", pool.subnet},
               {"ranges", texts_of(pool.ranges)},
               {"exclusions", texts_of(pool.exclusions)},
               {"kind", to_string(pool.kind)},
               {"default", pool.is_default},
               {"strategy", to_string(pool.strategy)},
               {"cooldown_seconds", pool.cooldown_seconds},
               {"revision", pool.revision}};
  if (pool.namespace_quota) {
    json["namespace_quota"] = *pool.namespace_quota;
  }
  const auto put = [&](const char* key, Json value) {
    if (!value.empty()) {
      json[key] = std::move(value);
    }
  };
  put("quotas", pool.quotas);
  put("selector", to_json(pool.selector));
  put("allow", pool.allow);
  put("deny", pool.deny);
  put("fallback", pool.fallback);
  if (pool.retention) {
    json["retention"] = pool.retention->str();
  }
  return json;
}

Json to_json(const Reservation& reservation) {
  Json json = {{"name", reservation.name},
               {"subnet", reservation.subnet},
               {"range", reservation.range.str()},
               {"revision", reservation.revision}};
  put_unless_empty(json, "note", reservation.note);
  return json;
}

Json to_json(const Rule& rule) {
  Json json = {{"name", rule.name},
               {"order", rule.order},
               {"selector", to_json(rule.selector)},
               {"wishes", to_json(rule.wishes)},
               {"revision", rule.revision}};
  if (rule.takeover) {
    json["takeover"] = *rule.takeover;
  }
  return json;
}

Json to_json(const Node& node) {
  Json json = {{"name", node.name},
               {"machine_id", node.machine_id},
               {"vtep", node.vtep.str()},
               {"version", node.version},
               {"revision", node.revision}};
  put_unless_empty(json, "zone", node.zone);
  if (!node.labels.empty()) {
    json["labels"] = node.labels;
  }
  if (node.fenced) {
    json["fenced"] = true;
  }
  if (!node.boot_id.empty()) {
    json["boot_id"] = node.boot_id;
    json["boot_revision"] = node.boot_revision;
  }
  return json;
}

Json to_json(const Gateway& gateway) {
  return {{"name", gateway.name},       {"machine_id", gateway.machine_id}, {"vtep", gateway.vtep.str()},
          {"version", gateway.version}, {"network", gateway.network},       {"revision", gateway.revision}};
}

Json to_json(const Webhook& webhook) {
  return {{"name", webhook.name},         {"url", webhook.url},
          {"events", webhook.events},     {"signed", !webhook.secret.empty()},
          {"disabled", webhook.disabled}, {"revision", webhook.revision}};
}

Json to_json(const AddressList& list) {
  Json json = {{"name", list.name},
               {"network", list.network},
               {"selector", to_json(list.selector)},
               {"addresses", texts_of(list.addresses)},
               {"revision", list.revision}};
  put_unless_empty(json, "note", list.note);
  return json;
}

Json to_json(const Block& block) {
  return {{"id", block.id},
          {"node", block.node},
          {"pool", block.pool},
          {"subnet", block.subnet},
          {"vni", block.vni.value()},
          {"range", block.range.str()},
          {"generation", block.generation},
          {"leased_ms", block.leased_ms},
          {"use_seconds", block.use_seconds},
          {"returning", block.returning},
          {"revision", block.revision}};
}

Json to_json(const BindingKey& owner) {
  return {{"network", owner.network},
          {"namespace", owner.namespace_},
          {"hostname", owner.hostname},
          {"interface_ordinal", owner.interface_ordinal}};
}

Json to_json(const ExtraAddress& extra) {
  Json json = {{"address", extra.address.str()},
               {"vni", extra.vni.value()},
               {"network", extra.network},
               {"subnet", extra.subnet},
               {"pool", extra.pool},
               {"namespace", extra.namespace_},
               {"hostnames", extra.hostnames},
               {"holder", extra.holder ? to_json(*extra.holder) : Json(nullptr)},
               {"generation", extra.generation},
               {"revision", extra.revision}};
  put_unless_empty(json, "note", extra.note);
  return json;
}

Json to_json(const Binding& binding) {
  Json json = to_json(binding.owner);
  json["kind"] = to_string(binding.kind);
  json["subnet"] = binding.subnet;
  json["pool"] = binding.pool;
  put_addresses(json, binding.addresses);
  json["mac"] = binding.mac.str();
  json["retention"] = binding.retention.str();
  json["workload"] = binding.workload;
  if (!binding.labels.empty()) {
    json["labels"] = binding.labels;
  }
  put_unless_empty(json, "note", binding.note);
  json["origin"] = to_string(binding.origin);
  json["created_ms"] = binding.created_ms;
  if (binding.expires_ms != 0) {
    json["expires_ms"] = binding.expires_ms;
  }
  put_unless_empty(json, "last_uid", binding.last_uid);
  put_unless_empty(json, "last_node", binding.last_node);
  json["revision"] = binding.revision;
  return json;
}

Json to_json(const Port& port) {
  Json json = to_json(port.owner);
  json["id"] = port.id;
  json["kind"] = to_string(port.kind);
  json["subnet"] = port.subnet;
  json["pool"] = port.pool;
  json["vni"] = port.vni.value();
  put_addresses(json, port.addresses);
  json["mac"] = port.mac.str();
  json["node"] = port.node;
  json["attachment"] = port.attachment.str();
  json["pod_uid"] = port.pod_uid;
  json["workload"] = port.workload;
  if (!port.labels.empty()) {
    json["labels"] = port.labels;
  }
  json["created_ms"] = port.created_ms;
  json["generation"] = port.generation;
  json["state"] = to_string(port.state);
  json["revision"] = port.revision;
  return json;
}

Json to_json(const Resting& resting) {
  return {{"vni", resting.vni.value()},   {"address", resting.address.str()},
          {"pool", resting.pool},         {"last_owner", to_json(resting.last_owner)},
          {"until_ms", resting.until_ms}, {"revision", resting.revision}};
}

Json to_json(const FencedUid& fenced) {
  Json json = to_json(fenced.owner);
  json["uid"] = fenced.uid;
  json["revision"] = fenced.revision;
  return json;
}

std::string key_text(const std::string& name) {
  return name;
}
std::string key_text(const BindingKey& owner) {
  return owner.str();
}
std::string key_text(const PortAddress& address) {
  return fmt::format("{} of VNI {}", address.address.str(), address.vni.value());
}
std::string key_text(const FencedUid::Key& fenced) {
  return fmt::format("{} of {}", fenced.uid, fenced.owner.str());
}

}  // namespace mooring::controller
