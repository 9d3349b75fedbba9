// /v1/bindings
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "ipam-controller/api/binding_json.hpp"
#include "ipam-controller/api/filters.hpp"
#include "ipam-controller/api/routes.hpp"
#include "ipam-controller/api/views.hpp"
#include "ipam-controller/app/use_cases.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Fields;
using ipam_api::Json;

// /v1/bindings/NETWORK/NAMESPACE/HOSTNAME/ORDINAL
Result<BindingKey> key_of(const Call& call) {
  BindingKey key;
  key.network = call.parameters[0];
  key.namespace_ = call.parameters[1];
  auto hostname = ipam_api::parse_hostname("hostname", call.parameters[2]);
  const auto ordinal = ordinal_from(call.parameters[3]);
  if (!hostname || !ordinal) {
    return !hostname ? hostname.error() : ordinal.error();
  }
  key.hostname = std::move(*hostname);
  key.interface_ordinal = *ordinal;
  return key;
}

// With the port it has now.
asio::awaitable<Json> shown_now(Services& services, const Binding& binding) {
  const Start<Json> start = [&](Callback<Json> done) {
    services.ipam.read([&binding, done = std::move(done)](const State& state, Revision) {
      const auto port = state.port_of(binding.owner);
      done(view_of(binding, port.get()));
    });
  };
  const Result<Json> shown = co_await when_done(start);
  co_return shown ? *shown : Json();
}

asio::awaitable<Answered> create(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  if (!body) {
    co_return body.error();
  }
  const Result<NewBinding> asked = new_binding_from(*body);
  if (!asked) {
    co_return asked.error();
  }
  const Result<Caller> caller = plain_caller_of(call);
  const Result<void> unmatched = no_if_match(call);
  if (!caller || !unmatched) {
    co_return caller ? unmatched.error() : caller.error();
  }
  const Start<Binding> start = [&](Callback<Binding> done) {
    services.ipam.create_binding(*caller, *asked, std::move(done));
  };
  const Result<Binding> made = co_await when_done(start);
  if (!made) {
    co_return made.error();
  }
  const BindingKey& owner = made->owner;
  const Json shown = co_await shown_now(services, *made);
  if (caller->dry_run) {
    co_return answered(200, shown);
  }
  co_return created(
      fmt::format("/v1/bindings/{}/{}/{}/{}", owner.network, owner.namespace_, owner.hostname, owner.interface_ordinal),
      shown);
}

std::string path_of(const BindingKey& owner) {
  return fmt::format("{}/{}/{}/{}", owner.network, owner.namespace_, owner.hostname, owner.interface_ordinal);
}

// PUT: makes the binding, or changes kind, retention, workload, labels and note of the one that is there.
asio::awaitable<Answered> put(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  const Result<BindingKey> key = key_of(call);
  const Result<Caller> caller = plain_caller_of(call);
  if (!body || !key || !caller) {
    co_return !body ? body.error() : !key ? key.error() : caller.error();
  }
  const Result<NewBinding> asked = new_binding_from(*body);
  if (!asked) {
    co_return asked.error();
  }
  if (asked->owner != *key) {
    co_return Error(Errc::invalid_argument,
                    fmt::format("it is of {}, and the path says {}", asked->owner.str(), key->str()),
                    "a binding keeps its owner; make another one");
  }
  const std::function<Result<Stored<Binding>>(Transaction&)> write = [&asked](Transaction& tx) {
    return put_binding(tx, *asked);
  };
  const Start<Stored<Binding>> start = [&](Callback<Stored<Binding>> done) {
    services.ipam.run<Stored<Binding>>(*caller, write, std::move(done));
  };
  const Result<Stored<Binding>> stored = co_await when_done(start);
  if (!stored) {
    co_return stored.error();
  }
  const Json shown = co_await shown_now(services, stored->object);
  if (stored->created && !caller->dry_run) {
    co_return created("/v1/bindings/" + path_of(*key), shown);
  }
  co_return with_etag(shown, stored->changed);
}

