// /v1/sightings: gateways and nodes report who claims an address of the overlay without holding it; what of that goes
// on now. Claims are judged here, where all holders are known: an address that no pool gives out and nobody holds may
// be a machine's, and gateways answer for overlay addresses by themselves.
#include <map>

#include <fmt/format.h>

#include "ipam-controller/api/filters.hpp"
#include "ipam-controller/api/routes.hpp"
#include "ipam-controller/domain/validate.hpp"
#include "ipam-controller/observe/observatory.hpp"
#include "ipam-controller/observe/rogues.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Fields;
using ipam_api::Json;
using ipam_api::Role;

constexpr std::size_t max_claims = 256;  // a report

struct Claim {
  std::optional<net::Vni> vni;  // of a node's
  net::IpAddress address;
  net::MacAddress mac;
  std::string where;       // of a gateway's: the interface
  std::string attachment;  // of a node's
  std::uint64_t count = 1;
};

struct Report {
  Role role = Role::gateway;
  std::string name;
  std::optional<net::MacAddress> own_mac;  // of a gateway, on its physical network
  std::vector<Claim> claims;
  std::string reporter() const { return fmt::format("{} {}", to_string(role), name); }
};

Result<Claim> claim_from(const Json& json) {
  Fields fields(json, "sighting", Fields::Unknown::ignore);
  Claim claim;
  claim.address = fields.parsed("address", &net::IpAddress::parse);
  claim.mac = fields.parsed("mac", &net::MacAddress::parse);
  claim.where = fields.string("interface", "");
  claim.attachment = fields.string("attachment", "");
  claim.count = fields.number("count", 1);
  if (fields.has("vni")) {
    claim.vni = fields.take("vni", net::Vni::from(fields.number("vni")));
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return claim;
}

Result<Report> report_from(const Json& json) {
  Fields fields(json, "sightings", Fields::Unknown::ignore);
  Report report;
  const std::string role = fields.string("role");
  if (role != "gateway" && role != "node") {
    fields.fail("role", Error(Errc::invalid_argument, fmt::format("is '{}', expected gateway or node", role)));
  }
  report.role = role == "node" ? Role::node : Role::gateway;
  report.name = fields.take("name", ipam_api::parse_name("name", fields.string("name")));
  report.own_mac = fields.parsed_if_present("own_mac", &net::MacAddress::parse);
  if (const Json* claims = fields.array("sightings")) {
    if (claims->size() > max_claims) {
      return Error(Errc::too_large, fmt::format("sightings: {} of them, at most {}", claims->size(), max_claims));
    }
    for (const Json& one : *claims) {
      report.claims.push_back(fields.take("sightings", claim_from(one)));
    }
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return report;
}

// Is it an address that only its holder may use?
bool is_managed(const State& state, const Subnet& subnet, net::IpAddress address) {
  const PortAddress key{subnet.vni, address};
  const Pool* pool = state.pool_covering(subnet.name, address);
  const SubnetBlock* block = subnet.block(address.family());
  return state.has_port(key) || state.binding_at(key) != nullptr || state.extra_address(key) != nullptr ||
         (pool != nullptr && !pool->excludes(address)) || (block != nullptr && block->gateway == address);
}

std::optional<Sighting> judged(const State& state, const Report& report, const Claim& claim) {
  const Gateway* gateway = report.role == Role::gateway ? state.gateway(report.name) : nullptr;
  const Subnet* of_node = claim.vni ? state.subnet_by_vni(*claim.vni) : nullptr;
  const std::string network = gateway != nullptr ? gateway->network : of_node != nullptr ? of_node->network : "";
  const Subnet* subnet = network.empty() ? nullptr : state.subnet_containing(network, claim.address);
  if (subnet == nullptr || !is_managed(state, *subnet, claim.address)) {
    return std::nullopt;
  }
  const PortAddress key{subnet->vni, claim.address};
  const auto port = state.port(key);
  if (port && port->mac == claim.mac) {
    return std::nullopt;
  }
  Sighting sighting;
  sighting.network = network;
  sighting.address = claim.address;
  sighting.mac = claim.mac;
  sighting.reporter = report.reporter();
  sighting.where = "interface " + claim.where;
  sighting.holder = holder_of(state, key);
  sighting.count = claim.count;
  if (report.role == Role::node) {
    sighting.where = "attachment " + claim.attachment;
    for (const Port& own : state.ports_of_node(report.name)) {
      if (own.attachment.str() == claim.attachment) {
        sighting.where = "pod " + own.owner.str();
      }
    }
  }
  return sighting;
}

asio::awaitable<Answered> report(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  if (!body) {
    co_return body.error();
  }
  const Result<Report> said = report_from(*body);
  if (!said) {
    co_return said.error();
  }
  std::vector<Sighting> sightings;
  const Look look = [&](const State& state) -> Result<Json> {
    const bool known =
        said->role == Role::node ? state.node(said->name) != nullptr : state.gateway(said->name) != nullptr;
    if (!known) {
      return Error(Errc::not_found, fmt::format("{} is not registered", said->reporter()));
    }
    for (const Claim& claim : said->claims) {
      if (auto sighting = judged(state, *said, claim)) {
        sightings.push_back(std::move(*sighting));
      }
    }
    return Json::object();
  };
  auto looked = co_await look_at(services, look);
  if (!looked) {
    co_return looked.error();
  }
  if (said->own_mac) {
    services.observatory.gateway_mac(said->name, *said->own_mac);
  }
  for (const Sighting& sighting : sightings) {
    services.observatory.sighted(sighting);
  }
  services.hub.heard(said->role, said->name);
  co_return answered(200, Json::object());
}

asio::awaitable<Answered> list(Services& services, const Call& call) {
  if (const auto known = only_parameters(call, {"address"}); !known) {
    co_return known.error();
  }
  const std::string_view wanted = call.request.parameter("address");
  Json items = Json::array();
  for (const Rogue& rogue : services.observatory.rogues().all()) {
    const Sighting& seen = rogue.seen;
    if (wanted.empty() || wanted == seen.address.str()) {
      items.push_back({{"network", seen.network},
                       {"address", seen.address.str()},
                       {"mac", seen.mac.str()},
                       {"reporter", seen.reporter},
                       {"where", seen.where},
                       {"holder", seen.holder},
                       {"first_ms", rogue.first_ms},
                       {"last_ms", rogue.last_ms},
                       {"count", seen.count}});
    }
  }
  Json answer = Json::object();
  answer["items"] = std::move(items);
  co_return answered(200, answer);
}

constexpr Route routes[] = {
    {"POST", "/v1/sightings", Access::node, &report},
    {"GET", "/v1/sightings", Access::admin, &list},
};

}  // namespace

std::span<const Route> sighting_routes() {
  return routes;
}

}  // namespace mooring::controller
