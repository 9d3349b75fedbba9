// /v1/plans: what would become of pods if something were done (app/plan.hpp). Nothing is changed unless asked.
#include "ipam-controller/api/plans.hpp"

#include <fmt/format.h>

#include "ipam-controller/app/plan.hpp"
#include "ipam-controller/app/planning.hpp"
#include "ipam-controller/domain/object_json.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Fields;

void add_addresses(Json& json, const std::string& prefix, const net::AddressPair& addresses) {
  if (addresses.v4()) {
    json[prefix + "address"] = addresses.v4()->str();
  }
  if (addresses.v6()) {
    json[prefix + "address6"] = addresses.v6()->str();
  }
}

Json json_of(const Error& error) {
  return {{"id", std::string(error.info().id)}, {"message", error.message()}, {"hint", error.hint()}};
}

Json json_of(const PlanItem& item) {
  Json json = {{"subject", item.subject}, {"outcome", to_string(item.outcome)},
               {"because", item.because}, {"node", item.node},
               {"subnet", item.subnet},   {"pool", item.pool}};
  if (item.owner) {
    json.update({{"network", item.owner->network},
                 {"namespace", item.owner->namespace_},
                 {"hostname", item.owner->hostname},
                 {"interface_ordinal", item.owner->interface_ordinal}});
  }
  add_addresses(json, "from_", item.from);
  add_addresses(json, "", item.addresses);
  if (item.mac) {
    json["mac"] = item.mac->str();
  }
  if (item.kind) {
    json["kind"] = to_string(*item.kind);
  }
  json["tried"] = item.tried;
  if (item.error) {
    json["error"] = json_of(*item.error);
  }
  return json;
}

Json json_of(const Plan& plan) {
  Json items = Json::array();
  for (const PlanItem& item : plan.items) {
    items.push_back(json_of(item));
  }
  Json pools = Json::array();
  for (const PlanPool& pool : plan.pools) {
    pools.push_back({{"name", pool.name},
                     {"family", to_string(pool.family)},
                     {"size", pool.size},
                     {"free", pool.free},
                     {"size_after", pool.size_after},
                     {"free_after", pool.free_after}});
  }
  Json json = {{"fits", plan.fits()},
               {"reserved", plan.reserved},
               {"items", std::move(items)},
               {"pools", std::move(pools)},
               {"notes", plan.notes}};
  if (plan.now) {
    json["now"] = json_of(*plan.now);
  }
  return json;
}

ipam_api::Wishes wishes_of(Fields& fields, std::string_view key) {
  const Json* json = fields.object(key);
  return json == nullptr ? ipam_api::Wishes() : fields.take(key, ipam_api::wishes_from(*json));
}

std::vector<std::string> nodes_of(Fields& fields, std::string_view key) {
  std::vector<std::string> nodes;
  for (const std::string& name : fields.strings(key)) {
    nodes.push_back(fields.take(key, ipam_api::parse_name("node", name)));
  }
  return nodes;
}

struct Replicas {
  ReplicasRequest request;
  bool reserve = false;
};

Result<Replicas> replicas_from(const Json& body, bool ordinals) {
  Fields fields(body, "plan");
  Replicas asked;
  ReplicasRequest& request = asked.request;
  request.namespace_ = fields.take("namespace", ipam_api::parse_name("namespace", fields.string("namespace")));
  request.workload = fields.take("workload", ipam_api::parse_hostname("workload", fields.string("workload")));
  request.replicas = fields.number("replicas");
  request.wishes = wishes_of(fields, "wishes");
  request.configured = wishes_of(fields, "configured");
  request.nodes = nodes_of(fields, "nodes");
  const std::uint64_t ordinal = fields.number("interface_ordinal", 0);
  if (ordinal > ipam_api::max_interface_ordinal) {
    fields.fail("interface_ordinal", Error(Errc::invalid_argument, fmt::format("is {}", ordinal),
                                           fmt::format("0 to {}", ipam_api::max_interface_ordinal)));
  }
  request.interface_ordinal = static_cast<std::uint32_t>(ordinal);
  if (ordinals) {
    request.first = fields.number("first", 0);
    asked.reserve = fields.boolean("reserve", false);
  }
  if (const auto bad = fields.finish()) {
    return *bad;
  }
  // The last hostname has to be one.
  const auto last = ipam_api::parse_hostname(
      "hostname", fmt::format("{}-{}", request.workload, request.first + ReplicasRequest::most));
  if (!last) {
    return last.error();
  }
  return asked;
}

using Planning = std::function<Result<Plan>(Transaction& tx)>;

// The plan as JSON, made in the transaction of that caller.
asio::awaitable<Result<Json>> planned_by(Services& services, const Caller& caller, const Planning& planning) {
  const Start<Json> start = [&](Callback<Json> done) {
    services.ipam.run<Json>(
        caller,
        [&planning](Transaction& tx) -> Result<Json> {
          const Result<Plan> plan = planning(tx);
          return plan ? Result<Json>(json_of(*plan)) : Result<Json>(plan.error());
        },
        std::move(done));
  };
  co_return co_await when_done(start);
}

