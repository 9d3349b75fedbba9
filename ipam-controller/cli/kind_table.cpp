// What there is of each kind: words, columns, filters (docs/api/rest.md).
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "ipam-controller/cli/kinds.hpp"

namespace mooring::ctl {
namespace {

constexpr bool only_wide = true;

constexpr std::array network_columns{Column{"NAME", "name"}, Column{"ISOLATED", "isolated"},
                                     Column{"REVISION", "revision", only_wide}};
constexpr std::array subnet_columns{Column{"NAME", "name"},
                                    Column{"NETWORK", "network"},
                                    Column{"VNI", "vni"},
                                    Column{"CIDR", "cidr+cidr6"},
                                    Column{"GATEWAY", "gateway+gateway6"},
                                    Column{"MTU", "mtu_bytes"},
                                    Column{"OF UNDERLAY", "mtu_from_underlay", only_wide},
                                    Column{"BRIDGED TO VLAN", "bridged.vlan", only_wide},
                                    Column{"DNS", "dns.nameservers", only_wide},
                                    Column{"DOMAIN", "dns.domain", only_wide},
                                    Column{"SEARCH", "dns.search", only_wide},
                                    Column{"ROUTES", "routes", only_wide},
                                    Column{"REVISION", "revision", only_wide}};
constexpr std::array pool_columns{Column{"NAME", "name"},
                                  Column{"SUBNET", "subnet"},
                                  Column{"KIND", "kind"},
                                  Column{"DEFAULT", "default"},
                                  Column{"SIZE", "size"},
                                  Column{"ALLOCATED", "allocated"},
                                  Column{"BOUND", "bound"},
                                  Column{"FREE", "free"},
                                  Column{"RESERVED", "reserved", only_wide},
                                  Column{"LEASED", "leased", only_wide},
                                  Column{"RESTING", "resting", only_wide},
                                  Column{"FREE IPV6", "ipv6.free", only_wide},
                                  Column{"RANGES", "ranges", only_wide},
                                  Column{"EXCLUSIONS", "exclusions", only_wide},
                                  Column{"STRATEGY", "strategy", only_wide},
                                  Column{"COOL-DOWN", "cooldown_seconds", only_wide},
                                  Column{"QUOTA", "namespace_quota", only_wide},
                                  Column{"QUOTAS", "quotas", only_wide},
                                  Column{"SELECTOR", "selector", only_wide},
                                  Column{"ALLOW", "allow", only_wide},
                                  Column{"DENY", "deny", only_wide},
                                  Column{"FALLBACK", "fallback", only_wide},
                                  Column{"RETENTION", "retention", only_wide},
                                  Column{"REVISION", "revision", only_wide}};
constexpr std::array reservation_columns{Column{"NAME", "name"}, Column{"SUBNET", "subnet"}, Column{"RANGE", "range"},
                                         Column{"NOTE", "note"}, Column{"REVISION", "revision", only_wide}};
constexpr std::array rule_columns{Column{"NAME", "name"},         Column{"ORDER", "order"},
                                  Column{"SELECTOR", "selector"}, Column{"WISHES", "wishes"},
                                  Column{"TAKEOVER", "takeover"}, Column{"REVISION", "revision", only_wide}};
constexpr std::array binding_columns{Column{"NETWORK", "network"},
                                     Column{"NAMESPACE", "namespace"},
                                     Column{"HOSTNAME", "hostname"},
                                     Column{"KIND", "kind"},
                                     Column{"ADDRESS", "address+address6"},
                                     Column{"MAC", "mac"},
                                     Column{"POOL", "pool"},
                                     Column{"NODE", "node"},
                                     Column{"ORDINAL", "interface_ordinal", only_wide},
                                     Column{"SUBNET", "subnet", only_wide},
                                     Column{"PORT", "port_id", only_wide},
                                     Column{"RETENTION", "retention", only_wide},
                                     Column{"EXPIRES", "expires_ms", only_wide},
                                     Column{"WORKLOAD", "workload", only_wide},
                                     Column{"LABELS", "labels", only_wide},
                                     Column{"NOTE", "note", only_wide},
                                     Column{"ORIGIN", "origin", only_wide},
                                     Column{"CREATED", "created_ms", only_wide},
                                     Column{"LAST NODE", "last_node", only_wide},
                                     Column{"REVISION", "revision", only_wide}};
constexpr std::array port_columns{Column{"ID", "id"},
                                  Column{"NAMESPACE", "namespace"},
                                  Column{"HOSTNAME", "hostname"},
                                  Column{"ADDRESS", "address+address6"},
                                  Column{"MAC", "mac"},
                                  Column{"NODE", "node"},
                                  Column{"STATE", "state"},
                                  Column{"KIND", "kind"},
                                  Column{"POOL", "pool"},
                                  Column{"NETWORK", "network", only_wide},
                                  Column{"SUBNET", "subnet", only_wide},
                                  Column{"VNI", "vni", only_wide},
                                  Column{"ORDINAL", "interface_ordinal", only_wide},
                                  Column{"GENERATION", "generation", only_wide},
                                  Column{"ATTACHMENT", "attachment", only_wide},
                                  Column{"POD UID", "pod_uid", only_wide},
                                  Column{"WORKLOAD", "workload", only_wide},
                                  Column{"LABELS", "labels", only_wide},
                                  Column{"CREATED", "created_ms", only_wide},
                                  Column{"REVISION", "revision", only_wide}};
constexpr std::array node_columns{Column{"NAME", "name"},
                                  Column{"VTEP", "vtep"},
                                  Column{"LIVE", "live"},
                                  Column{"LAST HEARD", "last_heard"},
                                  Column{"VERSION", "version"},
                                  Column{"ZONE", "zone"},
                                  Column{"LABELS", "labels", only_wide},
                                  Column{"FENCED", "fenced", only_wide},
                                  Column{"MACHINE ID", "machine_id", only_wide},
                                  Column{"REVISION", "revision", only_wide}};
constexpr std::array gateway_columns{Column{"NAME", "name"},
                                     Column{"NETWORK", "network"},
                                     Column{"VTEP", "vtep"},
                                     Column{"LIVE", "live"},
                                     Column{"STATE", "state"},
                                     Column{"LAST HEARD", "last_heard"},
                                     Column{"VERSION", "version"},
                                     Column{"MACHINE ID", "machine_id", only_wide},
                                     Column{"REVISION", "revision", only_wide}};
constexpr std::array webhook_columns{Column{"NAME", "name"},         Column{"URL", "url"},
                                     Column{"EVENTS", "events"},     Column{"SIGNED", "signed"},
                                     Column{"DISABLED", "disabled"}, Column{"REVISION", "revision", only_wide}};
constexpr std::array vip_columns{Column{"NAME", "name"},
                                 Column{"NETWORK", "network"},
                                 Column{"ADDRESS", "address"},
                                 Column{"PORTS", "ports"},
                                 Column{"HEALTHY", "state"},
                                 Column{"SELECTOR", "selector"},
                                 Column{"LISTED", "listed", only_wide},
                                 Column{"CHECK", "check", only_wide},
                                 Column{"VNI", "vni", only_wide},
                                 Column{"NOTE", "note", only_wide},
                                 Column{"REVISION", "revision", only_wide}};
constexpr std::array list_columns{
    Column{"NAME", "name"},           Column{"NETWORK", "network"},      Column{"SELECTOR", "selector"},
    Column{"ADDRESSES", "addresses"}, Column{"NOTE", "note", only_wide}, Column{"REVISION", "revision", only_wide}};
constexpr std::array access_rule_columns{Column{"NAME", "name"},
                                         Column{"NETWORK", "network"},
                                         Column{"DIRECTION", "direction"},
                                         Column{"ORDER", "order"},
                                         Column{"ACTION", "action"},
                                         Column{"PHYSICAL", "physical"},
                                         Column{"OVERLAY", "subnet+list"},
                                         Column{"ADDRESSES", "addresses"},
                                         Column{"PROTOCOL", "protocol"},
                                         Column{"PORTS", "ports"},
                                         Column{"SOURCE PORTS", "source_ports", only_wide},
                                         Column{"NOTE", "note", only_wide},
                                         Column{"REVISION", "revision", only_wide}};
constexpr std::array block_columns{Column{"ID", "id"},
                                   Column{"NODE", "node"},
                                   Column{"POOL", "pool"},
                                   Column{"RANGE", "range"},
                                   Column{"RETURNING", "returning"},
                                   Column{"SUBNET", "subnet", only_wide},
                                   Column{"VNI", "vni", only_wide},
                                   Column{"GENERATION", "generation", only_wide},
                                   Column{"LEASED", "leased_ms", only_wide},
                                   Column{"USE", "use_seconds", only_wide},
                                   Column{"REVISION", "revision", only_wide}};
constexpr std::array extra_address_columns{
    Column{"NETWORK", "network"},          Column{"ADDRESS", "address"},
    Column{"NAMESPACE", "namespace"},      Column{"HOSTNAMES", "hostnames"},
    Column{"HOLDER", "holder.hostname"},   Column{"NODE", "node"},
    Column{"SUBNET", "subnet", only_wide}, Column{"POOL", "pool", only_wide},
    Column{"VNI", "vni", only_wide},       Column{"GENERATION", "generation", only_wide},
    Column{"NOTE", "note", only_wide},     Column{"REVISION", "revision", only_wide}};

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
    Kind{"access-rule", "access-rules", "ar", access_rule_columns, by_network},
    Kind{"vip", "vips", "vi", vip_columns, by_network},
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
