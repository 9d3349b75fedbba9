#include "mooring/agent_api/messages.hpp"

#include <fmt/format.h>

namespace mooring::agent_api {
namespace {

using ipam_api::Fields;

// Answers may grow: readers of answers ignore what they do not know. Requests are refused with the field named.
constexpr auto tolerant = Fields::Unknown::ignore;

constexpr std::string_view name_prefix = "mo";
constexpr std::size_t name_characters = 12;
constexpr std::string_view base32 = "abcdefghijklmnopqrstuvwxyz234567";

void put_unless_empty(Json& json, const char* key, const std::string& value) {
  if (!value.empty()) {
    json[key] = value;
  }
}

template <class T>
T nested(Fields& fields, std::string_view key, Result<T> (*read)(const Json&), bool required) {
  if (const Json* object = fields.object(key)) {
    return fields.take(key, read(*object));
  }
  if (required) {
    fields.fail(key, Error(Errc::invalid_argument, "is missing"));
  }
  return T{};
}

std::uint32_t small_number(Fields& fields, std::string_view key, std::uint64_t fallback) {
  const std::uint64_t value = fields.number(key, fallback);
  if (value > 0xffffffffU) {
    fields.fail(key, Error(Errc::invalid_argument, fmt::format("{} is out of range", value), "0 to 4294967295"));
    return 0;
  }
  return static_cast<std::uint32_t>(value);
}

// FNV-1a, then a finalizer, because the last bytes of FNV hardly reach the upper bits. Not secret and not adversarial:
// container ids are random, and a collision is refused by the kernel (EEXIST).
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdULL;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return hash ^ (hash >> 33);
}

}  // namespace

std::string host_interface_name(const Attachment& attachment) {
  std::uint64_t bits = hash_of(attachment.str()) >> 4;
  std::string name(name_prefix);
  for (std::size_t i = 0; i < name_characters; ++i) {
    name += base32[bits & 31U];
    bits >>= 5;
  }
  return name;
}

bool is_host_interface_name(std::string_view name) {
  return name.size() == name_prefix.size() + name_characters && name.starts_with(name_prefix) &&
         name.find_first_not_of(base32, name_prefix.size()) == std::string_view::npos;
}

net::IpAddress link_local_address(const net::MacAddress& mac) {
  const auto& octet = mac.octets();
  constexpr std::uint8_t universal_bit = 0x02;
  std::uint64_t interface = octet[0] ^ universal_bit;
  for (const std::uint8_t next :
       {octet[1], octet[2], std::uint8_t{0xff}, std::uint8_t{0xfe}, octet[3], octet[4], octet[5]}) {
    interface = interface << 8 | next;
  }
  return net::IpAddress::from_bits(net::IpAddress::Bits{0xfe80} << 112 | interface);
}

Json to_json(const AttachRequest& value) {
  Json json = {{"attachment", to_json(value.attachment)},
               {"netns", value.netns},
               {"namespace", value.namespace_},
               {"hostname", value.hostname},
               {"interface_ordinal", value.interface_ordinal},
               {"wishes", to_json(value.wishes)}};
  put_unless_empty(json, "cni_network", value.cni_network);
  put_unless_empty(json, "pod_uid", value.pod_uid);
  put_unless_empty(json, "trace_parent", value.trace_parent);
  if (Json configured = to_json(value.configured); !configured.empty()) {
    json["configured"] = std::move(configured);
  }
  if (value.bandwidth.limited()) {
    json["bandwidth"] = to_json(value.bandwidth);
  }
  return json;
}

