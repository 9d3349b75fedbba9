#include "mooring/ipam_api/messages.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include <fmt/format.h>

namespace mooring::ipam_api {
namespace {

constexpr auto tolerant = Fields::Unknown::ignore;

void put_unless_empty(Json& json, const char* key, const std::string& value) {
  if (!value.empty()) {
    json[key] = value;
  }
}

// Texts that only people read or that are only compared: any UTF-8, but bounded.
constexpr std::size_t max_text_bytes = 253;
constexpr std::size_t max_label_value_bytes = 63;

std::string text(Fields& fields, std::string_view key) {
  std::string value = fields.string(key, "");
  if (value.size() > max_text_bytes) {
    fields.fail(
        key, Error(Errc::invalid_argument, fmt::format("is {} bytes long, at most {}", value.size(), max_text_bytes)));
  }
  return value;
}

std::string required_text(Fields& fields, std::string_view key) {
  fields.string(key);
  return text(fields, key);
}

// "" where absent.
std::string name_if_present(Fields& fields, std::string_view key) {
  const std::string value = fields.string(key, "");
  return value.empty() ? value : fields.take(key, parse_name(key, value));
}

std::uint32_t number_up_to(Fields& fields, std::string_view key, std::uint64_t value, std::uint32_t max) {
  if (value > max) {
    fields.fail(key, Error(Errc::invalid_argument, fmt::format("is {}, at most {}", value, max)));
    return 0;
  }
  return static_cast<std::uint32_t>(value);
}

// A nested object with its reader; an error in it is named by the whole path.
template <class T>
T nested(Fields& fields, std::string_view key, Result<T> (*read)(const Json&), bool required) {
  const Json* object = fields.object(key);
  if (object != nullptr) {
    return fields.take(key, read(*object));
  }
  if (required) {
    fields.fail(key, Error(Errc::invalid_argument, "is missing"));
  }
  return T{};
}

template <class T>
std::vector<T> list(Fields& fields, std::string_view key, Result<T> (*read)(const Json&)) {
  std::vector<T> out;
  if (const Json* array = fields.array(key)) {
    for (const Json& item : *array) {
      out.push_back(fields.take(key, read(item)));
    }
  }
  return out;
}

}  // namespace

std::string to_string(Kind kind) {
  switch (kind) {
    case Kind::fixed_by_admin:
      return "static";
    case Kind::stateful:
      return "stateful";
    case Kind::stateless:
      return "stateless";
  }
  return "stateless";
}

Result<Kind> parse_kind(std::string_view text) {
  if (text == "static") {
    return Kind::fixed_by_admin;
  }
  if (text == "stateful") {
    return Kind::stateful;
  }
  if (text == "stateless") {
    return Kind::stateless;
  }
  return Error(Errc::invalid_argument, fmt::format("'{}' is not a kind", text), "one of static, stateful, stateless");
}

Json to_json(const Attachment& value) {
  return {{"container_id", value.container_id}, {"ifname", value.ifname}};
}

Result<Attachment> attachment_from(const Json& json) {
  Fields fields(json, "attachment");
  const std::string id = fields.string("container_id");
  const std::string ifname = fields.string("ifname");
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return make_attachment(id, ifname);
}

Json to_json(const Route& value) {
  Json json = {{"destination", value.destination.str()}};
  if (value.via) {
    json["via"] = value.via->str();
  }
  const auto put = [&json](const char* key, std::uint32_t number) {
    if (number != 0) {
      json[key] = number;
    }
  };
  put("metric", value.metric);
  put("mtu_bytes", value.mtu_bytes);
  put("advmss_bytes", value.advmss_bytes);
  put("table", value.table);
  if (value.scope) {
    json["scope"] = *value.scope;
  }
  return json;
}

Result<Route> route_from(const Json& json) {
  Fields fields(json, "route");
  Route route;
  route.destination = fields.parsed("destination", &net::IpCidr::parse);
  route.via = fields.parsed_if_present("via", &net::IpAddress::parse);
  constexpr std::uint32_t any = 0xffff'ffffU;
  const auto number = [&fields](const char* key, std::uint32_t most) {
    return static_cast<std::uint32_t>(number_up_to(fields, key, fields.number(key, 0), most));
  };
  route.metric = number("metric", any);
  route.mtu_bytes = number("mtu_bytes", 65535);
  route.advmss_bytes = number("advmss_bytes", 65535);
  route.table = number("table", any);
  if (fields.has("scope")) {
    route.scope = number("scope", 255);
    if (*route.scope != Route::scope_global && *route.scope != Route::scope_link && *route.scope != Route::scope_host) {
      fields.fail("scope", Error(Errc::invalid_argument, fmt::format("{} is no scope", *route.scope),
                                 "0 is global, 253 link, 254 host"));
    }
    if (*route.scope != Route::scope_global && route.via) {
      fields.fail("scope", Error(Errc::invalid_argument, fmt::format("{} has no next hop", *route.scope),
                                 "leave out via, or scope"));
    }
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return route;
}

Json to_json(const Dns& value) {
  Json json = Json::object();
  if (!value.nameservers.empty()) {
    json["nameservers"] = value.nameservers;
  }
  put_unless_empty(json, "domain", value.domain);
  if (!value.search.empty()) {
    json["search"] = value.search;
  }
  if (!value.options.empty()) {
    json["options"] = value.options;
  }
  return json;
}

Result<Dns> dns_from(const Json& json) {
  Fields fields(json, "dns");
  Dns dns;
  dns.nameservers = fields.strings("nameservers");
  dns.domain = fields.string("domain", "");
  dns.search = fields.strings("search");
  dns.options = fields.strings("options");
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return dns;
}

Result<Labels> labels_from(const Json& json) {
  if (!json.is_object() || json.size() > max_labels) {
    return Error(Errc::invalid_argument,
                 json.is_object() ? fmt::format("has {} labels", json.size())
                                  : fmt::format("is {}, expected an object", json.type_name()),
                 fmt::format("an object of at most {} texts, like {{\"app\": \"shop\"}}", max_labels));
  }
  Labels labels;
  for (const auto& [key, value] : json.items()) {
    const bool good_key =
        !key.empty() && key.size() <= max_text_bytes && std::all_of(key.begin(), key.end(), [](char c) {
          return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-' || c == '/';
        });
    if (!good_key || !value.is_string() || value.get_ref<const std::string&>().size() > max_label_value_bytes) {
      return Error(Errc::invalid_argument,
                   fmt::format("label '{}' is {}", key, value.dump(-1, ' ', true, Json::error_handler_t::replace)),
                   fmt::format("keys are of letters, digits and . _ - /, values texts of at most {} bytes",
                               max_label_value_bytes));
    }
    labels.emplace(key, value.get<std::string>());
  }
  return labels;
}

Json to_json(const Wishes& value) {
  Json json = Json::object();
  put_unless_empty(json, "network", value.network);
  put_unless_empty(json, "subnet", value.subnet);
  if (!value.pools.empty()) {
    json["pools"] = value.pools;
  }
  if (value.addresses.v4()) {
    json["address"] = value.addresses.v4()->str();
  }
  if (value.addresses.v6()) {
    json["address6"] = value.addresses.v6()->str();
  }
  if (value.mac) {
    json["mac"] = value.mac->str();
  }
  if (value.kind) {
    json["kind"] = to_string(*value.kind);
  }
  if (value.retention) {
    json["retention"] = value.retention->str();
  }
  put_unless_empty(json, "workload", value.workload);
  if (!value.labels.empty()) {
    json["labels"] = value.labels;
  }
  return json;
}

Result<Wishes> wishes_from(const Json& json) {
  Fields fields(json, "wishes");
  Wishes wishes;
  wishes.network = name_if_present(fields, "network");
  wishes.subnet = name_if_present(fields, "subnet");
  for (const std::string& pool : fields.strings("pools")) {
    wishes.pools.push_back(fields.take("pools", parse_name("pool", pool)));
  }
  for (const auto& [key, family] : {std::pair("address", net::Family::v4), std::pair("address6", net::Family::v6)}) {
    if (const auto address = fields.parsed_if_present(key, &net::IpAddress::parse)) {
      if (address->family() != family) {
        fields.fail(key, Error(Errc::invalid_argument,
                               fmt::format("'{}' is an {} address", address->str(), to_string(address->family())),
                               "IPv4 goes into address, IPv6 into address6"));
      }
      wishes.addresses.set(*address);
    }
  }
  wishes.mac = fields.parsed_if_present("mac", &net::MacAddress::parse);
  wishes.kind = fields.parsed_if_present("kind", &parse_kind);
  wishes.retention = fields.parsed_if_present("retention", &parse_retention);
  wishes.workload = text(fields, "workload");
  wishes.labels = nested(fields, "labels", &labels_from, false);
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return wishes;
}

Json to_json(const AllocateRequest& value) {
  Json json = {
      {"node", value.node},         {"attachment", to_json(value.attachment)},      {"namespace", value.namespace_},
      {"hostname", value.hostname}, {"interface_ordinal", value.interface_ordinal}, {"wishes", to_json(value.wishes)}};
  put_unless_empty(json, "pod_uid", value.pod_uid);
  if (Json configured = to_json(value.configured); !configured.empty()) {
    json["configured"] = std::move(configured);
  }
  return json;
}

Result<AllocateRequest> allocate_request_from(const Json& json) {
  Fields fields(json, "allocate");
  AllocateRequest request;
  request.node = fields.take("node", parse_name("node", fields.string("node")));
  request.attachment = nested(fields, "attachment", &attachment_from, true);
  request.pod_uid = text(fields, "pod_uid");
  request.namespace_ = fields.take("namespace", parse_name("namespace", fields.string("namespace")));
  request.hostname = fields.take("hostname", parse_hostname("hostname", fields.string("hostname")));
  request.interface_ordinal =
      number_up_to(fields, "interface_ordinal", fields.number("interface_ordinal", 0), max_interface_ordinal);
  request.wishes = nested(fields, "wishes", &wishes_from, false);
  request.configured = nested(fields, "configured", &wishes_from, false);
  if (!request.configured.addresses.empty() || request.configured.mac) {
    fields.fail("configured", Error(Errc::invalid_argument, "has an address or a MAC, which only a pod can wish for",
                                    "wish for it by annotation or argument"));
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return request;
}

Json to_json(const Allocation& value) {
  Json routes = Json::array();
  for (const Route& route : value.routes) {
    routes.push_back(to_json(route));
  }
  Json json = {{"port_id", value.port_id},
               {"network", value.network},
               {"subnet", value.subnet},
               {"pool", value.pool},
               {"namespace", value.namespace_},
               {"hostname", value.hostname},
               {"kind", to_string(value.kind)},
               {"mac", value.mac.str()},
               {"vni", value.vni.value()},
               {"mtu_bytes", value.mtu_bytes},
               {"routes", routes},
               {"dns", to_json(value.dns)},
               {"generation", value.generation}};
  if (value.mtu_from_underlay) {
    json["mtu_from_underlay"] = true;
  }
  if (value.has_v4()) {
    json["address"] = value.address.str();
    json["gateway"] = value.gateway.str();
  }
  if (value.address6) {
    json["address6"] = value.address6->str();
  }
  if (value.gateway6) {
    json["gateway6"] = value.gateway6->str();
  }
  return json;
}

Result<Allocation> allocation_from(const Json& json) {
  Fields fields(json, "allocation", tolerant);
  Allocation value;
  value.port_id = fields.string("port_id");
  value.network = fields.string("network");
  value.subnet = fields.string("subnet");
  value.pool = fields.string("pool", "");
  value.namespace_ = fields.string("namespace");
  value.hostname = fields.string("hostname");
  value.kind = fields.parsed("kind", &parse_kind);
  value.address6 = fields.parsed_if_present("address6", &net::IpInterfaceAddress::parse);
  value.gateway6 = fields.parsed_if_present("gateway6", &net::IpAddress::parse);
  if (fields.has("address") || !value.address6) {
    value.address = fields.parsed("address", &net::InterfaceAddress::parse);
    value.gateway = fields.parsed("gateway", &net::Ipv4Address::parse);
  }
  value.mac = fields.parsed("mac", &net::MacAddress::parse);
  value.vni = fields.take("vni", net::Vni::from(fields.number("vni")));
  value.mtu_bytes = number_up_to(fields, "mtu_bytes", fields.number("mtu_bytes"), 65535);
  value.mtu_from_underlay = fields.boolean("mtu_from_underlay", false);
  value.routes = list(fields, "routes", &route_from);
  value.dns = nested(fields, "dns", &dns_from, false);
  value.generation = fields.number("generation");
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

std::string Allocation::addresses() const {
  const std::string six = address6 ? address6->str() : std::string();
  return !has_v4() ? six : address.str() + (six.empty() ? "" : ", " + six);
}

Json to_json(const ReleaseRequest& value) {
  Json json = {{"node", value.node}, {"generation", value.generation}, {"reason", value.reason}};
  if (value.attachment) {
    json["attachment"] = to_json(*value.attachment);
  }
  if (value.vni) {
    json["vni"] = value.vni->value();
  }
  if (value.address) {
    json["address"] = value.address->str();
  }
  return json;
}

Result<ReleaseRequest> release_request_from(const Json& json) {
  Fields fields(json, "release");
  ReleaseRequest request;
  request.node = fields.take("node", parse_name("node", fields.string("node")));
  if (fields.has("attachment")) {
    request.attachment = nested(fields, "attachment", &attachment_from, true);
  } else {
    request.vni = fields.take("vni", net::Vni::from(fields.number("vni")));
    request.address = fields.parsed("address", &net::IpAddress::parse);
  }
  request.generation = fields.number("generation", 0);
  request.reason = required_text(fields, "reason");
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return request;
}

Json to_json(const ReleaseAnswer& value) {
  return {{"released", value.released}};
}

Result<ReleaseAnswer> release_answer_from(const Json& json) {
  Fields fields(json, "release answer", tolerant);
  ReleaseAnswer answer;
  answer.released = fields.boolean("released", false);
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return answer;
}

Json to_json(const ConfirmRequest& value) {
  return {{"node", value.node}, {"attachment", to_json(value.attachment)}, {"generation", value.generation}};
}

Result<ConfirmRequest> confirm_request_from(const Json& json) {
  Fields fields(json, "confirm");
  ConfirmRequest request;
  request.node = fields.take("node", parse_name("node", fields.string("node")));
  request.attachment = nested(fields, "attachment", &attachment_from, true);
  request.generation = fields.number("generation");
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return request;
}

Json to_json(const Registration& value) {
  Json json = {{"machine_id", value.machine_id}, {"vtep", value.vtep.str()}, {"version", value.version}};
  put_unless_empty(json, "network", value.network);
  put_unless_empty(json, "zone", value.zone);
  put_unless_empty(json, "boot_id", value.boot_id);
  if (!value.labels.empty()) {
    json["labels"] = value.labels;
  }
  return json;
}

Result<Registration> registration_from(const Json& json) {
  Fields fields(json, "registration");
  Registration value;
  value.machine_id = required_text(fields, "machine_id");
  value.vtep = fields.parsed("vtep", &net::Ipv4Address::parse);
  value.version = text(fields, "version");
  value.network = name_if_present(fields, "network");
  value.zone = name_if_present(fields, "zone");
  value.boot_id = text(fields, "boot_id");
  value.labels = nested(fields, "labels", &labels_from, false);
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

Json to_json(const RegistrationAnswer& value) {
  return {{"incarnation", value.incarnation}, {"revision", value.revision}};
}

Result<RegistrationAnswer> registration_answer_from(const Json& json) {
  Fields fields(json, "registration answer", tolerant);
  RegistrationAnswer answer;
  answer.incarnation = fields.string("incarnation");
  answer.revision = fields.number("revision");
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return answer;
}

Json problem_from(const Error& error) {
  const ErrcInfo& row = error.info();
  Json json = {{"type", "about:blank#" + std::string(row.id)},
               {"title", row.id},
               {"status", row.http_status},
               {"detail", error.message()}};
  put_unless_empty(json, "hint", error.hint());
  return json;
}

Error error_from_problem(int http_status, std::string_view body) {
  const auto json = parse_json("problem", body);
  if (!json || !json->is_object() || !json->contains("title") || !(*json)["title"].is_string()) {
    return Error(Errc::unavailable, fmt::format("the peer answered HTTP {} without a reason", http_status));
  }
  Fields fields(*json, "problem", tolerant);
  const std::string detail = fields.string("detail", "");
  const std::string hint = fields.string("hint", "");
  return Error(info_by_id(fields.string("title")).code, detail, hint);
}

}  // namespace mooring::ipam_api
