// What nodes and gateways say to the controller and hear back (docs/api/rest.md). JSON shapes are fixed by
// messages.cpp; a later version may add fields, so readers of answers ignore unknown ones, and the controller refuses
// unknown ones in requests of its own protocol version.
// Threading: values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "mooring/ipam_api/json_fields.hpp"
#include "mooring/ipam_api/names.hpp"
#include "mooring/ipam_api/retention.hpp"
#include "mooring/net/address.hpp"
#include "mooring/net/ip.hpp"

namespace mooring::ipam_api {

inline constexpr int protocol_version = 1;
inline constexpr std::uint32_t max_interface_ordinal = 255;

enum class Kind { fixed_by_admin /* "static" */, stateful, stateless };
std::string to_string(Kind kind);
Result<Kind> parse_kind(std::string_view text);

// The attributes are those of CNI 1.1.0's routes; 0 and absent leave them to the kernel.
struct Route {
  net::IpCidr destination;
  std::optional<net::IpAddress> via{};  // absent: the subnet's gateway of that family; of scope link: none
  std::uint32_t metric = 0;             // of several routes to one destination the least counts
  std::uint32_t mtu_bytes = 0, advmss_bytes = 0;
  std::uint32_t table = 0;  // 0: main
  std::optional<std::uint32_t> scope{};
  static constexpr std::uint32_t scope_global = 0, scope_link = 253, scope_host = 254;
  bool operator==(const Route&) const = default;
};
struct Dns {
  std::vector<std::string> nameservers, search, options;
  std::string domain;
  bool empty() const { return nameservers.empty() && search.empty() && options.empty() && domain.empty(); }
  bool operator==(const Dns&) const = default;
};

// What tells pods apart beyond their names: "app=shop". Keys and values as Kubernetes writes them.
using Labels = std::map<std::string, std::string>;
inline constexpr std::size_t max_labels = 64;
// Keys of 1..63 characters of [A-Za-z0-9._/-] (a Kubernetes prefix may make them 253), values of at most 63.
Result<Labels> labels_from(const Json& json);

// What a pod asks for beyond "an address"; empty = the controller decides.
struct Wishes {
  std::string network, subnet;
  std::vector<std::string> pools;  // in order: the first that can give
  net::AddressPair addresses;      // these; a family that is not wished for is chosen
  std::optional<net::MacAddress> mac;
  std::optional<Kind> kind;
  std::optional<Retention> retention;
  std::string workload;  // the owner that binds for "WithWorkload"
  Labels labels;
  bool operator==(const Wishes&) const = default;
};

// POST /v1/ports:allocate. Idempotent by attachment: asked again, the same answer.
struct AllocateRequest {
  std::string node;
  Attachment attachment;
  std::string pod_uid;     // "" where the runtime has none
  std::string namespace_;  // JSON "namespace"
  std::string hostname;
  std::uint32_t interface_ordinal = 0;
  Wishes wishes;      // of the pod: annotations over arguments. They come before the controller's rules ...
  Wishes configured;  // ... and these, of the CNI configuration, after them; no addresses, no MAC
};

struct Allocation {
  std::string port_id;
  std::string network, subnet, pool, namespace_, hostname;
  Kind kind = Kind::stateless;
  // With the subnet's prefix length; "10.0.0.5/24". At least one of the two families.
  net::InterfaceAddress address;  // 0.0.0.0: no IPv4
  net::Ipv4Address gateway;
  std::optional<net::IpInterfaceAddress> address6;
  std::optional<net::IpAddress> gateway6;
  net::MacAddress mac;
  net::Vni vni;
  std::uint32_t mtu_bytes = 0;
  // The subnet says none: the node takes what its underlay carries. mtu_bytes is then for nodes that do not know how.
  bool mtu_from_underlay = false;
  std::vector<Route> routes;  // beside the default route by the gateway
  Dns dns;
  Generation generation = 0;
  bool has_v4() const { return address.address != net::Ipv4Address(); }
  // "10.0.0.5/24", "fd00::5/64" or both.
  std::string addresses() const;
};

// POST /v1/ports:release. By attachment, or (for reconciliation) by vni + address + generation. Only the *current*
// holder is released; anything else answers released = false, which is success.
struct ReleaseRequest {
  std::string node;
  std::optional<Attachment> attachment;
  std::optional<net::Vni> vni;
  std::optional<net::IpAddress> address;
  Generation generation = 0;  // 0: whatever the attachment holds
  std::string reason;         // "cni-del", "cni-add-failed", "gone", "earlier-boot"
};
struct ReleaseAnswer {
  bool released = false;
};

// POST /v1/ports:confirm: the port forwards. Errc::superseded if a newer generation holds the binding.
struct ConfirmRequest {
  std::string node;
  Attachment attachment;
  Generation generation = 0;
};

// PUT /v1/nodes/NAME and PUT /v1/gateways/NAME.
struct Registration {
  std::string machine_id;  // stable over reboots; another machine's claim on the same name or VTEP is refused
  net::Ipv4Address vtep;
  std::string version;  // of the program
  std::string network;  // gateways: the network of their foot; nodes: ""
  std::string zone;     // nodes: where they stand, for selectors of pools and rules
  Labels labels;        // nodes
  std::string boot_id;  // nodes: the kernel's; another one: what was there before the boot is gone
};
struct RegistrationAnswer {
  std::string incarnation;
  Revision revision = 0;
};

// Reading: the first field that is wrong is named. Writing: canonical key order.
Result<AllocateRequest> allocate_request_from(const Json& json);
Result<Allocation> allocation_from(const Json& json);
Result<ReleaseRequest> release_request_from(const Json& json);
Result<ReleaseAnswer> release_answer_from(const Json& json);
Result<ConfirmRequest> confirm_request_from(const Json& json);
Result<Registration> registration_from(const Json& json);
Result<RegistrationAnswer> registration_answer_from(const Json& json);
Result<Wishes> wishes_from(const Json& json);
Json to_json(const AllocateRequest& value);
Json to_json(const Allocation& value);
Json to_json(const ReleaseRequest& value);
Json to_json(const ReleaseAnswer& value);
Json to_json(const ConfirmRequest& value);
Json to_json(const Registration& value);
Json to_json(const RegistrationAnswer& value);
Json to_json(const Wishes& value);
Json to_json(const Dns& value);
Result<Dns> dns_from(const Json& json);
Json to_json(const Route& value);
Result<Route> route_from(const Json& json);
Json to_json(const Attachment& value);
Result<Attachment> attachment_from(const Json& json);

// problem+json (RFC 9457): {"type": "about:blank#pool-exhausted", "title": id, "status": 409, "detail": message,
// "hint": …}
Json problem_from(const Error& error);
// The error that a problem body carries; a body that is none becomes `unavailable` with the HTTP status in the text.
Error error_from_problem(int http_status, std::string_view body);

}  // namespace mooring::ipam_api
