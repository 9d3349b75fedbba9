// The reading half of object_json.hpp.
#include <initializer_list>
#include <limits>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "ipam-controller/domain/object_json.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Fields;

constexpr std::size_t max_list = 1000;  // ranges, patterns, routes: an object must fit a line of the watch stream
constexpr std::size_t max_note_bytes = 1000;

template <class T>
std::vector<T> parsed_list(Fields& fields, std::string_view key, Result<T> (*parse)(std::string_view)) {
  std::vector<T> list;
  const std::vector<std::string> texts = fields.strings(key);
  if (texts.size() > max_list) {
    fields.fail(key, Error(Errc::too_large, fmt::format("has {} entries, at most {}", texts.size(), max_list)));
    return list;
  }
  for (const std::string& text : texts) {
    list.push_back(fields.take(key, parse(text)));
  }
  return list;
}

Result<std::string> parse_pattern(std::string_view text) {
  constexpr std::size_t longest = 320;  // NAMESPACE/HOSTNAME
  constexpr std::string_view good = "abcdefghijklmnopqrstuvwxyz0123456789-._/*?";
  if (text.empty() || text.size() > longest || text.find_first_not_of(good) != std::string_view::npos) {
    return Error(Errc::invalid_argument, fmt::format("'{}' is not a pattern", text),
                 "names in lower case, with * for any text and ? for one character: web-*");
  }
  return std::string(text);
}

std::string name_of(Fields& fields, std::string_view key) {
  return fields.take(key, ipam_api::parse_name(key, fields.string(key)));
}

std::string name_or(Fields& fields, std::string_view key, std::string_view fallback) {
  const std::string text = fields.string(key, fallback);
  return text.empty() ? text : fields.take(key, ipam_api::parse_name(key, text));
}

std::string note_of(Fields& fields, std::string_view key) {
  std::string text = fields.string(key, "");
  if (text.size() > max_note_bytes) {
    fields.fail(
        key, Error(Errc::invalid_argument, fmt::format("is {} bytes long, at most {}", text.size(), max_note_bytes)));
  }
  return text;
}

std::uint32_t number_of(Fields& fields, std::string_view key, std::uint32_t fallback,
                        std::uint32_t most = std::numeric_limits<std::uint32_t>::max()) {
  const std::uint64_t number = fields.number(key, fallback);
  if (number > most) {
    fields.fail(key, Error(Errc::invalid_argument, fmt::format("is {}, at most {}", number, most)));
    return fallback;
  }
  return static_cast<std::uint32_t>(number);
}

// What the controller writes itself.
void own_fields(Fields& fields, std::initializer_list<const char*> more = {}) {
  fields.allow("revision");
  for (const char* key : more) {
    fields.allow(key);
  }
}

Labels labels_of(Fields& fields, std::string_view key) {
  const Json* object = fields.object(key);
  return object == nullptr ? Labels() : fields.take(key, ipam_api::labels_from(*object));
}

Selector selector_of(Fields& fields) {
  const Json* object = fields.object("selector");
  return object == nullptr ? Selector() : fields.take("selector", selector_from(*object));
}

// Gives back the object, or what was wrong with it.
template <class T>
Result<T> finished(Fields& fields, T object) {
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return object;
}

void read_block(Fields& fields, std::string_view cidr_key, std::string_view gateway_key, net::Family family,
                std::vector<SubnetBlock>& blocks) {
  const auto cidr = fields.parsed_if_present(cidr_key, &net::IpCidr::parse);
  const auto gateway = fields.parsed_if_present(gateway_key, &net::IpAddress::parse);
  if (!cidr) {
    if (gateway) {
      fields.fail(gateway_key, Error(Errc::invalid_argument, fmt::format("is there without {}", cidr_key)));
    }
    return;
  }
  if (cidr->family() != family) {
    fields.fail(cidr_key, Error(Errc::invalid_argument,
                                fmt::format("'{}' is an {} block", cidr->str(), to_string(cidr->family())),
                                "IPv4 goes into cidr, IPv6 into cidr6"));
    return;
  }
  blocks.push_back({*cidr, gateway.value_or(net::IpAddress())});
}

Result<BindingKey> binding_key_from(const Json& json) {
  Fields fields(json, "holder");
  BindingKey owner;
  owner.network = name_or(fields, "network", default_network);
  owner.namespace_ = name_of(fields, "namespace");
  owner.hostname = fields.take("hostname", ipam_api::parse_hostname("hostname", fields.string("hostname")));
  owner.interface_ordinal = number_of(fields, "interface_ordinal", 0, ipam_api::max_interface_ordinal);
  return finished(fields, std::move(owner));
}

}  // namespace

