#include "ovs-agent/domain/local_port.hpp"

#include <charconv>

#include <fmt/format.h>

namespace mooring::agent {
namespace {

constexpr const char* address_key = "mooring.address";
constexpr const char* address6_key = "mooring.address6";
constexpr const char* ingress_key = "mooring.ingress";
constexpr const char* egress_key = "mooring.egress";

Result<std::uint64_t> decimal(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size() || text.empty()) {
    return Error(Errc::invalid_argument, fmt::format("'{}' is not a decimal number", text));
  }
  return value;
}

// Reads one record and keeps the first error.
class Reading {
 public:
  explicit Reading(const ExternalIds& ids) : ids_(ids) {}

  std::string optional(std::string_view key) const {
    const auto found = ids_.find(key);
    return found == ids_.end() ? std::string{} : found->second;
  }
  template <class T>
  T required(std::string_view key, Result<T> (*parse)(std::string_view)) {
    const auto found = ids_.find(key);
    if (found == ids_.end()) {
      fail(key, "is missing");
      return T{};
    }
    auto value = parse(found->second);
    if (!value) {
      fail(key, value.error().message());
      return T{};
    }
    return std::move(value).value();
  }
  void fail(std::string_view key, std::string_view why) {
    if (!error_) {
      error_ = Error(Errc::invalid_argument, fmt::format("reading a port's record in OVSDB: {}: {}", key, why));
    }
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  const ExternalIds& ids_;
  std::optional<Error> error_;
};

}  // namespace

std::vector<PortKey> PortRecord::keys() const {
  std::vector<PortKey> keys;
  for (const auto& address : addresses) {
    keys.push_back({vni, address.address});
  }
  return keys;
}

std::string PortRecord::addresses_text() const {
  std::string text;
  for (const auto& address : addresses) {
    text += (text.empty() ? "" : ", ") + address.str();
  }
  return text;
}

PortRecord record_of(const ipam_api::Allocation& allocation, const Attachment& attachment, const std::string& pod_uid,
                     const std::string& netns, const std::string& boot_id, const std::string& cni_network) {
  PortRecord record;
  record.attachment = attachment;
  record.pod = allocation.namespace_ + "/" + allocation.hostname;
  record.uid = pod_uid;
  record.network = allocation.network;
  record.vni = allocation.vni;
  if (allocation.has_v4()) {
    record.addresses.push_back({allocation.address.address, allocation.address.prefix_length});
  }
  if (allocation.address6) {
    record.addresses.push_back(*allocation.address6);
  }
  record.mac = allocation.mac;
  record.generation = allocation.generation;
  record.boot_id = boot_id;
  record.netns = netns;
  record.cni_network = cni_network;
  record.mtu_bytes = allocation.mtu_bytes;
  return record;
}

std::map<std::string, std::string> external_ids_of(const PortRecord& record) {
  std::map<std::string, std::string> ids = {{"mooring.attachment", record.attachment.str()},
                                            {"mooring.pod", record.pod},
                                            {"mooring.network", record.network},
                                            {"mooring.vni", record.vni.str()},
                                            {"mooring.mac", record.mac.str()},
                                            {"mooring.generation", std::to_string(record.generation)},
                                            {"mooring.boot", record.boot_id},
                                            {"mooring.netns", record.netns}};
  for (const auto& address : record.addresses) {
    ids[address.address.is_v4() ? address_key : address6_key] = address.str();
  }
  if (!record.uid.empty()) {
    ids["mooring.uid"] = record.uid;
  }
  if (record.mtu_bytes != 0) {
    ids["mooring.mtu"] = std::to_string(record.mtu_bytes);
  }
  if (!record.cni_network.empty()) {
    ids["mooring.cni"] = record.cni_network;
  }
  if (!record.given.empty()) {
    ids[given_key] = record.given;
  }
  if (record.bandwidth.ingress.bits_per_second != 0) {
    ids[ingress_key] = record.bandwidth.ingress.str();
  }
  if (record.bandwidth.egress.bits_per_second != 0) {
    ids[egress_key] = record.bandwidth.egress.str();
  }
  return ids;
}

Result<PortRecord> record_from(const ExternalIds& external_ids) {
  Reading reading(external_ids);
  if (reading.optional("mooring.attachment").empty()) {
    return Error(Errc::not_found, "reading a port's record in OVSDB: mooring.attachment is not there: not our port");
  }
  PortRecord record;
  record.attachment = reading.required("mooring.attachment", &ipam_api::parse_attachment);
  record.pod = reading.optional("mooring.pod");
  record.uid = reading.optional("mooring.uid");
  record.network = reading.optional("mooring.network");
  const auto vni = net::Vni::from(reading.required("mooring.vni", &decimal));
  if (vni) {
    record.vni = vni.value();
  } else {
    reading.fail("mooring.vni", vni.error().message());
  }
  // An agent that knew IPv4 only has written the first of the two alone.
  for (const auto& [key, family] :
       {std::pair(address_key, net::Family::v4), std::pair(address6_key, net::Family::v6)}) {
    if (reading.optional(key).empty() && (family == net::Family::v4 || !record.addresses.empty())) {
      continue;
    }
    record.addresses.push_back(reading.required(key, &net::IpInterfaceAddress::parse));
    if (!reading.error() && record.addresses.back().address.family() != family) {
      reading.fail(key, fmt::format("is no {} address", net::to_string(family)));
    }
  }
  record.mac = reading.required("mooring.mac", &net::MacAddress::parse);
  record.generation = reading.required("mooring.generation", &decimal);
  record.boot_id = reading.optional("mooring.boot");
  record.netns = reading.optional("mooring.netns");
  record.cni_network = reading.optional("mooring.cni");
  record.given = reading.optional(given_key);
  if (const auto mtu = decimal(reading.optional("mooring.mtu")); mtu && *mtu <= 65'535) {
    record.mtu_bytes = static_cast<std::uint32_t>(*mtu);
  }
  if (!reading.optional(ingress_key).empty()) {
    record.bandwidth.ingress = reading.required(ingress_key, &agent_api::parse_rate_limit);
  }
  if (!reading.optional(egress_key).empty()) {
    record.bandwidth.egress = reading.required(egress_key, &agent_api::parse_rate_limit);
  }
  if (reading.error()) {
    return *reading.error();
  }
  return record;
}

}  // namespace mooring::agent
