// /v1/blocks: addresses leased to nodes.
#include "ipam-controller/api/objects.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Fields;

struct Blocks {
  using Object = Block;
  static constexpr std::string_view collection = "blocks";
  static std::vector<std::string_view> filters() { return {"node", "subnet", "pool"}; }
  static Result<std::string> key(const Call& call) { return call.parameters[0]; }
  static const std::string& path(const std::string& id) { return id; }
  static const Block* find(const State& state, const std::string& id) { return state.block(id); }
  static std::vector<const Block*> all(const State& state) { return NamedKind<Block>::pointers_to(state.blocks()); }
  static bool fits(const State&, const Block& block, const Filters& filters) {
    return filters.node_fits(block.node) && filters.subnet_fits(block.subnet) && filters.pool_fits(block.pool);
  }
  static Json view(const State&, const Block& block) { return to_json(block); }
};

asio::awaitable<Answered> lease(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  const Result<Caller> caller = plain_caller_of(call);
  if (!body || !caller) {
    co_return body ? caller.error() : body.error();
  }
  Fields fields(*body, "lease");
  LeaseRequest request;
  request.node = fields.take("node", ipam_api::parse_name("node", fields.string("node")));
  request.pool = fields.take("pool", ipam_api::parse_name("pool", fields.string("pool")));
  request.family = fields.boolean("ipv6", false) ? net::Family::v6 : net::Family::v4;
  const std::uint64_t count = fields.number("count", request.count);
  const std::uint64_t use_seconds = fields.number("use_seconds", 0);
  for (const auto& [name, value] : {std::pair("count", count), std::pair("use_seconds", use_seconds)}) {
    if (value > 0xffff'ffffULL) {
      fields.fail(name, Error(Errc::invalid_argument, fmt::format("is {}, at most {}", value, 0xffff'ffffULL)));
    }
  }
  if (auto bad = fields.finish()) {
    co_return *bad;
  }
  request.count = static_cast<std::uint32_t>(count);
  request.use_seconds = static_cast<std::uint32_t>(use_seconds);
  const Start<Block> start = [&](Callback<Block> done) {
    services.ipam.lease_block(*caller, request, std::move(done));
  };
  const Result<Block> leased = co_await when_done(start);
  if (!leased) {
    co_return leased.error();
  }
  if (caller->dry_run) {
    co_return with_etag(to_json(*leased));
  }
  co_return created("/v1/blocks/" + leased->id, to_json(*leased));
}

asio::awaitable<Answered> give_back(Services& services, const Call& call, bool reported) {
  const Result<Caller> caller = plain_caller_of(call);
  if (!caller) {
    co_return caller.error();
  }
  const Start<void> start = [&](Callback<void> done) {
    services.ipam.return_block(*caller, call.parameters[0], reported, std::move(done));
  };
  const Result<void> gone = co_await when_done(start);
  co_return done_or(gone);
}

// By the node that holds it: nothing of it is in use any more.
asio::awaitable<Answered> returned(Services& services, const Call& call) {
  return give_back(services, call, true);
}
// By an admin: the node is asked for it; of a fenced or deleted node it is taken.
asio::awaitable<Answered> remove(Services& services, const Call& call) {
  return give_back(services, call, false);
}

constexpr Route routes[] = {
    {"POST", "/v1/blocks:lease", Access::node, &lease},
    {"POST", "/v1/blocks/{id}:return", Access::node, &returned},
    {"GET", "/v1/blocks", Access::admin, &ObjectRoutes<Blocks>::list},
    {"GET", "/v1/blocks/{id}", Access::admin, &ObjectRoutes<Blocks>::get},
    {"DELETE", "/v1/blocks/{id}", Access::admin, &remove},
};

}  // namespace

std::span<const Route> block_routes() {
  return routes;
}

}  // namespace mooring::controller
