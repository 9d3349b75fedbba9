// The kinds of objects that mooringctl knows: their names, collections, columns and paths (docs/api/rest.md).
// Threading: constants.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mooring/base/error.hpp"
#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::ctl {

struct Column {
  std::string_view header;  // "LAST HEARD"
  std::string_view field;   // "last_heard"; may name a field inside an object: "dns.nameservers", or two: "cidr+cidr6"
  bool wide = false;        // only with -o wide
};

struct Kind {
  std::string_view singular;    // "network"
  std::string_view collection;  // "networks": plural and path
  std::string_view abbreviation;
  std::span<const Column> columns;
  std::span<const std::string_view> filters;  // query parameters of the list
  bool bound = false;                         // named NAMESPACE/HOSTNAME: bindings and ports
  bool addressed = false;                     // named NETWORK/ADDRESS: extra addresses
};

// Singular, plural or abbreviation. The error lists what there is.
Result<const Kind*> find_kind(std::string_view word);
std::span<const Kind> all_kinds();
// "networks, subnets, …"
std::string kind_names();

// How an object is named on the command line. Which parts are given depends on the kind and on options.
struct ObjectName {
  std::string network;     // bindings, extra addresses; "" = default
  std::string namespace_;  // bindings and ports
  std::string hostname;    // the same; else empty
  std::string ordinal = "0";
  std::string name;  // of other kinds, a port's id, an extra address
};

// Bindings: HOSTNAME (with a namespace from -n), NAMESPACE/HOSTNAME, NETWORK/NAMESPACE/HOSTNAME/ORDINAL. Ports: the
// id, or as bindings. Extra addresses: ADDRESS or NETWORK/ADDRESS. Others: the name. Parts that the text does not have
// come from `defaults`.
Result<ObjectName> parse_object_name(const Kind& kind, std::string_view text, const ObjectName& defaults);

// As people write it: "prod/db-0", "blue/prod/db-0/1", "default/10.0.0.9", "pods", "p7".
std::string name_of(const Kind& kind, const ipam_api::Json& object);
// "/v1/networks/default", "/v1/bindings/default/prod/db-0/0", "/v1/extra-addresses/default/fd00__9".
std::string path_of(const Kind& kind, const ObjectName& name);

}  // namespace mooring::ctl