Result<Selector> selector_from(const Json& json) {
  Fields fields(json, "selector");
  Selector selector;
  selector.namespaces = parsed_list(fields, "namespaces", &parse_pattern);
  selector.hostnames = parsed_list(fields, "hostnames", &parse_pattern);
  selector.nodes = parsed_list(fields, "nodes", &parse_pattern);
  selector.zones = parsed_list(fields, "zones", &parse_pattern);
  selector.labels = labels_of(fields, "labels");
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return selector;
}

Result<Network> network_from(const Json& json) {
  Fields fields(json, "network");
  Network network;
  network.name = name_of(fields, "name");
  network.isolated = fields.boolean("isolated", false);
  own_fields(fields);
  return finished(fields, std::move(network));
}

Result<Subnet> subnet_from(const Json& json) {
  Fields fields(json, "subnet");
  Subnet subnet;
  subnet.name = name_of(fields, "name");
  subnet.network = name_or(fields, "network", default_network);
  subnet.vni = fields.take("vni", net::Vni::from(fields.number("vni")));
  read_block(fields, "cidr", "gateway", net::Family::v4, subnet.blocks);
  read_block(fields, "cidr6", "gateway6", net::Family::v6, subnet.blocks);
  if (subnet.blocks.empty()) {
    fields.fail("cidr", Error(Errc::invalid_argument, "is missing", "give cidr (IPv4), cidr6 (IPv6) or both"));
  }
  // What was read from here and is written back keeps its meaning: it has both.
  subnet.mtu_from_underlay = fields.boolean("mtu_from_underlay", !fields.has("mtu_bytes"));
  subnet.mtu_bytes = number_of(fields, "mtu_bytes", subnet.mtu_bytes, 65535);
  if (subnet.mtu_from_underlay && subnet.mtu_bytes != Subnet().mtu_bytes) {
    fields.fail("mtu_bytes",
                Error(Errc::invalid_argument, fmt::format("is {}, and mtu_from_underlay is true", subnet.mtu_bytes),
                      "leave out one of them"));
  }
  if (const Json* bridged = fields.object("bridged")) {
    Fields words(*bridged, "bridged");
    subnet.bridged = Bridging{number_of(words, "vlan", 0, last_vlan)};
    if (!words.has("vlan")) {
      words.fail("vlan", Error(Errc::invalid_argument, "is missing",
                               fmt::format("1 to {}, or 0 for frames without a tag", last_vlan)));
    }
    if (auto bad = words.finish()) {
      fields.fail("bridged", *bad);
    }
  }
  if (const Json* dns = fields.object("dns")) {
    subnet.dns = fields.take("dns", ipam_api::dns_from(*dns));
  }
  if (const Json* routes = fields.array("routes")) {
    for (const Json& route : *routes) {
      subnet.routes.push_back(fields.take("routes", ipam_api::route_from(route)));
    }
    if (subnet.routes.size() > max_list) {
      fields.fail("routes",
                  Error(Errc::too_large, fmt::format("has {} entries, at most {}", subnet.routes.size(), max_list)));
    }
  }
  own_fields(fields);
  return finished(fields, std::move(subnet));
}

Result<Pool> pool_from(const Json& json) {
  Fields fields(json, "pool");
  Pool pool;
  pool.name = name_of(fields, "name");
  pool.subnet = name_of(fields, "subnet");
  pool.ranges = parsed_list(fields, "ranges", &net::IpRange::parse);
  pool.exclusions = parsed_list(fields, "exclusions", &net::IpRange::parse);
  pool.kind = fields.take("kind", ipam_api::parse_kind(fields.string("kind", to_string(pool.kind))));
  pool.is_default = fields.boolean("default", false);
  pool.strategy = fields.take("strategy", parse_strategy(fields.string("strategy", to_string(pool.strategy))));
  pool.cooldown_seconds = number_of(fields, "cooldown_seconds", 0, 366 * 86400);
  if (fields.has("namespace_quota")) {
    pool.namespace_quota = fields.number("namespace_quota");
  }
  if (const Json* quotas = fields.object("quotas")) {
    Fields each(*quotas, "quotas");
    for (const auto& [name, value] : quotas->items()) {
      pool.quotas[fields.take("quotas", ipam_api::parse_name("namespace", name))] = each.number(name);
    }
    if (auto bad = each.finish()) {
      fields.fail("quotas", *bad);
    }
  }
  pool.selector = selector_of(fields);
  pool.allow = parsed_list(fields, "allow", &parse_pattern);
  pool.deny = parsed_list(fields, "deny", &parse_pattern);
  for (const std::string& name : fields.strings("fallback")) {
    pool.fallback.push_back(fields.take("fallback", ipam_api::parse_name("pool", name)));
  }
  pool.retention = fields.parsed_if_present("retention", &ipam_api::parse_retention);
  own_fields(fields, {"size", "allocated", "bound", "reserved", "leased", "resting", "free", "ipv6"});
  return finished(fields, std::move(pool));
}

