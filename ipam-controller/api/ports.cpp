// /v1/ports: what nodes ask for on behalf of containers, and what admins see of it.
#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "ipam-controller/api/filters.hpp"
#include "ipam-controller/api/routes.hpp"
#include "ipam-controller/api/views.hpp"
#include "mooring/ipam_api/allocation_text.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Json;

constexpr std::size_t most_at_once = 512;  // requests of one call

// A node speaks for itself: the ledger has its name, not that of the token.
Result<Caller> caller_for(const Call& call, const std::string& node) {
  auto caller = plain_caller_of(call);
  if (!caller) {
    return caller;
  }
  if (auto unmatched = no_if_match(call); !unmatched) {
    return unmatched.error();
  }
  caller->actor = {Actor::Kind::node, node, call.request.peer.str()};
  return caller;
}

asio::awaitable<Answered> allocate(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  if (!body) {
    co_return body.error();
  }
  const auto asked = ipam_api::allocate_request_from(*body);
  if (!asked) {
    co_return asked.error();
  }
  const Result<Caller> caller = caller_for(call, asked->node);
  if (!caller) {
    co_return caller.error();
  }
  const Start<ipam_api::Allocation> start = [&](Callback<ipam_api::Allocation> done) {
    services.ipam.allocate(*caller, *asked, std::move(done));
  };
  const Result<ipam_api::Allocation> given = co_await when_done(start);
  if (!given) {
    co_return given.error();
  }
  services.hub.heard(ipam_api::Role::node, asked->node);
  co_return answered_text(200, text_of(*given));
}

// What became of each request of POST /v1/ports:allocate-all, in its place.
struct Bulk {
  Json results = Json::array();
  std::size_t left = 0;
  Callback<Json> done;

  void landed(std::size_t index, const Result<ipam_api::Allocation>& given) {
    results[index] =
        given ? Json{{"allocation", to_json(*given)}} : Json{{"problem", ipam_api::problem_from(given.error())}};
    if (--left == 0) {
      done(Json{{"results", std::move(results)}});
    }
  }
};

// {"requests": [what :allocate takes, …]} -> {"results": [{"allocation"} or {"problem"}, …]}. They share a batch, and
// so one fsync; one that is refused does not touch the others.
asio::awaitable<Answered> allocate_all(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  if (!body) {
    co_return body.error();
  }
  ipam_api::Fields fields(*body, "allocate-all");
  const Json* requests = fields.array("requests");
  if (requests == nullptr || requests->empty() || requests->size() > most_at_once) {
    fields.fail("requests",
                Error(Errc::invalid_argument, fmt::format("has {} entries", requests == nullptr ? 0 : requests->size()),
                      fmt::format("1 to {}", most_at_once)));
  }
  const Result<Caller> caller = caller_for(call, "");
  if (const auto bad = fields.finish(); bad || !caller) {
    co_return bad ? *bad : caller.error();
  }
  const Start<Json> start = [&](Callback<Json> done) {
    const auto bulk = std::make_shared<Bulk>();
    bulk->results = Json::array();
    bulk->left = requests->size() + 1;
    bulk->done = std::move(done);
    for (std::size_t i = 0; i < requests->size(); ++i) {
      bulk->results.push_back(nullptr);
    }
    for (std::size_t i = 0; i < requests->size(); ++i) {
      auto asked = ipam_api::allocate_request_from((*requests)[i]);
      if (!asked) {
        bulk->landed(i, asked.error());
        continue;
      }
      Caller own = *caller;
      own.actor.name = asked->node;
      services.ipam.allocate(std::move(own), std::move(*asked),
                             [bulk, i](Result<ipam_api::Allocation> given) { bulk->landed(i, given); });
    }
    // One is left for this, so that the answer never comes inside the call.
    services.ipam.read([bulk](const State&, Revision) {
      if (--bulk->left == 0) {
        bulk->done(Json{{"results", std::move(bulk->results)}});
      }
    });
  };
  const Result<Json> results = co_await when_done(start);
  if (!results) {
    co_return results.error();
  }
  co_return answered(200, *results);
}

