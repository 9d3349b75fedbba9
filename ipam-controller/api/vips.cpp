// /v1/vips, and POST /v1/vips:report: what a node has found out of its back ends.
#include "ipam-controller/api/objects.hpp"
#include "ipam-controller/api/vip_keeper.hpp"

namespace mooring::controller {
namespace {

struct Vips : NamedKind<Vip> {
  static constexpr std::string_view collection = "vips";
  static std::vector<std::string_view> filters() { return {"network"}; }
  static Result<Vip> read(const Json& json) { return vip_from(json); }
  static const Vip* find(const State& state, const std::string& name) { return state.vip(name); }
  static std::vector<const Vip*> all(const State& state) { return pointers_to(state.vips()); }
  static bool fits(const State&, const Vip& vip, const Filters& filters) { return filters.network_fits(vip.network); }
  static Json view(const State&, const Vip& vip) {
    Json json = to_json(vip);
    std::size_t healthy = 0;
    for (const VipBackend& backend : vip.backends) {
      healthy += backend.healthy ? 1U : 0U;
    }
    json["state"] = fmt::format("{}/{}", healthy, vip.backends.size());
    return json;
  }
};

Result<VipVerdict> verdict_from(const Json& json) {
  ipam_api::Fields fields(json, "verdict", ipam_api::Fields::Unknown::ignore);
  VipVerdict verdict;
  verdict.vip = fields.string("vip");
  verdict.address = fields.parsed("address", &net::IpAddress::parse);
  verdict.healthy = fields.boolean("healthy", false);
  verdict.why = fields.string("why", "").substr(0, 200);
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return verdict;
}

asio::awaitable<Answered> report_vips(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  if (!body) {
    co_return body.error();
  }
  ipam_api::Fields fields(*body, "report");
  const std::string node = fields.take("node", ipam_api::parse_name("node", fields.string("node")));
  std::vector<VipVerdict> verdicts;
  if (const Json* list = fields.array("verdicts")) {
    for (const Json& json : *list) {
      verdicts.push_back(fields.take("verdicts", verdict_from(json)));
    }
  }
  if (auto bad = fields.finish()) {
    co_return *bad;
  }
  const Start<void> look = [&](Callback<void> done) {
    services.ipam.read([&node, done = std::move(done)](const State& state, Revision) {
      const Node* known = state.node(node);
      done(known != nullptr && !known->fenced ? ok() : Result<void>(no_such("node", "nodes", node)));
    });
  };
  const Result<void> known = co_await when_done(look);
  if (!known) {
    co_return known.error();
  }
  services.vips.heard(node, verdicts);
  co_return answered(200, Json::object());
}

constexpr Route routes[] = {
    MOORING_OBJECT_ROUTES("vips", Vips),
    {"POST", "/v1/vips:report", Access::node, &report_vips},
};

}  // namespace

std::span<const Route> vip_routes() {
  return routes;
}

}  // namespace mooring::controller
