#include "ipam-controller/api/binding_json.hpp"

#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace mooring::controller {

using ipam_api::Fields;
using ipam_api::Json;

namespace {

net::AddressPair addresses_of(Fields& fields) {
  net::AddressPair addresses;
  for (const auto& [key, family] : {std::pair("address", net::Family::v4), std::pair("address6", net::Family::v6)}) {
    const auto address = fields.parsed_if_present(key, &net::IpAddress::parse);
    if (address && address->family() != family) {
      fields.fail(key, Error(Errc::invalid_argument,
                             fmt::format("'{}' is an {} address", address->str(), to_string(address->family())),
                             "IPv4 goes into address, IPv6 into address6"));
    } else if (address) {
      addresses.set(*address);
    }
  }
  return addresses;
}

// Fields that GET shows and nobody sets.
void allow_own(Fields& fields) {
  for (const char* key :
       {"subnet", "origin", "created_ms", "expires_ms", "last_uid", "last_node", "revision", "node", "port_id"}) {
    fields.allow(key);
  }
}

}  // namespace

Result<std::uint32_t> ordinal_from(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > ipam_api::max_interface_ordinal) {
    return Error(Errc::invalid_argument, fmt::format("interface_ordinal '{}' is not a number from 0 to {}", text,
                                                     ipam_api::max_interface_ordinal));
  }
  return value;
}

Result<NewBinding> new_binding_from(const Json& body) {
  Fields fields(body, "binding");
  NewBinding binding;
  binding.owner.network =
      fields.take("network", ipam_api::parse_name("network", fields.string("network", default_network)));
  binding.owner.namespace_ = fields.take("namespace", ipam_api::parse_name("namespace", fields.string("namespace")));
  binding.owner.hostname = fields.take("hostname", ipam_api::parse_hostname("hostname", fields.string("hostname")));
  const std::uint64_t ordinal = fields.number("interface_ordinal", 0);
  binding.owner.interface_ordinal = fields.take("interface_ordinal", ordinal_from(std::to_string(ordinal)));
  const std::string pool = fields.string("pool", "");
  binding.pool = pool.empty() ? pool : fields.take("pool", ipam_api::parse_name("pool", pool));
  binding.addresses = addresses_of(fields);
  binding.mac = fields.parsed_if_present("mac", &net::MacAddress::parse);
  binding.kind = fields.take("kind", ipam_api::parse_kind(fields.string("kind", to_string(binding.kind))));
  binding.retention = fields.parsed_if_present("retention", &ipam_api::parse_retention);
  binding.workload = fields.string("workload", "");
  binding.note = fields.string("note", "");
  if (const Json* labels = fields.object("labels")) {
    binding.labels = fields.take("labels", ipam_api::labels_from(*labels));
  }
  allow_own(fields);
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return binding;
}

}  // namespace mooring::controller
