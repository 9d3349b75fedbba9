// /v1/nodes and /v1/gateways: registration, who is there, questions to them.
#include <algorithm>
#include <chrono>
#include <iterator>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "ipam-controller/api/filters.hpp"
#include "ipam-controller/api/routes.hpp"
#include "ipam-controller/api/views.hpp"
#include "ipam-controller/observe/observatory.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Fields;
using ipam_api::Json;
using ipam_api::Role;

constexpr std::uint64_t default_query_seconds = 5;
constexpr std::uint64_t max_query_seconds = 60;
constexpr std::string_view gateway_states[] = {"serving", "draining", "drained", "not-ready"};

asio::awaitable<Answered> put(Services& services, const Call& call, Role role) {
  const auto name = ipam_api::parse_name("name", call.parameters[0]);
  const Result<Json> body = body_of(call);
  if (!name || !body) {
    co_return name ? body.error() : name.error();
  }
  const auto asked = ipam_api::registration_from(*body);
  if (!asked) {
    co_return asked.error();
  }
  const auto live = services.hub.live_machine(role, *name);
  if (live && *live != asked->machine_id) {
    co_return Error(
        Errc::conflict,
        fmt::format("registering {} {}: the machine {} holds that name and is live", to_string(role), *name, *live),
        "give this host another name (--name), or stop the other one's daemon and delete its registration");
  }
  using Registered = ipam_api::RegistrationAnswer;
  Result<Caller> asking = plain_caller_of(call);
  if (!asking) {
    co_return asking.error();
  }
  Caller caller = std::move(*asking);
  caller.actor = {role == Role::node ? Actor::Kind::node : Actor::Kind::gateway, *name, call.request.peer.str()};
  const Start<Registered> start = [&](Callback<Registered> done) {
    if (role == Role::node) {
      services.ipam.register_node(caller, *name, *asked, std::move(done));
    } else {
      services.ipam.register_gateway(caller, *name, *asked, std::move(done));
    }
  };
  const Result<Registered> registered = co_await when_done(start);
  if (!registered) {
    spdlog::warn("api: {}", registered.error().text());
    co_return registered.error();
  }
  if (caller.dry_run) {
    co_return answered(200, to_json(*registered));
  }
  services.hub.heard(role, *name);
  spdlog::info("api: {} {} registered from {}: vtep {}, version {}", to_string(role), *name, call.request.peer.str(),
               asked->vtep.str(), asked->version);
  co_return answered(200, to_json(*registered));
}

// A gateway's word for what it does with traffic; it says so at every change, and every few seconds.
asio::awaitable<Answered> report_gateway(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  if (!body) {
    co_return body.error();
  }
  Fields fields(*body, "report", Fields::Unknown::ignore);
  const std::string state = fields.string("state");
  if (std::find(std::begin(gateway_states), std::end(gateway_states), state) == std::end(gateway_states)) {
    fields.fail("state", Error(Errc::invalid_argument,
                               fmt::format("is '{}', expected {}", state, fmt::join(gateway_states, ", "))));
  }
  if (auto bad = fields.finish()) {
    co_return *bad;
  }
  const Look look = [&call](const State& known) -> Result<Json> {
    return known.gateway(call.parameters[0]) != nullptr
               ? Result<Json>(Json::object())
               : Result<Json>(no_such("gateway", "gateways", call.parameters[0]));
  };
  Answered looked = co_await look_at(services, look);
  if (looked) {
    services.hub.told_state(call.parameters[0], state);
    services.observatory.gateway_reported(call.parameters[0]);
  }
  co_return looked;
}

asio::awaitable<Answered> query(Services& services, const Call& call, Role role) {
  const Result<Json> body = body_of(call);
  if (!body) {
    co_return body.error();
  }
  Fields fields(*body, "query");
  const std::string question = fields.string("question");
  const Json* given = fields.object("arguments");
  const std::uint64_t seconds = fields.number("deadline_seconds", default_query_seconds);
  if (question.size() > 64) {
    fields.fail("question", Error(Errc::invalid_argument, "is longer than 64 bytes"));
  }
  if (seconds < 1 || seconds > max_query_seconds) {
    fields.fail("deadline_seconds",
                Error(Errc::invalid_argument, fmt::format("is {}, expected 1 to {}", seconds, max_query_seconds)));
  }
  if (auto bad = fields.finish()) {
    co_return *bad;
  }
  Json arguments = given == nullptr ? Json::object() : *given;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  const Result<Json> answer =
      co_await services.hub.ask(role, call.parameters[0], question, std::move(arguments), deadline);
  if (!answer) {
    co_return answer.error();
  }
  Json shown = {{"name", call.parameters[0]}, {"question", question}};
  shown["answer"] = *answer;
  co_return answered(200, shown);
}

asio::awaitable<Answered> put_node(Services& services, const Call& call) {
  return put(services, call, Role::node);
}
asio::awaitable<Answered> put_gateway(Services& services, const Call& call) {
  return put(services, call, Role::gateway);
}
asio::awaitable<Answered> query_node(Services& services, const Call& call) {
  return query(services, call, Role::node);
}
asio::awaitable<Answered> query_gateway(Services& services, const Call& call) {
  return query(services, call, Role::gateway);
}

