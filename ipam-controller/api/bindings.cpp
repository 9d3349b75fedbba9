// /v1/bindings
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "ipam-controller/api/filters.hpp"
#include "ipam-controller/api/routes.hpp"
#include "ipam-controller/api/views.hpp"
#include "ipam-controller/app/use_cases.hpp"

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

net::AddressPair addresses_of(Fields& fields) {
  net::AddressPair addresses;
  for (const auto& [key, family] : {std::pair("address", net::Family::v4), std::pair("address6", net::Family::v6)}) {
    const auto address = fields.parsed_if_present(key, &net::IpAddress::parse);
    if (address && address->family() != family) {
      fields.fail(key, Error(Errc::invalid_argument,
                             fmt::format("'{}' is an {} address", address->str(), to_string(address->family())),
                             "IPv4 goes into address, IPv6 into address6"));
    } else if (address) {
      addresses.set(*address);
    }
  }
  return addresses;
}

// Fields that GET shows and nobody sets.
void allow_own(Fields& fields) {
  for (const char* key :
       {"subnet", "origin", "created_ms", "expires_ms", "last_uid", "last_node", "revision", "node", "port_id"}) {
    fields.allow(key);
  }
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
  binding.addresses = addresses_of(fields);
  binding.mac = fields.parsed_if_present("mac", &net::MacAddress::parse);
  binding.kind = fields.take("kind", ipam_api::parse_kind(fields.string("kind", to_string(binding.kind))));
  binding.retention = fields.parsed_if_present("retention", &ipam_api::parse_retention);
  binding.workload = fields.string("workload", "");
  binding.note = fields.string("note", "");
  if (const Json* labels = fields.object("labels")) {
    binding.labels = fields.take("labels", ipam_api::labels_from(*labels));
  }
  allow_own(fields);
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return binding;
}

// What PUT says of a binding that is there; where it says another address, MAC or pool, it is refused.
Result<BindingChange> change_from(const NewBinding& wanted, const Binding& there) {
  const auto stays = [&](std::string_view what, const std::string& is, const std::string& said) {
    return Error(
        Errc::conflict, fmt::format("{} of {} is {}, and the change says {}", what, there.owner.str(), is, said),
        fmt::format("a binding keeps its addresses; delete it and make another: mooringctl delete binding {} -n {}",
                    there.owner.hostname, there.owner.namespace_));
  };
  for (const net::IpAddress address : wanted.addresses.all()) {
    if (!there.addresses.contains(address)) {
      return stays("the address", there.addresses.str(), address.str());
    }
  }
  if (wanted.mac && *wanted.mac != there.mac) {
    return stays("the MAC", there.mac.str(), wanted.mac->str());
  }
  if (!wanted.pool.empty() && wanted.pool != there.pool) {
    return stays("the pool", there.pool.empty() ? "none" : there.pool, wanted.pool);
  }
  return BindingChange{wanted.kind, wanted.retention, wanted.workload, wanted.labels, wanted.note};
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
  const Result<Caller> caller = caller_of(call);
  if (!caller) {
    co_return caller.error();
  }
  const Start<Binding> start = [&](Callback<Binding> done) {
    services.ipam.create_binding(*caller, *asked, std::move(done));
  };
  const Result<Binding> made = co_await when_done(start);
  if (!made) {
    co_return made.error();
  }
  const BindingKey& owner = made->owner;
  const Start<Json> show = [&](Callback<Json> done) {
    services.ipam.read([&made, done = std::move(done)](const State& state, Revision) {
      const auto port = state.port_of(made->owner);
      done(view_of(*made, port.get()));
    });
  };
  const Result<Json> shown = co_await when_done(show);
  if (!shown) {
    co_return shown.error();
  }
  if (caller->dry_run) {
    co_return answered(200, *shown);
  }
  co_return created(
      fmt::format("/v1/bindings/{}/{}/{}/{}", owner.network, owner.namespace_, owner.hostname, owner.interface_ordinal),
      *shown);
}

std::string path_of(const BindingKey& owner) {
  return fmt::format("{}/{}/{}/{}", owner.network, owner.namespace_, owner.hostname, owner.interface_ordinal);
}

// PUT: makes the binding, or changes kind, retention, workload, labels and note of the one that is there.
asio::awaitable<Answered> put(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  const Result<BindingKey> key = key_of(call);
  const Result<Caller> caller = caller_of(call);
  if (!body || !key || !caller) {
    co_return !body ? body.error() : !key ? key.error() : caller.error();
  }
  const Result<NewBinding> asked = binding_from(*body);
  if (!asked) {
    co_return asked.error();
  }
  if (asked->owner != *key) {
    co_return Error(Errc::invalid_argument,
                    fmt::format("it is of {}, and the path says {}", asked->owner.str(), key->str()),
                    "a binding keeps its owner; make another one");
  }
  const std::function<Result<Stored<Binding>>(Transaction&)> write =
      [&asked](Transaction& tx) -> Result<Stored<Binding>> {
    const Binding* there = tx.state().binding(asked->owner);
    if (there == nullptr) {
      auto made = create_binding(tx, *asked);
      return made ? Result<Stored<Binding>>(Stored<Binding>{*made, true, true}) : Result<Stored<Binding>>(made.error());
    }
    const auto change = change_from(*asked, *there);
    if (!change) {
      return change.error();
    }
    auto changed = change_binding(tx, asked->owner, *change);
    return changed ? Result<Stored<Binding>>(Stored<Binding>{*changed, false, !tx.empty()})
                   : Result<Stored<Binding>>(changed.error());
  };
  const Start<Stored<Binding>> start = [&](Callback<Stored<Binding>> done) {
    services.ipam.run<Stored<Binding>>(*caller, write, std::move(done));
  };
  const Result<Stored<Binding>> stored = co_await when_done(start);
  if (!stored) {
    co_return stored.error();
  }
  const Json shown = view_of(stored->object, nullptr);
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
  if (!key) {
    co_return key.error();
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
  const Result<Caller> caller = caller_of(call);
  if (!name || !caller) {
    co_return name ? caller.error() : name.error();
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