Result<Reservation> reservation_from(const Json& json) {
  Fields fields(json, "reservation");
  Reservation reservation;
  reservation.name = name_of(fields, "name");
  reservation.subnet = name_of(fields, "subnet");
  reservation.range = fields.parsed("range", &net::IpRange::parse);
  reservation.note = note_of(fields, "note");
  own_fields(fields);
  return finished(fields, std::move(reservation));
}

Result<Rule> rule_from(const Json& json) {
  Fields fields(json, "rule");
  Rule rule;
  rule.name = name_of(fields, "name");
  rule.order = number_of(fields, "order", rule.order);
  rule.selector = selector_of(fields);
  if (const Json* wishes = fields.object("wishes")) {
    rule.wishes = fields.take("wishes", ipam_api::wishes_from(*wishes));
  }
  if (fields.has("takeover")) {
    rule.takeover = fields.boolean("takeover", false);
  }
  own_fields(fields);
  return finished(fields, std::move(rule));
}

Result<Node> node_from(const Json& json) {
  Fields fields(json, "node");
  Node node;
  node.name = name_of(fields, "name");
  node.machine_id = fields.string("machine_id");
  node.vtep = fields.parsed("vtep", &net::Ipv4Address::parse);
  node.version = fields.string("version", "");
  node.zone = name_or(fields, "zone", "");
  node.labels = labels_of(fields, "labels");
  node.fenced = fields.boolean("fenced", false);
  node.boot_id = fields.string("boot_id", "");
  node.boot_revision = fields.number("boot_revision", 0);
  own_fields(fields);
  return finished(fields, std::move(node));
}

Result<Gateway> gateway_from(const Json& json) {
  Fields fields(json, "gateway");
  Gateway gateway;
  gateway.name = name_of(fields, "name");
  gateway.machine_id = fields.string("machine_id");
  gateway.vtep = fields.parsed("vtep", &net::Ipv4Address::parse);
  gateway.version = fields.string("version", "");
  gateway.network = name_of(fields, "network");
  own_fields(fields);
  return finished(fields, std::move(gateway));
}

Result<Webhook> webhook_from(const Json& json) {
  Fields fields(json, "webhook");
  Webhook webhook;
  webhook.name = name_of(fields, "name");
  webhook.url = fields.string("url");
  webhook.events = parsed_list(fields, "events", &parse_pattern);
  webhook.secret = note_of(fields, "secret");
  webhook.disabled = fields.boolean("disabled", false);
  fields.allow("signed");
  own_fields(fields, {"status"});
  return finished(fields, std::move(webhook));
}

Result<AddressList> address_list_from(const Json& json) {
  Fields fields(json, "list");
  AddressList list;
  list.name = name_of(fields, "name");
  list.network = name_or(fields, "network", default_network);
  list.selector = selector_of(fields);
  list.addresses = parsed_list(fields, "addresses", &net::IpRange::parse);
  list.note = note_of(fields, "note");
  own_fields(fields);
  return finished(fields, std::move(list));
}

Result<Block> block_from(const Json& json) {
  Fields fields(json, "block");
  Block block;
  block.id = fields.string("id");
  block.node = name_of(fields, "node");
  block.pool = name_of(fields, "pool");
  block.subnet = name_of(fields, "subnet");
  block.vni = fields.take("vni", net::Vni::from(fields.number("vni")));
  block.range = fields.parsed("range", &net::IpRange::parse);
  block.generation = fields.number("generation");
  block.leased_ms = static_cast<TimeMs>(fields.number("leased_ms"));
  block.use_seconds = number_of(fields, "use_seconds", 0);
  block.returning = fields.boolean("returning", false);
  own_fields(fields);
  return finished(fields, std::move(block));
}

Result<ExtraAddress> extra_address_from(const Json& json) {
  Fields fields(json, "extra-address");
  ExtraAddress extra;
  extra.address = fields.parsed("address", &net::IpAddress::parse);
  if (fields.has("vni")) {
    extra.vni = fields.take("vni", net::Vni::from(fields.number("vni")));
  }
  extra.network = name_or(fields, "network", default_network);
  extra.subnet = name_or(fields, "subnet", "");
  extra.pool = name_or(fields, "pool", "");
  extra.namespace_ = name_of(fields, "namespace");
  extra.hostnames = parsed_list(fields, "hostnames", &parse_pattern);
  if (const Json* holder = fields.object("holder")) {
    extra.holder = fields.take("holder", binding_key_from(*holder));
  }
  extra.generation = fields.number("generation", 0);
  extra.note = note_of(fields, "note");
  own_fields(fields, {"node"});
  return finished(fields, std::move(extra));
}

}  // namespace mooring::controller
