// /v1/pools
#include <fmt/format.h>

#include "ipam-controller/api/filters.hpp"
#include "ipam-controller/api/routes.hpp"
#include "ipam-controller/api/views.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Fields;
using ipam_api::Json;

// A pool goes down the watch stream in one line.
constexpr std::size_t max_ranges = 1000;

std::vector<net::AddressRange> ranges_from(Fields& fields, std::string_view key) {
  std::vector<net::AddressRange> ranges;
  const std::vector<std::string> texts = fields.strings(key);
  if (texts.size() > max_ranges) {
    fields.fail(key, Error(Errc::too_large, fmt::format("{} ranges, at most {}", texts.size(), max_ranges)));
    return ranges;
  }
  for (const std::string& text : texts) {
    ranges.push_back(fields.take(key, net::AddressRange::parse(text)));
  }
  return ranges;
}

Result<NewPool> pool_from(const Json& body) {
  Fields fields(body, "pool");
  NewPool pool;
  pool.name = fields.take("name", ipam_api::parse_name("name", fields.string("name")));
  pool.subnet = fields.take("subnet", ipam_api::parse_name("subnet", fields.string("subnet")));
  pool.ranges = ranges_from(fields, "ranges");
  pool.exclusions = ranges_from(fields, "exclusions");
  pool.kind = fields.take("kind", ipam_api::parse_kind(fields.string("kind", to_string(pool.kind))));
  pool.is_default = fields.boolean("default", false);
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return pool;
}

asio::awaitable<Answered> create(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  if (!body) {
    co_return body.error();
  }
  const Result<NewPool> asked = pool_from(*body);
  if (!asked) {
    co_return asked.error();
  }
  const Start<Pool> start = [&](Callback<Pool> done) { services.ipam.create_pool(*asked, std::move(done)); };
  const Result<Pool> made = co_await when_done(start);
  if (!made) {
    co_return made.error();
  }
  // Its counts come from the state; they are those of now, not those of its birth.
  PoolUse use;
  const Start<PoolUse> count = [&](Callback<PoolUse> done) {
    services.ipam.read([&made, done = std::move(done)](const State& state, Revision) {
      done(state.pool(made->name) == nullptr ? PoolUse() : state.use(made->name));
    });
  };
  const Result<PoolUse> counted = co_await when_done(count);
  if (counted) {
    use = *counted;
  }
  co_return created("/v1/pools/" + made->name, view_of(*made, use));
}

asio::awaitable<Answered> list(Services& services, const Call& call) {
  const Result<Filters> filters = filters_of(call, {"network"});
  if (!filters) {
    co_return filters.error();
  }
  const LookAtAll look = [&filters](const State& state) {
    Json items = Json::array();
    for (const auto& [name, pool] : state.pools()) {
      const Subnet* subnet = state.subnet(pool.subnet);
      if (subnet != nullptr && filters->network_fits(subnet->network)) {
        items.push_back(view_of(pool, state.use(name)));
      }
    }
    return items;
  };
  co_return co_await list_of(services, look);
}

asio::awaitable<Answered> get(Services& services, const Call& call) {
  const Look look = [&call](const State& state) -> Result<Json> {
    const Pool* pool = state.pool(call.parameters[0]);
    if (pool == nullptr) {
      return no_such("pool", "pools", call.parameters[0]);
    }
    return view_of(*pool, state.use(pool->name));
  };
  co_return co_await look_at(services, look);
}

asio::awaitable<Answered> remove(Services& services, const Call& call) {
  const Start<void> start = [&](Callback<void> done) {
    services.ipam.delete_pool(call.parameters[0], std::move(done));
  };
  const Result<void> gone = co_await when_done(start);
  co_return done_or(gone);
}

constexpr Route routes[] = {
    {"POST", "/v1/pools", Access::admin, &create},
    {"GET", "/v1/pools", Access::admin, &list},
    {"GET", "/v1/pools/{name}", Access::admin, &get},
    {"DELETE", "/v1/pools/{name}", Access::admin, &remove},
};

}  // namespace

std::span<const Route> pool_routes() {
  return routes;
}

}  // namespace mooring::controller
