// /v1/rules, /v1/extra-addresses
#include <algorithm>

#include "ipam-controller/api/objects.hpp"
#include "ipam-controller/app/use_cases.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Fields;

struct Rules : NamedKind<Rule> {
  static constexpr std::string_view collection = "rules";
  static std::vector<std::string_view> filters() { return {}; }
  static Result<Rule> read(const Json& json) { return rule_from(json); }
  static const Rule* find(const State& state, const std::string& name) { return state.rule(name); }
  static std::vector<const Rule*> all(const State& state) { return pointers_to(state.rules()); }
  static bool fits(const State&, const Rule&, const Filters&) { return true; }
  static Json view(const State&, const Rule& rule) { return to_json(rule); }
};

// Named NETWORK/ADDRESS in paths; inside, the network's VNI takes its place.
struct NetworkAddress {
  std::string network;
  net::IpAddress address;
};

Result<NetworkAddress> network_address_of(const Call& call) {
  auto network = ipam_api::parse_name("network", call.parameters[0]);
  // A colon separates a verb from a name in paths, so an IPv6 address comes with '_' in its place.
  std::string text = call.parameters[1];
  std::replace(text.begin(), text.end(), '_', ':');
  const auto address = net::IpAddress::parse(text);
  if (!network || !address) {
    return network ? address.error() : network.error();
  }
  return NetworkAddress{std::move(*network), *address};
}

const ExtraAddress* find_extra(const State& state, const NetworkAddress& at) {
  const Subnet* subnet = state.subnet_containing(at.network, at.address);
  return subnet == nullptr ? nullptr : state.extra_address({subnet->vni, at.address});
}

Error no_such_extra(const NetworkAddress& at) {
  return no_such("extra-address", "extra-addresses", fmt::format("{} of network {}", at.address.str(), at.network));
}

struct ExtraAddresses {
  using Object = ExtraAddress;
  static constexpr std::string_view collection = "extra-addresses";
  static std::vector<std::string_view> filters() { return {"network", "subnet", "namespace", "pool"}; }
  static Result<ExtraAddress> read(const Json& json) { return extra_address_from(json); }
  static std::string path(const PortAddress& key) { return fmt::format("{}/{}", key.vni.value(), key.address.str()); }
  static std::vector<const ExtraAddress*> all(const State& state) {
    std::vector<const ExtraAddress*> list;
    for (const auto& [key, extra] : state.extra_addresses()) {
      list.push_back(&extra);
    }
    std::sort(list.begin(), list.end(), [](const auto* a, const auto* b) { return path(a->key()) < path(b->key()); });
    return list;
  }
  static bool fits(const State&, const ExtraAddress& extra, const Filters& filters) {
    return filters.network_fits(extra.network) && filters.subnet_fits(extra.subnet) &&
           filters.namespace_fits(extra.namespace_) && filters.pool_fits(extra.pool);
  }
  static Json view(const State& state, const ExtraAddress& extra) {
    Json json = to_json(extra);
    const auto port = extra.holder ? state.port_of(*extra.holder) : Found<Port>();
    json["node"] = port == nullptr ? Json(nullptr) : Json(port->node);
    return json;
  }
};

asio::awaitable<Answered> get_extra(Services& services, const Call& call) {
  const auto at = network_address_of(call);
  const auto known = only_parameters(call, {});
  if (!at || !known) {
    co_return at ? known.error() : at.error();
  }
  const Look look = [&at](const State& state) -> Result<Json> {
    const ExtraAddress* extra = find_extra(state, *at);
    return extra == nullptr ? Result<Json>(no_such_extra(*at)) : ExtraAddresses::view(state, *extra);
  };
  co_return co_await look_at(services, look);
}

