// /v1/bindings
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "ipam-controller/api/filters.hpp"
#include "ipam-controller/api/routes.hpp"
#include "ipam-controller/api/views.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Fields;
using ipam_api::Json;

Result<std::uint32_t> ordinal_from(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > ipam_api::max_interface_ordinal) {
    return Error(Errc::invalid_argument, fmt::format("interface_ordinal '{}' is not a number from 0 to {}", text,
                                                     ipam_api::max_interface_ordinal));
  }
  return value;
}

Result<NewBinding> binding_from(const Json& body) {
  Fields fields(body, "binding");
  NewBinding binding;
  binding.owner.network =
      fields.take("network", ipam_api::parse_name("network", fields.string("network", default_network)));
  binding.owner.namespace_ = fields.take("namespace", ipam_api::parse_name("namespace", fields.string("namespace")));
  binding.owner.hostname = fields.take("hostname", ipam_api::parse_hostname("hostname", fields.string("hostname")));
  const std::uint64_t ordinal = fields.number("interface_ordinal", 0);
  binding.owner.interface_ordinal = fields.take("interface_ordinal", ordinal_from(std::to_string(ordinal)));
  const std::string pool = fields.string("pool", "");
  binding.pool = pool.empty() ? pool : fields.take("pool", ipam_api::parse_name("pool", pool));
  binding.address = fields.parsed_if_present("address", &net::Ipv4Address::parse);
  binding.mac = fields.parsed_if_present("mac", &net::MacAddress::parse);
  binding.kind = fields.take("kind", ipam_api::parse_kind(fields.string("kind", to_string(binding.kind))));
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return binding;
}

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

asio::awaitable<Answered> create(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  if (!body) {
    co_return body.error();
  }
  const Result<NewBinding> asked = binding_from(*body);
  if (!asked) {
    co_return asked.error();
  }
  const Start<Binding> start = [&](Callback<Binding> done) { services.ipam.create_binding(*asked, std::move(done)); };
  const Result<Binding> made = co_await when_done(start);
  if (!made) {
    co_return made.error();
  }
  const BindingKey& owner = made->owner;
  const Start<Json> show = [&](Callback<Json> done) {
    services.ipam.read([&made, done = std::move(done)](const State& state, Revision) {
      done(view_of(*made, state.port_of(made->owner)));
    });
  };
  const Result<Json> shown = co_await when_done(show);
  if (!shown) {
    co_return shown.error();
  }
  co_return created(
      fmt::format("/v1/bindings/{}/{}/{}/{}", owner.network, owner.namespace_, owner.hostname, owner.interface_ordinal),
      *shown);
}

asio::awaitable<Answered> list(Services& services, const Call& call) {
  const Result<Filters> filters = filters_of(call, {"network", "namespace", "node"});
  if (!filters) {
    co_return filters.error();
  }
  const LookAtAll look = [&filters](const State& state) {
    std::vector<const Binding*> fitting;
    for (const auto& [owner, binding] : state.bindings()) {
      const Port* port = filters->node.empty() ? nullptr : state.port_of(owner);
      if (filters->network_fits(owner.network) && filters->namespace_fits(owner.namespace_) &&
          filters->node_fits(port == nullptr ? std::string_view{} : port->node)) {
        fitting.push_back(&binding);
      }
    }
    std::sort(fitting.begin(), fitting.end(), [](const Binding* a, const Binding* b) { return a->owner < b->owner; });
    Json items = Json::array();
    for (const Binding* binding : fitting) {
      items.push_back(view_of(*binding, state.port_of(binding->owner)));
    }
    return items;
  };
  co_return co_await list_of(services, look);
}

asio::awaitable<Answered> get(Services& services, const Call& call) {
  const Result<BindingKey> key = key_of(call);
  if (!key) {
    co_return key.error();
  }
  const Look look = [&key](const State& state) -> Result<Json> {
    const Binding* binding = state.binding(*key);
    if (binding == nullptr) {
      return no_such("binding", "bindings", key->str());
    }
    return view_of(*binding, state.port_of(*key));
  };
  co_return co_await look_at(services, look);
}

asio::awaitable<Answered> remove(Services& services, const Call& call) {
  const Result<BindingKey> key = key_of(call);
  const Result<bool> force = force_of(call);
  if (!key || !force) {
    co_return key ? force.error() : key.error();
  }
  const Start<void> start = [&](Callback<void> done) { services.ipam.delete_binding(*key, *force, std::move(done)); };
  const Result<void> gone = co_await when_done(start);
  co_return done_or(gone);
}

constexpr Route routes[] = {
    {"POST", "/v1/bindings", Access::admin, &create},
    {"GET", "/v1/bindings", Access::admin, &list},
    {"GET", "/v1/bindings/{network}/{namespace}/{hostname}/{ordinal}", Access::admin, &get},
    {"DELETE", "/v1/bindings/{network}/{namespace}/{hostname}/{ordinal}", Access::admin, &remove},
};

}  // namespace

std::span<const Route> binding_routes() {
  return routes;
}

}  // namespace mooring::controller
