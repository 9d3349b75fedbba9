#include "mooring/directory/entry_values.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/format.h>

namespace mooring::directory {
namespace {

constexpr auto tolerant = ipam_api::Fields::Unknown::ignore;

std::string where(const ipam_api::Entry& entry) {
  return entry.kind + " " + entry.key;
}

net::Vni vni_field(ipam_api::Fields& fields) {
  return fields.take("vni", net::Vni::from(fields.number("vni")));
}

void require_family(ipam_api::Fields& fields, std::string_view key, net::Family is, net::Family wanted) {
  if (is != wanted) {
    fields.fail(
        key, Error(Errc::invalid_argument, fmt::format("is {}, not {}", net::to_string(is), net::to_string(wanted))));
  }
}

Result<PortState> parse_state(std::string_view text) {
  if (text == "active") {
    return PortState::active;
  }
  if (text == "pending") {
    return PortState::pending;
  }
  return Error(Errc::invalid_argument, fmt::format("'{}' is not a state", text), "pending or active");
}

}  // namespace

Result<PortKey> port_key_from(const ipam_api::Entry& entry) {
  const auto cidr = net::IpCidr::parse(entry.key);
  if (!cidr) {
    return cidr.error().within("port " + entry.key);
  }
  const bool v4 = entry.kind == ipam_api::entry_kind::port ||
                  (entry.kind == ipam_api::entry_kind::extra && cidr->family() == net::Family::v4);
  if (cidr->family() != (v4 ? net::Family::v4 : net::Family::v6) || cidr->first() != cidr->last()) {
    return Error(Errc::invalid_argument, fmt::format("{} {}: the key is not one address", entry.kind, entry.key),
                 v4 ? "ADDRESS/32" : "ADDRESS/128");
  }
  const auto vni = net::Vni::from(entry.shard);
  if (!vni) {
    return vni.error().within("port " + entry.key);
  }
  return PortKey{*vni, cidr->first()};
}

Result<PortValue> port_value_from(const ipam_api::Entry& entry) {
  ipam_api::Fields fields(entry.value, where(entry), tolerant);
  PortValue value;
  value.node = fields.string("node");
  value.network = fields.string("network", "");
  value.attachment = fields.string("attachment", "");
  value.mac = fields.parsed("mac", &net::MacAddress::parse);
  // An extra address has no life of its own: it is as alive as its port.
  value.state = entry.kind == ipam_api::entry_kind::extra ? PortState::active : fields.parsed("state", &parse_state);
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

Result<Network> network_from(const ipam_api::Entry& entry) {
  ipam_api::Fields fields(entry.value, where(entry), tolerant);
  Network value{entry.key, fields.boolean("isolated", false)};
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

Result<Subnet> subnet_from(const ipam_api::Entry& entry, net::Family family) {
  ipam_api::Fields fields(entry.value, where(entry), tolerant);
  Subnet value;
  value.name = entry.key;
  value.network = fields.string("network");
  value.vni = vni_field(fields);
  value.cidr = fields.parsed("cidr", &net::IpCidr::parse);
  value.gateway = fields.parsed("gateway", &net::IpAddress::parse);
  require_family(fields, "cidr", value.cidr.family(), family);
  require_family(fields, "gateway", value.gateway.family(), family);
  const std::uint64_t mtu = fields.number("mtu_bytes", 0);
  if (mtu > std::numeric_limits<std::uint16_t>::max()) {
    fields.fail("mtu_bytes", Error(Errc::invalid_argument, fmt::format("{} is above 65535", mtu)));
  }
  value.mtu_bytes = static_cast<std::uint32_t>(mtu);
  value.mtu_from_underlay = fields.boolean("mtu_from_underlay", false);
  if (fields.has("bridged_vlan")) {
    const std::uint64_t vlan = fields.number("bridged_vlan");
    if (vlan > 4094) {  // IEEE 802.1Q
      fields.fail("bridged_vlan", Error(Errc::invalid_argument, fmt::format("{} is above 4094", vlan)));
    }
    value.bridged_vlan = static_cast<std::uint16_t>(vlan);
  }
  // Only for pods that the node gives addresses by itself: a form of a later version does not cost the subnet.
  if (const ipam_api::Json* json = fields.object("dns")) {
    if (auto dns = ipam_api::dns_from(*json)) {
      value.dns = std::move(*dns);
    }
  }
  if (const ipam_api::Json* routes = fields.array("routes")) {
    for (const ipam_api::Json& json : *routes) {
      if (const auto route = ipam_api::route_from(json)) {
        value.routes.push_back(*route);
      }
    }
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

Result<Pool> pool_from(const ipam_api::Entry& entry, net::Family family) {
  ipam_api::Fields fields(entry.value, where(entry), tolerant);
  Pool value;
  value.name = entry.key;
  value.subnet = fields.string("subnet");
  for (const std::string& text : fields.strings("ranges")) {
    value.ranges.push_back(fields.take("ranges", net::IpRange::parse(text)));
    require_family(fields, "ranges", value.ranges.back().family(), family);
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

Result<Node> node_from(const ipam_api::Entry& entry) {
  ipam_api::Fields fields(entry.value, where(entry), tolerant);
  Node value{entry.key, fields.parsed("vtep", &net::Ipv4Address::parse)};
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

Result<Gateway> gateway_from(const ipam_api::Entry& entry) {
  ipam_api::Fields fields(entry.value, where(entry), tolerant);
  Gateway value;
  value.name = entry.key;
  value.vtep = fields.parsed("vtep", &net::Ipv4Address::parse);
  value.network = fields.string("network", "");
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

namespace {

std::uint16_t vip_number(ipam_api::Fields& fields, std::string_view key, std::uint64_t number, std::uint64_t most) {
  if (number > most) {
    fields.fail(key, Error(Errc::invalid_argument, fmt::format("{} is above {}", number, most)));
    return 0;
  }
  return static_cast<std::uint16_t>(number);
}

// "tcp:80:8080"
Result<VipPort> vip_port_from(std::string_view text) {
  VipPort port;
  port.udp = text.starts_with("udp:");
  bool good = port.udp || text.starts_with("tcp:");
  const char* end = text.data() + text.size();
  const auto own = std::from_chars(text.data() + std::min<std::size_t>(4, text.size()), end, port.port);
  good = good && own.ec == std::errc() && own.ptr != end && *own.ptr == ':';
  if (good) {
    const auto target = std::from_chars(own.ptr + 1, end, port.target_port);
    good = target.ec == std::errc() && target.ptr == end && port.port != 0 && port.target_port != 0;
  }
  return good ? Result<VipPort>(port)
              : Error(Errc::invalid_argument, fmt::format("'{}' is no port of a VIP", text), "as tcp:80:8080");
}

Result<VipBackend> vip_backend_from(const ipam_api::Json& json, net::Family family) {
  ipam_api::Fields fields(json, "backend", tolerant);
  VipBackend backend;
  backend.at.vni = vni_field(fields);
  backend.at.address = fields.parsed("address", &net::IpAddress::parse);
  require_family(fields, "address", backend.at.address.family(), family);
  backend.healthy = fields.boolean("healthy", false);
  backend.since = fields.number("since", 0);
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return backend;
}

// A kind of check that a later version has is none for this one: the back ends are taken as the directory says.
VipCheck vip_check_from(const ipam_api::Json& json) {
  ipam_api::Fields fields(json, "check", tolerant);
  VipCheck check;
  const std::string kind = fields.string("kind", "none");
  check.kind = kind == "tcp" ? VipCheck::Kind::tcp : kind == "http" ? VipCheck::Kind::http : VipCheck::Kind::none;
  check.port = vip_number(fields, "port", fields.number("port", 0), 65535);
  check.path = fields.string("path", "/");
  check.interval_ms = vip_number(fields, "interval_ms", fields.number("interval_ms", check.interval_ms), 60'000);
  check.timeout_ms = vip_number(fields, "timeout_ms", fields.number("timeout_ms", check.timeout_ms), 60'000);
  check.failures = vip_number(fields, "failures", fields.number("failures", check.failures), 100);
  const bool whole = !fields.finish() && check.port != 0 && check.interval_ms >= 10 && check.timeout_ms >= 10;
  return whole ? check : VipCheck();
}

}  // namespace

Result<Vip> vip_from(const ipam_api::Entry& entry) {
  ipam_api::Fields fields(entry.value, where(entry), tolerant);
  Vip vip;
  vip.name = entry.key;
  vip.network = fields.string("network");
  vip.at.vni = vni_field(fields);
  vip.at.address = fields.parsed("address", &net::IpAddress::parse);
  vip.number = vip_number(fields, "number", fields.number("number"), 32767);
  for (const std::string& text : fields.strings("ports")) {
    vip.ports.push_back(fields.take("ports", vip_port_from(text)));
  }
  if (const ipam_api::Json* backends = fields.array("backends")) {
    for (const ipam_api::Json& json : *backends) {
      vip.backends.push_back(fields.take("backends", vip_backend_from(json, vip.at.address.family())));
    }
  }
  if (const ipam_api::Json* check = fields.object("check")) {
    vip.check = vip_check_from(*check);
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return vip;
}

Result<Block> block_from(const ipam_api::Entry& entry) {
  ipam_api::Fields fields(entry.value, where(entry), tolerant);
  Block value;
  value.id = fields.string("id");
  value.node = fields.string("node");
  value.pool = fields.string("pool", "");
  value.vni = fields.take("shard", net::Vni::from(entry.shard));
  value.range = fields.take("key", net::IpRange::parse(entry.key));
  value.generation = entry.generation;
  const std::uint64_t use_seconds = fields.number("use_seconds", 0);
  if (use_seconds > std::numeric_limits<std::uint32_t>::max()) {
    fields.fail("use_seconds", Error(Errc::invalid_argument, fmt::format("{} is too long", use_seconds)));
  }
  value.use_seconds = static_cast<std::uint32_t>(use_seconds);
  value.returning = fields.boolean("returning", false);
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

Result<AccessRule> access_rule_from(const ipam_api::Entry& entry) {
  ipam_api::Fields fields(entry.value, where(entry), tolerant);
  AccessRule value{entry.key, ipam_api::access_terms_from(fields, "")};
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

Result<Listed> listed_from(std::string_view key) {
  const auto slash = key.find('/');
  if (slash == 0 || slash == key.npos) {
    return Error(Errc::invalid_argument, fmt::format("listed {}: the key is no block of a list", key), "LIST/BLOCK");
  }
  const auto block = net::IpCidr::parse(key.substr(slash + 1));
  if (!block) {
    return block.error().within(fmt::format("listed {}", key));
  }
  return Listed{std::string(key.substr(0, slash)), *block};
}

}  // namespace mooring::directory
