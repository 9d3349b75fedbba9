// What there is of each kind: words, columns, filters (docs/api/rest.md).
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "ipam-controller/cli/kinds.hpp"

namespace mooring::ctl {
namespace {

constexpr bool wide = true;

constexpr std::array network_columns{Column{"NAME", "name"}, Column{"ISOLATED", "isolated"},
                                     Column{"REVISION", "revision", wide}};
constexpr std::array subnet_columns{Column{"NAME", "name"},
                                    Column{"NETWORK", "network"},
                                    Column{"VNI", "vni"},
                                    Column{"CIDR", "cidr+cidr6"},
                                    Column{"GATEWAY", "gateway+gateway6"},
                                    Column{"MTU", "mtu_bytes"},
                                    Column{"OF UNDERLAY", "mtu_from_underlay", wide},
                                    Column{"DNS", "dns.nameservers", wide},
                                    Column{"DOMAIN", "dns.domain", wide},
                                    Column{"SEARCH", "dns.search", wide},
                                    Column{"ROUTES", "routes", wide},
                                    Column{"REVISION", "revision", wide}};
constexpr std::array pool_columns{Column{"NAME", "name"},
                                  Column{"SUBNET", "subnet"},
                                  Column{"KIND", "kind"},
                                  Column{"DEFAULT", "default"},
                                  Column{"SIZE", "size"},
                                  Column{"ALLOCATED", "allocated"},
                                  Column{"BOUND", "bound"},
                                  Column{"FREE", "free"},
                                  Column{"RESERVED", "reserved", wide},
                                  Column{"LEASED", "leased", wide},
                                  Column{"RESTING", "resting", wide},
                                  Column{"FREE IPV6", "ipv6.free", wide},
                                  Column{"RANGES", "ranges", wide},
                                  Column{"EXCLUSIONS", "exclusions", wide},
                                  Column{"STRATEGY", "strategy", wide},
                                  Column{"COOL-DOWN", "cooldown_seconds", wide},
                                  Column{"QUOTA", "namespace_quota", wide},
                                  Column{"QUOTAS", "quotas", wide},
                                  Column{"SELECTOR", "selector", wide},
                                  Column{"ALLOW", "allow", wide},
                                  Column{"DENY", "deny", wide},
                                  Column{"FALLBACK", "fallback", wide},
                                  Column{"RETENTION", "retention", wide},
                                  Column{"REVISION", "revision", wide}};
constexpr std::array reservation_columns{Column{"NAME", "name"}, Column{"SUBNET", "subnet"}, Column{"RANGE", "range"},
                                         Column{"NOTE", "note"}, Column{"REVISION", "revision", wide}};
constexpr std::array rule_columns{Column{"NAME", "name"},         Column{"ORDER", "order"},
                                  Column{"SELECTOR", "selector"}, Column{"WISHES", "wishes"},
                                  Column{"TAKEOVER", "takeover"}, Column{"REVISION", "revision", wide}};
constexpr std::array binding_columns{Column{"NETWORK", "network"},
                                     Column{"NAMESPACE", "namespace"},
                                     Column{"HOSTNAME", "hostname"},
                                     Column{"KIND", "kind"},
                                     Column{"ADDRESS", "address+address6"},
                                     Column{"MAC", "mac"},
                                     Column{"POOL", "pool"},
                                     Column{"NODE", "node"},
                                     Column{"ORDINAL", "interface_ordinal", wide},
                                     Column{"SUBNET", "subnet", wide},
                                     Column{"PORT", "port_id", wide},
                                     Column{"RETENTION", "retention", wide},
                                     Column{"EXPIRES", "expires_ms", wide},
                                     Column{"WORKLOAD", "workload", wide},
                                     Column{"LABELS", "labels", wide},
                                     Column{"NOTE", "note", wide},
                                     Column{"ORIGIN", "origin", wide},
                                     Column{"CREATED", "created_ms", wide},
                                     Column{"LAST NODE", "last_node", wide},
                                     Column{"REVISION", "revision", wide}};
constexpr std::array port_columns{Column{"ID", "id"},
                                  Column{"NAMESPACE", "namespace"},
                                  Column{"HOSTNAME", "hostname"},
                                  Column{"ADDRESS", "address+address6"},
                                  Column{"MAC", "mac"},
                                  Column{"NODE", "node"},
                                  Column{"STATE", "state"},
                                  Column{"KIND", "kind"},
                                  Column{"POOL", "pool"},
                                  Column{"NETWORK", "network", wide},
                                  Column{"SUBNET", "subnet", wide},
                                  Column{"VNI", "vni", wide},
                                  Column{"ORDINAL", "interface_ordinal", wide},
                                  Column{"GENERATION", "generation", wide},
                                  Column{"ATTACHMENT", "attachment", wide},
                                  Column{"POD UID", "pod_uid", wide},
                                  Column{"WORKLOAD", "workload", wide},
                                  Column{"LABELS", "labels", wide},
                                  Column{"CREATED", "created_ms", wide},
                                  Column{"REVISION", "revision", wide}};
constexpr std::array node_columns{Column{"NAME", "name"},
                                  Column{"VTEP", "vtep"},
                                  Column{"LIVE", "live"},
                                  Column{"LAST HEARD", "last_heard"},
                                  Column{"VERSION", "version"},
                                  Column{"ZONE", "zone"},
                                  Column{"LABELS", "labels", wide},
                                  Column{"FENCED", "fenced", wide},
                                  Column{"MACHINE ID", "machine_id", wide},
                                  Column{"REVISION", "revision", wide}};
constexpr std::array gateway_columns{Column{"NAME", "name"},
                                     Column{"NETWORK", "network"},
                                     Column{"VTEP", "vtep"},
                                     Column{"LIVE", "live"},
                                     Column{"LAST HEARD", "last_heard"},
                                     Column{"VERSION", "version"},
                                     Column{"MACHINE ID", "machine_id", wide},
                                     Column{"REVISION", "revision", wide}};
constexpr std::array webhook_columns{Column{"NAME", "name"},         Column{"URL", "url"},
                                     Column{"EVENTS", "events"},     Column{"SIGNED", "signed"},
                                     Column{"DISABLED", "disabled"}, Column{"REVISION", "revision", wide}};
constexpr std::array list_columns{Column{"NAME", "name"},         Column{"NETWORK", "network"},
                                  Column{"SELECTOR", "selector"}, Column{"ADDRESSES", "addresses"},
                                  Column{"NOTE", "note", wide},   Column{"REVISION", "revision", wide}};
constexpr std::array block_columns{Column{"ID", "id"},
                                   Column{"NODE", "node"},
                                   Column{"POOL", "pool"},
                                   Column{"RANGE", "range"},
                                   Column{"RETURNING", "returning"},
                                   Column{"SUBNET", "subnet", wide},
                                   Column{"VNI", "vni", wide},
                                   Column{"GENERATION", "generation", wide},
                                   Column{"LEASED", "leased_ms", wide},
                                   Column{"USE", "use_seconds", wide},
                                   Column{"REVISION", "revision", wide}};
constexpr std::array extra_address_columns{
    Column{"NETWORK", "network"},        Column{"ADDRESS", "address"},
    Column{"NAMESPACE", "namespace"},    Column{"HOSTNAMES", "hostnames"},
    Column{"HOLDER", "holder.hostname"}, Column{"NODE", "node"},
    Column{"SUBNET", "subnet", wide},    Column{"POOL", "pool", wide},
    Column{"VNI", "vni", wide},          Column{"GENERATION", "generation", wide},
    Column{"NOTE", "note", wide},        Column{"REVISION", "revision", wide}};

using Filter = std::string_view;
constexpr std::array<Filter, 1> by_network{"network"};
constexpr std::array<Filter, 2> by_subnet{"network", "subnet"};
constexpr std::array<Filter, 1> by_label{"label"};
constexpr std::array<Filter, 3> of_blocks{"node", "subnet", "pool"};
constexpr std::array<Filter, 4> of_extra_addresses{"network", "subnet", "namespace", "pool"};
constexpr std::array<Filter, 7> by_all{"network", "namespace", "node", "subnet", "pool", "hostname", "label"};

constexpr bool bound = true;
constexpr bool addressed = true;
constexpr std::array kinds{
    Kind{"network", "networks", "net", network_columns, {}},
    Kind{"subnet", "subnets", "sn", subnet_columns, by_network},
    Kind{"pool", "pools", "po", pool_columns, by_subnet},
    Kind{"reservation", "reservations", "rs", reservation_columns, by_subnet},
    Kind{"rule", "rules", "ru", rule_columns, {}},
    Kind{"binding", "bindings", "bd", binding_columns, by_all, bound},
    Kind{"port", "ports", "pt", port_columns, by_all, bound},
    Kind{"extra-address", "extra-addresses", "ea", extra_address_columns, of_extra_addresses, !bound, addressed},
    Kind{"block", "blocks", "bl", block_columns, of_blocks},
    Kind{"node", "nodes", "no", node_columns, by_label},
    Kind{"gateway", "gateways", "gw", gateway_columns, by_network},
    Kind{"webhook", "webhooks", "wh", webhook_columns, {}},
    Kind{"list", "lists", "li", list_columns, by_network},
};

}  // namespace

std::span<const Kind> all_kinds() {
  return kinds;
}

std::string kind_names() {
  std::string names;
  for (const Kind& kind : kinds) {
    names += (names.empty() ? "" : ", ") + std::string(kind.collection);
  }
  return names;
}

Result<const Kind*> find_kind(std::string_view word) {
  const auto* found = std::find_if(kinds.begin(), kinds.end(), [&](const Kind& kind) {
    return word == kind.singular || word == kind.collection || word == kind.abbreviation;
  });
  if (found == kinds.end()) {
    return Error(Errc::invalid_argument, fmt::format("there is no kind of object called \"{}\"", word),
                 "kinds are: " + kind_names());
  }
  return found;
}

}  // namespace mooring::ctl
