// What a VIP must be like, and how it is written: as an object, and as an entry of the directory.
#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "ipam-controller/domain/change.hpp"
#include "ipam-controller/domain/object_json.hpp"
#include "ipam-controller/domain/validate.hpp"
#include "ipam-controller/domain/validate_words.hpp"
#include "mooring/net/cover.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Fields;

constexpr std::size_t max_vips = 4000;
constexpr std::size_t max_vip_ports = 16;
constexpr std::size_t max_listed = 1000;
constexpr std::uint32_t last_vip_number = 32767;  // a group's id has 15 bits for it

struct CheckKind {
  HealthCheck::Kind kind;
  std::string_view name;
};
constexpr std::array check_kinds{CheckKind{HealthCheck::Kind::none, "none"}, CheckKind{HealthCheck::Kind::tcp, "tcp"},
                                 CheckKind{HealthCheck::Kind::http, "http"}};

std::string_view name_of(HealthCheck::Kind kind) {
  return std::find_if(check_kinds.begin(), check_kinds.end(), [&](const auto& known) { return known.kind == kind; })
      ->name;
}

Result<HealthCheck::Kind> parse_check_kind(std::string_view text) {
  for (const auto& [kind, name] : check_kinds) {
    if (name == text) {
      return kind;
    }
  }
  return Error(Errc::invalid_argument, fmt::format("'{}' is no kind of check", text), "none, tcp or http");
}

std::optional<std::uint16_t> port_number(std::string_view text) {
  std::uint16_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc() && end == text.data() + text.size() && number != 0 ? std::optional(number)
                                                                                   : std::nullopt;
}

std::uint32_t number_between(Fields& fields, std::string_view key, std::uint32_t fallback, std::uint32_t least,
                             std::uint32_t most) {
  const std::uint64_t number = fields.number(key, fallback);
  if (number < least || number > most) {
    fields.fail(key, Error(Errc::invalid_argument, fmt::format("is {}, expected {} to {}", number, least, most)));
    return fallback;
  }
  return static_cast<std::uint32_t>(number);
}

Json json_of(const HealthCheck& check) {
  Json json = {{"kind", name_of(check.kind)}};
  if (check.kind != HealthCheck::Kind::none) {
    json["port"] = check.port;
    json["interval_ms"] = check.interval_ms;
    json["timeout_ms"] = check.timeout_ms;
    json["failures"] = check.failures;
  }
  if (check.kind == HealthCheck::Kind::http) {
    json["path"] = check.path;
  }
  return json;
}