// What is only planned is a dry run, whatever was said. What is to be reserved is planned first: then a plan that does
// not fit leaves no trace, not even in whose turn it is, which only a dry run puts back.
asio::awaitable<Answered> plan_with(Services& services, const Call& call, Planning planning, bool reserve) {
  const Result<Caller> caller = plain_caller_of(call);
  const Result<void> unmatched = no_if_match(call);
  if (!caller || !unmatched) {
    co_return caller ? unmatched.error() : caller.error();
  }
  Caller dry = *caller;
  dry.dry_run = true;
  Result<Json> answer = co_await planned_by(services, dry, planning);
  const bool apply = reserve && !caller->dry_run && answer && (*answer)["reserved"] != 0;
  if (apply) {
    answer = co_await planned_by(services, *caller, planning);
  }
  if (!answer) {
    co_return answer.error();
  }
  (*answer)["applied"] = apply && (*answer)["reserved"] != 0;
  co_return answered(200, *answer);
}

asio::awaitable<Answered> statefulset(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  const Result<Replicas> asked = body ? replicas_from(*body, true) : Result<Replicas>(body.error());
  if (!asked) {
    co_return asked.error();
  }
  const Planning planning = [&asked](Transaction& tx) { return plan_statefulset(tx, asked->request, asked->reserve); };
  co_return co_await plan_with(services, call, planning, asked->reserve);
}

asio::awaitable<Answered> scale(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  const Result<Replicas> asked = body ? replicas_from(*body, false) : Result<Replicas>(body.error());
  if (!asked) {
    co_return asked.error();
  }
  const Planning planning = [&asked](Transaction& tx) { return plan_scale(tx, asked->request); };
  co_return co_await plan_with(services, call, planning, false);
}

struct OfPool {
  std::string name;
  std::optional<PoolChange> change;
};

std::vector<net::IpRange> ranges_of(Fields& fields, std::string_view key) {
  std::vector<net::IpRange> ranges;
  for (const std::string& text : fields.strings(key)) {
    ranges.push_back(fields.take(key, net::IpRange::parse(text)));
  }
  return ranges;
}

Result<OfPool> of_pool_from(const Json& body, bool shrink) {
  Fields fields(body, "plan");
  OfPool asked;
  asked.name = fields.take("pool", ipam_api::parse_name("pool", fields.string("pool")));
  if (shrink) {
    asked.change = PoolChange{ranges_of(fields, "ranges"), ranges_of(fields, "exclusions")};
    if (asked.change->ranges.empty() && asked.change->exclusions.empty()) {
      fields.fail("ranges", Error(Errc::invalid_argument, "and exclusions are empty", "say what is left of the pool"));
    }
  }
  if (const auto bad = fields.finish()) {
    return *bad;
  }
  return asked;
}

asio::awaitable<Answered> of_pool(Services& services, const Call& call, bool shrink) {
  const Result<Json> body = body_of(call);
  const Result<OfPool> asked = body ? of_pool_from(*body, shrink) : Result<OfPool>(body.error());
  if (!asked) {
    co_return asked.error();
  }
  const Planning planning = [&asked](Transaction& tx) { return plan_pool(tx, asked->name, asked->change); };
  co_return co_await plan_with(services, call, planning, false);
}

asio::awaitable<Answered> pool_delete(Services& services, const Call& call) {
  co_return co_await of_pool(services, call, false);
}

asio::awaitable<Answered> pool_shrink(Services& services, const Call& call) {
  co_return co_await of_pool(services, call, true);
}

struct Drain {
  std::string node;
  std::vector<std::string> to;
};

Result<Drain> drain_from(const Json& body) {
  Fields fields(body, "plan");
  Drain asked;
  asked.node = fields.take("node", ipam_api::parse_name("node", fields.string("node")));
  asked.to = nodes_of(fields, "to");
  if (const auto bad = fields.finish()) {
    return *bad;
  }
  return asked;
}

// Nodes that do not say where to: those that are live, or all where none is.
std::vector<std::string> other_nodes(const WatchHub& hub, const State& state, const std::string& node,
                                     std::vector<std::string>& notes) {
  std::vector<std::string> live, silent;
  for (const std::string& name : nodes_in_service(state)) {
    if (name != node) {
      (hub.presence(ipam_api::Role::node, name).live ? live : silent).push_back(name);
    }
  }
  if (!silent.empty()) {
    std::string names;
    for (std::size_t i = 0; i < silent.size() && i < 5; ++i) {
      names += (i == 0 ? "" : ", ") + silent[i];
    }
    names += silent.size() > 5 ? fmt::format(" and {} more", silent.size() - 5) : "";
    notes.push_back(live.empty() ? fmt::format("no other node is live: counted on {} all the same", names)
                                 : fmt::format("not counted on, because not live: {}", names));
  }
  return live.empty() ? silent : live;
}

asio::awaitable<Answered> drain(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  const Result<Drain> asked = body ? drain_from(*body) : Result<Drain>(body.error());
  if (!asked) {
    co_return asked.error();
  }
  const Planning planning = [&asked, &hub = services.hub](Transaction& tx) {
    std::vector<std::string> notes;
    const auto to = asked->to.empty() ? other_nodes(hub, tx.state(), asked->node, notes) : asked->to;
    Result<Plan> plan = plan_drain(tx, asked->node, to);
    if (plan) {
      plan->notes.insert(plan->notes.end(), notes.begin(), notes.end());
    }
    return plan;
  };
  co_return co_await plan_with(services, call, planning, false);
}

constexpr Route routes[] = {
    {"POST", "/v1/plans:statefulset", Access::admin, &statefulset},
    {"POST", "/v1/plans:scale", Access::admin, &scale},
    {"POST", "/v1/plans:pool-delete", Access::admin, &pool_delete},
    {"POST", "/v1/plans:pool-shrink", Access::admin, &pool_shrink},
    {"POST", "/v1/plans:node-drain", Access::admin, &drain},
};

}  // namespace

std::span<const Route> plan_routes() {
  return routes;
}

}  // namespace mooring::controller