Result<AttachRequest> attach_request_from(const Json& json) {
  Fields fields(json, "attach");
  AttachRequest value;
  value.attachment = nested(fields, "attachment", &ipam_api::attachment_from, true);
  value.netns = fields.string("netns");
  value.cni_network = fields.string("cni_network", "");
  value.pod_uid = fields.string("pod_uid", "");
  value.namespace_ = fields.take("namespace", ipam_api::parse_name("namespace", fields.string("namespace")));
  value.hostname = fields.take("hostname", ipam_api::parse_hostname("hostname", fields.string("hostname")));
  value.interface_ordinal = small_number(fields, "interface_ordinal", 0);
  value.wishes = nested(fields, "wishes", &ipam_api::wishes_from, false);
  value.configured = nested(fields, "configured", &ipam_api::wishes_from, false);
  value.bandwidth = nested(fields, "bandwidth", &bandwidth_from, false);
  value.trace_parent = fields.string("trace_parent", "");
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

Json to_json(const AttachAnswer& value) {
  return {{"allocation", to_json(value.allocation)},
          {"ofport", value.ofport},
          {"bridge", value.bridge},
          {"ovsdb", value.ovsdb},
          {"host_interface", value.host_interface},
          {"external_ids", value.external_ids},
          {"disable_tx_checksum", value.disable_tx_checksum},
          {"carries_ipv6", value.carries_ipv6}};
}

Result<AttachAnswer> attach_answer_from(const Json& json) {
  Fields fields(json, "attach answer", tolerant);
  AttachAnswer value;
  value.allocation = nested(fields, "allocation", &ipam_api::allocation_from, true);
  value.ofport = small_number(fields, "ofport", 0);
  value.bridge = fields.string("bridge");
  value.ovsdb = fields.string("ovsdb");
  value.host_interface = fields.string("host_interface");
  if (const Json* ids = fields.object("external_ids")) {
    for (const auto& [key, id] : ids->items()) {
      if (id.is_string()) {
        value.external_ids.emplace(key, id.get<std::string>());
      } else {
        fields.fail("external_ids." + key, Error(Errc::invalid_argument, "is not a string"));
      }
    }
  }
  value.disable_tx_checksum = fields.boolean("disable_tx_checksum", false);
  value.carries_ipv6 = fields.boolean("carries_ipv6", false);
  if (!value.carries_ipv6) {
    value.allocation.address6.reset();
    value.allocation.gateway6.reset();
    std::erase_if(value.allocation.routes,
                  [](const ipam_api::Route& route) { return route.destination.family() == net::Family::v6; });
    if (!value.allocation.has_v4()) {
      fields.fail("allocation", Error(Errc::unsupported, "has IPv6 addresses alone, and this agent carries no IPv6",
                                      "upgrade mooring-agent"));
    }
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

Json to_json(const ConfirmRequest& value) {
  return {{"attachment", to_json(value.attachment)}, {"generation", value.generation}};
}

Result<ConfirmRequest> confirm_request_from(const Json& json) {
  Fields fields(json, "confirm");
  ConfirmRequest value;
  value.attachment = nested(fields, "attachment", &ipam_api::attachment_from, true);
  value.generation = fields.number("generation");
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

Json to_json(const DetachRequest& value) {
  return {{"attachment", to_json(value.attachment)}, {"reason", value.reason}};
}

Result<DetachRequest> detach_request_from(const Json& json) {
  Fields fields(json, "detach");
  DetachRequest value;
  value.attachment = nested(fields, "attachment", &ipam_api::attachment_from, true);
  value.reason = fields.string("reason");
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

Json to_json(const DetachAnswer& value) {
  return {{"released", value.released}, {"journaled", value.journaled}};
}

Result<DetachAnswer> detach_answer_from(const Json& json) {
  Fields fields(json, "detach answer", tolerant);
  DetachAnswer value;
  value.released = fields.boolean("released", false);
  value.journaled = fields.boolean("journaled", false);
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

Json to_json(const CheckRequest& value) {
  Json json = {{"attachment", to_json(value.attachment)}, {"mac", value.mac}};
  put_unless_empty(json, "address", value.address);
  put_unless_empty(json, "address6", value.address6);
  return json;
}

Result<CheckRequest> check_request_from(const Json& json) {
  Fields fields(json, "check");
  CheckRequest value;
  value.attachment = nested(fields, "attachment", &ipam_api::attachment_from, true);
  if (const auto address6 = fields.parsed_if_present("address6", &net::IpInterfaceAddress::parse)) {
    value.address6 = address6->str();
  }
  if (fields.has("address") || value.address6.empty()) {
    value.address = fields.parsed("address", &net::InterfaceAddress::parse).str();
  }
  value.mac = fields.parsed("mac", &net::MacAddress::parse).str();
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

Json to_json(const CheckAnswer& value) {
  return {{"problems", value.problems}, {"mtu_bytes", value.mtu_bytes}};
}

Result<CheckAnswer> check_answer_from(const Json& json) {
  Fields fields(json, "check answer", tolerant);
  CheckAnswer value;
  value.problems = fields.strings("problems");
  value.mtu_bytes = small_number(fields, "mtu_bytes", 0);
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

}  // namespace mooring::agent_api
