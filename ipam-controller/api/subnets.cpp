// /v1/subnets
#include <fmt/format.h>

#include "ipam-controller/api/filters.hpp"
#include "ipam-controller/api/routes.hpp"
#include "ipam-controller/api/views.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Fields;
using ipam_api::Json;

constexpr std::uint64_t max_mtu_bytes = 65535;
constexpr std::size_t max_routes = 100;

std::vector<ipam_api::Route> routes_from(Fields& fields) {
  std::vector<ipam_api::Route> routes;
  const Json* list = fields.array("routes");
  if (list == nullptr) {
    return routes;
  }
  if (list->size() > max_routes) {
    fields.fail("routes", Error(Errc::too_large, fmt::format("{} routes, at most {}", list->size(), max_routes)));
    return routes;
  }
  for (const Json& item : *list) {
    routes.push_back(fields.take("routes", ipam_api::route_from(item)));
  }
  return routes;
}

Result<NewSubnet> subnet_from(const Json& body) {
  Fields fields(body, "subnet");
  NewSubnet subnet;
  subnet.name = fields.take("name", ipam_api::parse_name("name", fields.string("name")));
  subnet.network = fields.take("network", ipam_api::parse_name("network", fields.string("network", default_network)));
  subnet.vni = fields.take("vni", net::Vni::from(fields.number("vni")));
  subnet.cidr = fields.parsed("cidr", &net::Cidr::parse);
  subnet.gateway = fields.parsed_if_present("gateway", &net::Ipv4Address::parse);
  const std::uint64_t mtu_bytes = fields.number("mtu_bytes", subnet.mtu_bytes);
  if (mtu_bytes > max_mtu_bytes) {
    fields.fail("mtu_bytes", Error(Errc::invalid_argument, fmt::format("is {}, at most {}", mtu_bytes, max_mtu_bytes)));
  }
  subnet.mtu_bytes = static_cast<std::uint32_t>(std::min(mtu_bytes, max_mtu_bytes));
  if (const Json* dns = fields.object("dns")) {
    subnet.dns = fields.take("dns", ipam_api::dns_from(*dns));
  }
  subnet.routes = routes_from(fields);
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return subnet;
}

asio::awaitable<Answered> create(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  if (!body) {
    co_return body.error();
  }
  const Result<NewSubnet> asked = subnet_from(*body);
  if (!asked) {
    co_return asked.error();
  }
  const Start<Subnet> start = [&](Callback<Subnet> done) { services.ipam.create_subnet(*asked, std::move(done)); };
  const Result<Subnet> made = co_await when_done(start);
  if (!made) {
    co_return made.error();
  }
  co_return created("/v1/subnets/" + made->name, view_of(*made));
}

asio::awaitable<Answered> list(Services& services, const Call& call) {
  const Result<Filters> filters = filters_of(call, {"network"});
  if (!filters) {
    co_return filters.error();
  }
  const LookAtAll look = [&filters](const State& state) {
    Json items = Json::array();
    for (const auto& [name, subnet] : state.subnets()) {
      if (filters->network_fits(subnet.network)) {
        items.push_back(view_of(subnet));
      }
    }
    return items;
  };
  co_return co_await list_of(services, look);
}

asio::awaitable<Answered> get(Services& services, const Call& call) {
  const Look look = [&call](const State& state) -> Result<Json> {
    const Subnet* subnet = state.subnet(call.parameters[0]);
    if (subnet == nullptr) {
      return no_such("subnet", "subnets", call.parameters[0]);
    }
    return view_of(*subnet);
  };
  co_return co_await look_at(services, look);
}

asio::awaitable<Answered> remove(Services& services, const Call& call) {
  const Start<void> start = [&](Callback<void> done) {
    services.ipam.delete_subnet(call.parameters[0], std::move(done));
  };
  const Result<void> gone = co_await when_done(start);
  co_return done_or(gone);
}

constexpr Route routes[] = {
    {"POST", "/v1/subnets", Access::admin, &create},
    {"GET", "/v1/subnets", Access::admin, &list},
    {"GET", "/v1/subnets/{name}", Access::admin, &get},
    {"DELETE", "/v1/subnets/{name}", Access::admin, &remove},
};

}  // namespace

std::span<const Route> subnet_routes() {
  return routes;
}

}  // namespace mooring::controller
