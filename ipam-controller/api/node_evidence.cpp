// What nodes report of themselves unasked, and what an operator decides about a node: let held releases go, lift a
// fence.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "ipam-controller/api/routes.hpp"
#include "ipam-controller/api/views.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Json;
using ipam_api::Role;

asio::awaitable<Answered> report(Services& services, const Call& call) {
  const std::string& name = call.parameters[0];
  const Result<Json> body = body_of(call);
  if (!body) {
    co_return body.error();
  }
  auto inventory = ipam_api::inventory_from(*body);
  if (!inventory) {
    co_return inventory.error();
  }
  const Start<void> look = [&](Callback<void> done) {
    services.ipam.read([&name, done = std::move(done)](const State& state, Revision) {
      const Node* node = state.node(name);
      const bool serves = node != nullptr && !node->fenced;
      done(serves ? ok()
                  : Result<void>(Error(Errc::not_found, fmt::format("node {} is not registered", name),
                                       fmt::format("register it first: PUT /v1/nodes/{}", name))));
    });
  };
  const Result<void> known = co_await when_done(look);
  if (!known) {
    co_return known.error();
  }
  services.hub.heard(Role::node, name);
  spdlog::info("api: node {} reports {} ports, {} of them in flight{}", name, inventory->ports.size(),
               inventory->in_flight.size(), inventory->complete ? "" : "; not complete");
  services.inventories->put(name, services.ipam.now(), std::move(*inventory));
  co_return answered(200, Json::object());
}

asio::awaitable<Answered> reported(Services& services, const Call& call) {
  const Inventories::Report* report = services.inventories->find(call.parameters[0]);
  if (report == nullptr) {
    co_return Error(Errc::not_found,
                    fmt::format("node {} has reported nothing since this controller started", call.parameters[0]),
                    fmt::format("ask it: POST /v1/nodes/{}:query", call.parameters[0]));
  }
  Json json = to_json(report->inventory);
  json["node"] = call.parameters[0];
  json["at_ms"] = report->at_ms;
  co_return answered(200, json);
}

asio::awaitable<Answered> release_held(Services& services, const Call& call) {
  const Result<Caller> caller = caller_of(call);
  if (!caller) {
    co_return caller.error();
  }
  const std::string& name = call.parameters[0];
  if (caller->dry_run) {
    const auto held = services.ipam.brake().held();
    const auto found = held.find(name);
    co_return answered(200, Json{{"released", found == held.end() ? 0U : found->second.held}});
  }
  const Start<std::uint64_t> start = [&](Callback<std::uint64_t> done) {
    services.ipam.let_held_go(name, std::move(done));
  };
  const Result<std::uint64_t> count = co_await when_done(start);
  spdlog::warn("api: {} lets {} held releases of node {} go{}{}", caller->actor.name, *count, name,
               caller->reason.empty() ? "" : ": ", caller->reason);
  co_return answered(200, Json{{"released", *count}});
}

asio::awaitable<Answered> unfence(Services& services, const Call& call) {
  const Result<Caller> caller = caller_of(call);
  if (!caller) {
    co_return caller.error();
  }
  const Start<void> start = [&](Callback<void> done) {
    services.ipam.unfence_node(*caller, call.parameters[0], std::move(done));
  };
  const Result<void> done = co_await when_done(start);
  co_return done_or(done);
}

constexpr Route routes[] = {
    {"POST", "/v1/nodes/{name}/inventory", Access::node, &report},
    {"GET", "/v1/nodes/{name}/inventory", Access::admin, &reported},
    {"POST", "/v1/nodes/{name}:release-held", Access::admin, &release_held},
    {"POST", "/v1/nodes/{name}:unfence", Access::admin, &unfence},
};

}  // namespace

std::span<const Route> node_evidence_routes() {
  return routes;
}

}  // namespace mooring::controller