Result<HealthCheck> check_from(const Json& json) {
  Fields fields(json, "check");
  HealthCheck check;
  check.kind = fields.parsed("kind", &parse_check_kind);
  check.port = static_cast<std::uint16_t>(number_between(fields, "port", 0, 0, 65535));
  check.path = fields.string("path", "/");
  check.interval_ms = number_between(fields, "interval_ms", check.interval_ms, 100, 60'000);
  check.timeout_ms = number_between(fields, "timeout_ms", check.timeout_ms, 50, 60'000);
  check.failures = number_between(fields, "failures", check.failures, 1, 100);
  if (check.path.size() > 200 || check.path.front() != '/' ||
      std::any_of(check.path.begin(), check.path.end(), [](char c) { return c <= ' ' || c > '~'; })) {
    fields.fail("path", Error(Errc::invalid_argument, fmt::format("'{}' is no path", check.path), "as /healthz"));
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return check;
}

Json json_of(const VipBackend& backend) {
  Json json = {{"address", backend.at.address.str()},
               {"vni", backend.at.vni.value()},
               {"pod", backend.pod},
               {"node", backend.node},
               {"healthy", backend.healthy},
               {"since", backend.since}};
  if (!backend.why.empty()) {
    json["why"] = backend.why;
  }
  return json;
}

Result<VipBackend> backend_from(const Json& json) {
  Fields fields(json, "backend");
  VipBackend backend;
  backend.at.address = fields.parsed("address", &net::IpAddress::parse);
  backend.at.vni = fields.take("vni", net::Vni::from(fields.number("vni")));
  backend.pod = fields.string("pod", "");
  backend.node = fields.string("node", "");
  backend.healthy = fields.boolean("healthy", false);
  backend.why = fields.string("why", "");
  backend.since = fields.number("since", 0);
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return backend;
}

Result<void> check_vip_address(const State& state, const Vip& wanted) {
  const Subnet* subnet = state.subnet_containing(wanted.network, wanted.address);
  if (subnet == nullptr) {
    return Error(Errc::not_found,
                 fmt::format("address: {} is in no subnet of network {}", wanted.address.str(), wanted.network),
                 "take an address of one that is in no pool: mooringctl get subnets");
  }
  if (auto usable = check_address_usable(*subnet, wanted.address); !usable) {
    return usable.error().within("address");
  }
  for (const Pool* pool : state.pools_of(subnet->name)) {
    if (pool->covers(wanted.address) && !pool->excludes(wanted.address)) {
      return Error(
          Errc::conflict,
          fmt::format("address: {} is in pool {}, which could give it to a pod", wanted.address.str(), pool->name),
          fmt::format("take one in no pool, or leave it out of this one: mooringctl edit pool {}", pool->name));
    }
  }
  const Vip* other = state.vip_at({wanted.vni, wanted.address});
  if (other != nullptr && other->name == wanted.name) {
    return ok();
  }
  if (auto unused = check_address_free(state, {wanted.vni, wanted.address}, BindingKey(), "", 0); !unused) {
    return unused.error().within("address");
  }
  return ok();
}

}  // namespace

std::string VipPort::str() const {
  return fmt::format("{}:{}:{}", udp ? "udp" : "tcp", port, target_port);
}

Result<VipPort> parse_vip_port(std::string_view text) {
  const auto bad = [&] {
    return Error(Errc::invalid_argument, fmt::format("'{}' is no port of a VIP", text),
                 "PROTOCOL:PORT or PROTOCOL:PORT:TARGET-PORT, as tcp:80:8080");
  };
  VipPort port;
  port.udp = text.starts_with("udp:");
  if (!port.udp && !text.starts_with("tcp:")) {
    return bad();
  }
  const std::string_view numbers = text.substr(4);
  const auto colon = numbers.find(':');
  const auto own = port_number(numbers.substr(0, colon));
  const auto target = colon == numbers.npos ? own : port_number(numbers.substr(colon + 1));
  if (!own || !target) {
    return bad();
  }
  port.port = *own;
  port.target_port = *target;
  return port;
}

Json to_json(const Vip& vip) {
  Json json = {{"name", vip.name},
               {"network", vip.network},
               {"address", vip.address.str()},
               {"vni", vip.vni.value()},
               {"number", vip.number},
               {"selector", to_json(vip.selector)},
               {"check", json_of(vip.check)},
               {"revision", vip.revision}};
  for (const char* list : {"ports", "listed", "backends"}) {
    json[list] = Json::array();
  }
  for (const VipPort& port : vip.ports) {
    json["ports"].push_back(port.str());
  }
  for (const net::IpRange& range : vip.listed) {
    json["listed"].push_back(range.str());
  }
  for (const VipBackend& backend : vip.backends) {
    json["backends"].push_back(json_of(backend));
  }
  if (!vip.note.empty()) {
    json["note"] = vip.note;
  }
  return json;
}

Result<Vip> vip_from(const Json& json) {
  Fields fields(json, "vip");
  Vip vip;
  vip.name = fields.take("name", ipam_api::parse_name("name", fields.string("name")));
  vip.network = fields.take("network", ipam_api::parse_name("network", fields.string("network", default_network)));
  vip.address = fields.parsed("address", &net::IpAddress::parse);
  for (const std::string& text : fields.strings("ports")) {
    vip.ports.push_back(fields.take("ports", parse_vip_port(text)));
  }
  if (const Json* selector = fields.object("selector")) {
    vip.selector = fields.take("selector", selector_from(*selector));
  }
  for (const std::string& text : fields.strings("listed")) {
    vip.listed.push_back(fields.take("listed", net::IpRange::parse(text)));
  }
  if (const Json* check = fields.object("check")) {
    vip.check = fields.take("check", check_from(*check));
  }
  vip.note = fields.string("note", "");
  if (vip.note.size() > 1000) {
    fields.fail("note", Error(Errc::invalid_argument, fmt::format("is {} bytes long, at most 1000", vip.note.size())));
  }
  // Its own: taken from the store, and replaced by what is there when somebody sends them (app/topology.cpp).
  vip.number = number_between(fields, "number", 0, 0, last_vip_number);
  if (fields.has("vni")) {
    vip.vni = fields.take("vni", net::Vni::from(fields.number("vni")));
  }
  if (const Json* backends = fields.array("backends")) {
    for (const Json& backend : *backends) {
      vip.backends.push_back(fields.take("backends", backend_from(backend)));
    }
  }
  vip.revision = fields.number("revision", 0);
  fields.allow("state");
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return vip;
}

std::vector<Change> entries_of(const Vip& vip) {
  Json ports = Json::array();
  for (const VipPort& port : vip.ports) {
    ports.push_back(port.str());
  }
  Json backends = Json::array();
  for (const VipBackend& backend : vip.backends) {
    backends.push_back({{"address", backend.at.address.str()},
                        {"vni", backend.at.vni.value()},
                        {"healthy", backend.healthy},
                        {"since", backend.since}});
  }
  const Json value = {{"network", vip.network},     {"vni", vip.vni.value()},    {"address", vip.address.str()},
                      {"number", vip.number},       {"ports", std::move(ports)}, {"backends", std::move(backends)},
                      {"check", json_of(vip.check)}};
  return {make_entry(ipam_api::entry_kind::vip, common_shard, vip.name, vip.revision, 0, value.dump())};
}

std::uint32_t free_vip_number(const State& state) {
  std::set<std::uint32_t> taken;
  for (const auto& [name, vip] : state.vips()) {
    taken.insert(vip.number);
  }
  std::uint32_t number = 1;
  while (taken.contains(number)) {
    ++number;
  }
  return number;
}

Result<Vip> completed(const State& state, Vip wanted) {
  std::sort(wanted.ports.begin(), wanted.ports.end());
  wanted.listed = net::joined(std::move(wanted.listed));
  if (const Subnet* subnet = state.subnet_containing(wanted.network, wanted.address)) {
    wanted.vni = subnet->vni;
  }
  const auto tcp =
      std::find_if(wanted.ports.begin(), wanted.ports.end(), [](const VipPort& port) { return !port.udp; });
  if (wanted.check.kind != HealthCheck::Kind::none && wanted.check.port == 0 && tcp != wanted.ports.end()) {
    wanted.check.port = tcp->target_port;
  }
  return wanted;
}

Result<void> check(const State& state, const Vip& wanted, const Vip* there) {
  if (auto bad = check_name(wanted.name); !bad) {
    return bad;
  }
  if (there == nullptr && state.vips().size() >= max_vips) {
    return Error(Errc::conflict, fmt::format("there are {} VIPs already", max_vips), "one VIP can have many ports");
  }
  if (there != nullptr && (there->network != wanted.network || there->address != wanted.address)) {
    return Error(Errc::conflict, fmt::format("address: it is {} of network {}", there->address.str(), there->network),
                 "a VIP keeps its address; make another one");
  }
  if (state.network(wanted.network) == nullptr) {
    return Error(Errc::not_found, fmt::format("network: there is no network {}", wanted.network),
                 fmt::format("mooringctl create network {}", wanted.network));
  }
  if (wanted.ports.empty() || wanted.ports.size() > max_vip_ports) {
    return invalid(fmt::format("ports: there are {}, expected 1 to {}", wanted.ports.size(), max_vip_ports),
                   "as tcp:80:8080");
  }
  for (std::size_t i = 1; i < wanted.ports.size(); ++i) {
    if (wanted.ports[i].udp == wanted.ports[i - 1].udp && wanted.ports[i].port == wanted.ports[i - 1].port) {
      return invalid(fmt::format("ports: {} and {} are one port", wanted.ports[i - 1].str(), wanted.ports[i].str()));
    }
  }
  for (const auto& [field, patterns] :
       {std::pair{"nodes", &wanted.selector.nodes}, std::pair{"zones", &wanted.selector.zones}}) {
    if (!patterns->empty()) {
      return invalid(
          fmt::format("selector.{}: '{}': back ends are not selected by where they are", field, patterns->front()),
          "select by namespaces, hostnames and labels");
    }
  }
  if (wanted.selector.empty() && wanted.listed.empty()) {
    return invalid("selector: it selects no pods",
                   "give namespaces, hostnames or labels (the hostname * selects all pods of the network), or listed "
                   "addresses");
  }
  std::uint64_t listed = 0;
  for (const net::IpRange& range : wanted.listed) {
    if (range.family() != wanted.address.family()) {
      return invalid(
          fmt::format("listed: {} is not {}, as the VIP is", range.str(), to_string(wanted.address.family())),
          "a VIP of each family: mooringctl create vip");
    }
    listed += std::min<std::uint64_t>(range.size(), max_listed + 1);
  }
  if (listed > max_listed) {
    return invalid(fmt::format("listed: these are more than {} addresses", max_listed),
                   "select pods by namespaces, hostnames or labels");
  }
  if (wanted.check.kind != HealthCheck::Kind::none && wanted.check.port == 0) {
    return invalid("check.port: is missing, and the VIP has no TCP port whose target could be asked");
  }
  return check_vip_address(state, wanted);
}

}  // namespace mooring::controller