asio::awaitable<Answered> list(Services& services, const Call& call) {
  const Result<Filters> filters =
      filters_of(call, {"network", "namespace", "node", "subnet", "pool", "hostname", "label"});
  if (!filters) {
    co_return filters.error();
  }
  const LookAtAll look = [&filters](const State& state) {
    std::vector<std::pair<std::string, const Binding*>> fitting;
    for (const auto& [owner, binding] : state.bindings()) {
      const auto port = filters->node.empty() ? Found<Port>() : state.port_of(owner);
      if (filters->network_fits(owner.network) && filters->namespace_fits(owner.namespace_) &&
          filters->subnet_fits(binding.subnet) && filters->pool_fits(binding.pool) &&
          filters->hostname_fits(owner.hostname) && filters->labels_fit(binding.labels) &&
          filters->node_fits(port ? std::string_view(port->node) : std::string_view())) {
        fitting.emplace_back(path_of(owner), &binding);
      }
    }
    std::sort(fitting.begin(), fitting.end());
    Page page(filters->paging);
    for (const auto& [path, binding] : fitting) {
      if (page.takes(path)) {
        const auto port = state.port_of(binding->owner);
        page.add(view_of(*binding, port.get()));
      }
    }
    return page;
  };
  co_return co_await list_of(services, look);
}

asio::awaitable<Answered> get(Services& services, const Call& call) {
  const Result<BindingKey> key = key_of(call);
  const auto known = only_parameters(call, {});
  if (!key || !known) {
    co_return key ? known.error() : key.error();
  }
  const Look look = [&key](const State& state) -> Result<Json> {
    const Binding* binding = state.binding(*key);
    if (binding == nullptr) {
      return no_such("binding", "bindings", key->str());
    }
    const auto port = state.port_of(*key);
    return view_of(*binding, port.get());
  };
  co_return co_await look_at(services, look);
}

asio::awaitable<Answered> remove(Services& services, const Call& call) {
  const Result<BindingKey> key = key_of(call);
  const Result<bool> force = force_of(call);
  const Result<Caller> caller = caller_of(call);
  if (!key || !force || !caller) {
    co_return !key ? key.error() : !force ? force.error() : caller.error();
  }
  const Start<void> start = [&](Callback<void> done) {
    services.ipam.delete_binding(*caller, *key, *force, std::move(done));
  };
  const Result<void> gone = co_await when_done(start);
  co_return done_or(gone);
}

// DELETE /v1/workloads/NAMESPACE/WORKLOAD: ends the bindings that were to live as long as it.
asio::awaitable<Answered> remove_workload(Services& services, const Call& call) {
  const auto name = ipam_api::parse_name("namespace", call.parameters[0]);
  const Result<Caller> caller = plain_caller_of(call);
  const Result<void> unmatched = no_if_match(call);
  if (!name || !caller || !unmatched) {
    co_return !name ? name.error() : !caller ? caller.error() : unmatched.error();
  }
  const Start<std::uint64_t> start = [&](Callback<std::uint64_t> done) {
    services.ipam.delete_workload(*caller, *name, call.parameters[1], std::move(done));
  };
  const Result<std::uint64_t> ended = co_await when_done(start);
  if (!ended) {
    co_return ended.error();
  }
  const Json shown{{"bindings", *ended}};
  co_return answered(200, shown);
}

constexpr Route routes[] = {
    {"POST", "/v1/bindings", Access::admin, &create},
    {"GET", "/v1/bindings", Access::admin, &list},
    {"GET", "/v1/bindings/{network}/{namespace}/{hostname}/{ordinal}", Access::admin, &get},
    {"PUT", "/v1/bindings/{network}/{namespace}/{hostname}/{ordinal}", Access::admin, &put},
    {"DELETE", "/v1/bindings/{network}/{namespace}/{hostname}/{ordinal}", Access::admin, &remove},
    {"DELETE", "/v1/workloads/{namespace}/{workload}", Access::admin, &remove_workload},
};

}  // namespace

std::span<const Route> binding_routes() {
  return routes;
}

}  // namespace mooring::controller