asio::awaitable<Answered> confirm(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  if (!body) {
    co_return body.error();
  }
  const auto asked = ipam_api::confirm_request_from(*body);
  if (!asked) {
    co_return asked.error();
  }
  const Result<Caller> caller = caller_for(call, asked->node);
  if (!caller) {
    co_return caller.error();
  }
  const Start<void> start = [&](Callback<void> done) { services.ipam.confirm(*caller, *asked, std::move(done)); };
  const Result<void> confirmed = co_await when_done(start);
  co_return done_or(confirmed);
}

asio::awaitable<Answered> release(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  if (!body) {
    co_return body.error();
  }
  const auto asked = ipam_api::release_request_from(*body);
  if (!asked) {
    co_return asked.error();
  }
  const Result<Caller> caller = caller_for(call, asked->node);
  if (!caller) {
    co_return caller.error();
  }
  const Start<ipam_api::ReleaseAnswer> start = [&](Callback<ipam_api::ReleaseAnswer> done) {
    services.ipam.release(*caller, *asked, std::move(done));
  };
  const Result<ipam_api::ReleaseAnswer> released = co_await when_done(start);
  if (!released) {
    co_return released.error();
  }
  co_return answered(200, to_json(*released));
}

asio::awaitable<Answered> list(Services& services, const Call& call) {
  const Result<Filters> filters =
      filters_of(call, {"network", "namespace", "node", "subnet", "pool", "hostname", "label"});
  if (!filters) {
    co_return filters.error();
  }
  const LookAtAll look = [&filters](const State& state) {
    std::vector<std::pair<std::string, const PackedPort*>> fitting;
    state.ports().each([&](const PackedPort& packed) {
      const Port port = state.ports().unpack(packed);
      if (filters->network_fits(port.owner.network) && filters->namespace_fits(port.owner.namespace_) &&
          filters->node_fits(port.node) && filters->subnet_fits(port.subnet) && filters->pool_fits(port.pool) &&
          filters->hostname_fits(port.owner.hostname) && filters->labels_fit(port.labels)) {
        fitting.emplace_back(fmt::format("{}/{}/{}/{}", port.owner.network, port.owner.namespace_, port.owner.hostname,
                                         port.owner.interface_ordinal),
                             &packed);
      }
    });
    std::sort(fitting.begin(), fitting.end());
    Page page(filters->paging);
    for (const auto& [path, port] : fitting) {
      if (page.takes(path)) {
        page.add(view_of(state.ports().unpack(*port)));
      }
    }
    return page;
  };
  co_return co_await list_of(services, look);
}

asio::awaitable<Answered> get(Services& services, const Call& call) {
  if (const auto known = only_parameters(call, {}); !known) {
    co_return known.error();
  }
  const Look look = [&call](const State& state) -> Result<Json> {
    const auto port = state.port_by_id(call.parameters[0]);
    if (port == nullptr) {
      return no_such("port", "ports", call.parameters[0]);
    }
    return view_of(*port);
  };
  co_return co_await look_at(services, look);
}

asio::awaitable<Answered> remove(Services& services, const Call& call) {
  const Result<Caller> caller = plain_caller_of(call);
  if (!caller) {
    co_return caller.error();
  }
  const Start<void> start = [&](Callback<void> done) {
    services.ipam.delete_port(*caller, call.parameters[0], std::move(done));
  };
  const Result<void> gone = co_await when_done(start);
  co_return done_or(gone);
}

constexpr Route routes[] = {
    {"POST", "/v1/ports:allocate", Access::node, &allocate},
    {"POST", "/v1/ports:allocate-all", Access::node, &allocate_all},
    {"POST", "/v1/ports:confirm", Access::node, &confirm},
    {"POST", "/v1/ports:release", Access::node, &release},
    {"GET", "/v1/ports", Access::admin, &list},
    {"GET", "/v1/ports/{id}", Access::admin, &get},
    {"DELETE", "/v1/ports/{id}", Access::admin, &remove},
};

}  // namespace

std::span<const Route> port_routes() {
  return routes;
}

}  // namespace mooring::controller
