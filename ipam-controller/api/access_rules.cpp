// /v1/access-rules, and GET /v1/access-rules/{name}/use: how often each gateway has gone by a rule.
#include "ipam-controller/api/objects.hpp"
#include "ipam-controller/api/watch_hub.hpp"

namespace mooring::controller {
namespace {

using namespace std::chrono_literals;

constexpr auto patience_with_gateway = 3s;

struct AccessRules : NamedKind<AccessRule> {
  static constexpr std::string_view collection = "access-rules";
  static std::vector<std::string_view> filters() { return {"network"}; }
  static Result<AccessRule> read(const Json& json) { return access_rule_from(json); }
  static const AccessRule* find(const State& state, const std::string& name) { return state.access_rule(name); }
  static std::vector<const AccessRule*> all(const State& state) { return pointers_to(state.access_rules()); }
  static bool fits(const State&, const AccessRule& rule, const Filters& filters) {
    return filters.network_fits(rule.terms.network);
  }
  static Json view(const State&, const AccessRule& rule) { return to_json(rule); }
};

// What one gateway says; a gateway that does not say has an `error` in place of its counts.
asio::awaitable<Json> use_at(Services& services, std::string gateway, std::string rule) {
  const auto deadline = std::chrono::steady_clock::now() + patience_with_gateway;
  Json arguments = {{"rule", rule}};
  const Result<Json> answer =
      co_await services.hub.ask(ipam_api::Role::gateway, gateway, "rule-use", std::move(arguments), deadline);
  Json use = {{"gateway", gateway}};
  if (!answer) {
    use["error"] = answer.error().text();
  } else if (answer->is_object() && answer->contains("title")) {
    use["error"] = ipam_api::error_from_problem(200, answer->dump()).text();
  } else {
    ipam_api::Fields fields(*answer, "rule-use", ipam_api::Fields::Unknown::ignore);
    use["flows"] = fields.number("flows", 0);
    use["packets"] = fields.number("packets", 0);
    use["bytes"] = fields.number("bytes", 0);
    if (const auto bad = fields.finish()) {
      use["error"] = bad->text();
    }
  }
  co_return use;
}

asio::awaitable<Answered> use_of(Services& services, const Call& call) {
  const auto name = ipam_api::parse_name("name", call.parameters[0]);
  const auto known = only_parameters(call, {});
  if (!name || !known) {
    co_return name ? known.error() : name.error();
  }
  std::vector<std::string> gateways;
  const Look look = [&name, &gateways](const State& state) -> Result<Json> {
    const AccessRule* rule = state.access_rule(*name);
    if (rule == nullptr) {
      return no_such("access-rule", "access-rules", *name);
    }
    for (const auto& [gateway, object] : state.gateways()) {
      if (object.network == rule->terms.network) {
        gateways.push_back(gateway);
      }
    }
    return Json::object();
  };
  auto found = co_await look_at(services, look);
  if (!found) {
    co_return found.error();
  }
  Json items = Json::array();
  for (const std::string& gateway : gateways) {
    Json use = co_await use_at(services, gateway, *name);
    items.push_back(std::move(use));
  }
  Json body = Json::object();
  body["items"] = std::move(items);
  co_return answered(200, body);
}

constexpr Route routes[] = {
    MOORING_OBJECT_ROUTES("access-rules", AccessRules),
    {"GET", "/v1/access-rules/{name}/use", Access::admin, &use_of},
};

}  // namespace

std::span<const Route> access_rule_routes() {
  return routes;
}

}  // namespace mooring::controller