asio::awaitable<Answered> list_nodes(Services& services, const Call& call) {
  const Result<Filters> filters = filters_of(call, {"label"});
  if (!filters) {
    co_return filters.error();
  }
  const LookAtAll look = [&services, &filters](const State& state) {
    Page page(filters->paging);
    for (const auto& [name, node] : state.nodes()) {
      if (filters->labels_fit(node.labels) && page.takes(name)) {
        page.add(view_of(node, services.hub.presence(Role::node, name)));
      }
    }
    return page;
  };
  co_return co_await list_of(services, look);
}

asio::awaitable<Answered> list_gateways(Services& services, const Call& call) {
  const Result<Filters> filters = filters_of(call, {"network"});
  if (!filters) {
    co_return filters.error();
  }
  const LookAtAll look = [&services, &filters](const State& state) {
    Page page(filters->paging);
    for (const auto& [name, gateway] : state.gateways()) {
      if (filters->network_fits(gateway.network) && page.takes(name)) {
        page.add(view_of(gateway, services.hub.presence(Role::gateway, name)));
      }
    }
    return page;
  };
  co_return co_await list_of(services, look);
}

asio::awaitable<Answered> get_node(Services& services, const Call& call) {
  if (const auto known = only_parameters(call, {}); !known) {
    co_return known.error();
  }
  const Look look = [&services, &call](const State& state) -> Result<Json> {
    const Node* node = state.node(call.parameters[0]);
    if (node == nullptr) {
      return no_such("node", "nodes", call.parameters[0]);
    }
    return view_of(*node, services.hub.presence(Role::node, node->name));
  };
  co_return co_await look_at(services, look);
}

asio::awaitable<Answered> get_gateway(Services& services, const Call& call) {
  if (const auto known = only_parameters(call, {}); !known) {
    co_return known.error();
  }
  const Look look = [&services, &call](const State& state) -> Result<Json> {
    const Gateway* gateway = state.gateway(call.parameters[0]);
    if (gateway == nullptr) {
      return no_such("gateway", "gateways", call.parameters[0]);
    }
    return view_of(*gateway, services.hub.presence(Role::gateway, gateway->name));
  };
  co_return co_await look_at(services, look);
}

asio::awaitable<Answered> remove_node(Services& services, const Call& call) {
  const Result<void> known = only_parameters(call, {"force", "fence"});
  const Result<bool> force = flag_of(call, "force");
  const Result<bool> fence = flag_of(call, "fence");
  const Result<Caller> caller = caller_of(call);
  if (!known || !force || !fence || !caller) {
    co_return !known ? known.error() : !force ? force.error() : !fence ? fence.error() : caller.error();
  }
  const std::string& name = call.parameters[0];
  if (const auto heard = services.hub.sign_of_life(Role::node, name)) {
    co_return Error(Errc::in_use, fmt::format("deleting node {}: {}", name, *heard),
                    fmt::format("stop mooring-agent there, or cut the machine off, and wait {} s: a node that lives "
                                "would go on with addresses that others get",
                                services.hub.node_silence().count()));
  }
  const Start<void> start = [&](Callback<void> done) {
    if (*fence) {
      services.ipam.fence_node(*caller, name, std::move(done));
    } else {
      services.ipam.delete_node(*caller, name, *force, std::move(done));
    }
  };
  const Result<void> gone = co_await when_done(start);
  co_return done_or(gone);
}

asio::awaitable<Answered> remove_gateway(Services& services, const Call& call) {
  const Result<Caller> caller = plain_caller_of(call);
  if (!caller) {
    co_return caller.error();
  }
  const Start<void> start = [&](Callback<void> done) {
    services.ipam.delete_gateway(*caller, call.parameters[0], std::move(done));
  };
  const Result<void> gone = co_await when_done(start);
  co_return done_or(gone);
}

constexpr Route routes[] = {
    {"PUT", "/v1/nodes/{name}", Access::node, &put_node},
    {"GET", "/v1/nodes", Access::admin, &list_nodes},
    {"GET", "/v1/nodes/{name}", Access::admin, &get_node},
    {"DELETE", "/v1/nodes/{name}", Access::admin, &remove_node},
    {"POST", "/v1/nodes/{name}:query", Access::admin, &query_node},
    {"PUT", "/v1/gateways/{name}", Access::node, &put_gateway},
    {"GET", "/v1/gateways", Access::admin, &list_gateways},
    {"GET", "/v1/gateways/{name}", Access::admin, &get_gateway},
    {"DELETE", "/v1/gateways/{name}", Access::admin, &remove_gateway},
    {"POST", "/v1/gateways/{name}:query", Access::admin, &query_gateway},
    {"POST", "/v1/gateways/{name}:report", Access::node, &report_gateway},
};

}  // namespace

std::span<const Route> node_routes() {
  return routes;
}

}  // namespace mooring::controller