asio::awaitable<Answered> put_extra(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  const Result<Caller> caller = plain_caller_of(call);
  const auto at = network_address_of(call);
  if (!body || !caller || !at) {
    co_return !body ? body.error() : !caller ? caller.error() : at.error();
  }
  const Result<ExtraAddress> asked = extra_address_from(*body);
  if (!asked) {
    co_return asked.error();
  }
  if (asked->address != at->address || asked->network != at->network) {
    co_return Error(Errc::invalid_argument,
                    fmt::format("it is {} of network {}, and the path says {} of {}", asked->address.str(),
                                asked->network, at->address.str(), at->network),
                    "make another extra address");
  }
  const Start<Stored<ExtraAddress>> start = [&](Callback<Stored<ExtraAddress>> done) {
    services.ipam.put(*caller, *asked, std::move(done));
  };
  const Result<Stored<ExtraAddress>> stored = co_await when_done(start);
  if (!stored) {
    co_return stored.error();
  }
  co_return with_etag(to_json(stored->object), stored->changed);
}

asio::awaitable<Answered> remove_extra(Services& services, const Call& call) {
  const Result<Caller> caller = plain_caller_of(call);
  const auto at = network_address_of(call);
  if (!caller || !at) {
    co_return caller ? at.error() : caller.error();
  }
  const std::function<Result<void>(Transaction&)> erase = [&at](Transaction& tx) -> Result<void> {
    const ExtraAddress* extra = find_extra(tx.state(), *at);
    return extra == nullptr ? Result<void>(no_such_extra(*at)) : controller::remove<ExtraAddress>(tx, extra->key());
  };
  const Start<void> start = [&](Callback<void> done) { services.ipam.run<void>(*caller, erase, std::move(done)); };
  const Result<void> gone = co_await when_done(start);
  co_return done_or(gone);
}

// POST /v1/extra-addresses:move {"network", "address", "to": {"namespace", "hostname", "interface_ordinal"} or null}
asio::awaitable<Answered> move(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  const Result<Caller> caller = plain_caller_of(call);
  if (!body || !caller) {
    co_return body ? caller.error() : body.error();
  }
  Fields fields(*body, "move");
  MoveRequest request;
  request.network = fields.take("network", ipam_api::parse_name("network", fields.string("network", default_network)));
  request.address = fields.parsed("address", &net::IpAddress::parse);
  if (const Json* to = fields.object("to")) {
    Fields holder(*to, "to");
    BindingKey key;
    key.network = request.network;
    key.namespace_ = holder.take("namespace", ipam_api::parse_name("namespace", holder.string("namespace")));
    key.hostname = holder.take("hostname", ipam_api::parse_hostname("hostname", holder.string("hostname")));
    const std::uint64_t ordinal = holder.number("interface_ordinal", 0);
    if (ordinal > ipam_api::max_interface_ordinal) {
      holder.fail("interface_ordinal", Error(Errc::invalid_argument, fmt::format("is {}, at most {}", ordinal,
                                                                                 ipam_api::max_interface_ordinal)));
    }
    key.interface_ordinal = static_cast<std::uint32_t>(ordinal);
    if (auto bad = holder.finish()) {
      co_return *bad;
    }
    request.to = std::move(key);
  }
  if (auto bad = fields.finish()) {
    co_return *bad;
  }
  const Start<ExtraAddress> start = [&](Callback<ExtraAddress> done) {
    services.ipam.move_extra_address(*caller, request, std::move(done));
  };
  const Result<ExtraAddress> moved = co_await when_done(start);
  if (!moved) {
    co_return moved.error();
  }
  co_return with_etag(to_json(*moved));
}

constexpr Route routes[] = {
    MOORING_OBJECT_ROUTES("rules", Rules),
    {"POST", "/v1/extra-addresses", Access::admin, &ObjectRoutes<ExtraAddresses>::create},
    {"GET", "/v1/extra-addresses", Access::admin, &ObjectRoutes<ExtraAddresses>::list},
    {"GET", "/v1/extra-addresses/{network}/{address}", Access::admin, &get_extra},
    {"PUT", "/v1/extra-addresses/{network}/{address}", Access::admin, &put_extra},
    {"DELETE", "/v1/extra-addresses/{network}/{address}", Access::admin, &remove_extra},
    {"POST", "/v1/extra-addresses:move", Access::admin, &move},
};

}  // namespace

std::span<const Route> policy_routes() {
  return routes;
}

}  // namespace mooring::controller
