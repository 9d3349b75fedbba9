// Identities that every program of Mooring shares: attachment, hostname, generation.
// Threading: values.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "mooring/base/error.hpp"

namespace mooring::ipam_api {

// The store revision of the transaction that (re)bound a (VNI, IP). Only ever compared; 0 = none.
using Generation = std::uint64_t;
// The store's commit counter.
using Revision = std::uint64_t;

// CNI's identity of a container interface, the idempotence key everywhere. Written "container-id/ifname".
struct Attachment {
  std::string container_id;  // CNI: [A-Za-z0-9][A-Za-z0-9_.-]*, at most 255 here
  std::string ifname;        // Linux: 1..15 bytes, no '/', ':', white space, not "." or ".."
  std::string str() const { return container_id + "/" + ifname; }
  auto operator<=>(const Attachment&) const = default;
};
// Errors name the field (`container_id`, `ifname`) and the rule that was broken.
Result<Attachment> make_attachment(std::string_view container_id, std::string_view ifname);
Result<Attachment> parse_attachment(std::string_view text);

// RFC 1123: labels of [a-z0-9-], not at an end, <= 63 each, dots between, <= 253. Upper case is folded to lower.
Result<std::string> parse_hostname(std::string_view field, std::string_view text);
// RFC 1123 label, <= 63: names of networks, subnets, pools, nodes, gateways, Kubernetes namespaces.
Result<std::string> parse_name(std::string_view field, std::string_view text);

}  // namespace mooring::ipam_api
