// /v1/networks
#include <fmt/format.h>

#include "ipam-controller/api/routes.hpp"
#include "ipam-controller/api/views.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Fields;
using ipam_api::Json;

Result<Network> network_from(const Json& body) {
  Fields fields(body, "network");
  Network network;
  network.name = fields.take("name", ipam_api::parse_name("name", fields.string("name")));
  network.isolated = fields.boolean("isolated", false);
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return network;
}

asio::awaitable<Answered> create(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  if (!body) {
    co_return body.error();
  }
  const Result<Network> asked = network_from(*body);
  if (!asked) {
    co_return asked.error();
  }
  const Start<Network> start = [&](Callback<Network> done) { services.ipam.create_network(*asked, std::move(done)); };
  const Result<Network> made = co_await when_done(start);
  if (!made) {
    co_return made.error();
  }
  co_return created("/v1/networks/" + made->name, view_of(*made));
}

asio::awaitable<Answered> list(Services& services, const Call& call) {
  if (const auto known = only_parameters(call, {}); !known) {
    co_return known.error();
  }
  const LookAtAll look = [](const State& state) {
    Json items = Json::array();
    for (const auto& [name, network] : state.networks()) {
      items.push_back(view_of(network));
    }
    return items;
  };
  co_return co_await list_of(services, look);
}

asio::awaitable<Answered> get(Services& services, const Call& call) {
  const Look look = [&call](const State& state) -> Result<Json> {
    const Network* network = state.network(call.parameters[0]);
    if (network == nullptr) {
      return no_such("network", "networks", call.parameters[0]);
    }
    return view_of(*network);
  };
  co_return co_await look_at(services, look);
}

asio::awaitable<Answered> remove(Services& services, const Call& call) {
  const Start<void> start = [&](Callback<void> done) {
    services.ipam.delete_network(call.parameters[0], std::move(done));
  };
  const Result<void> gone = co_await when_done(start);
  co_return done_or(gone);
}

constexpr Route routes[] = {
    {"POST", "/v1/networks", Access::admin, &create},
    {"GET", "/v1/networks", Access::admin, &list},
    {"GET", "/v1/networks/{name}", Access::admin, &get},
    {"DELETE", "/v1/networks/{name}", Access::admin, &remove},
};

}  // namespace

std::span<const Route> network_routes() {
  return routes;
}

}  // namespace mooring::controller
