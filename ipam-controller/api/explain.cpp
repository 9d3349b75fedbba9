#include "ipam-controller/api/explain.hpp"

#include <fmt/format.h>

#include "ipam-controller/app/refusals.hpp"
#include "ipam-controller/domain/allocation.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Json;

Json json_of(const Error& error) {
  return {{"id", std::string(error.info().id)}, {"message", error.message()}, {"hint", error.hint()}};
}

Result<ipam_api::AllocateRequest> asked_by(const Call& call) {
  if (const auto known = only_parameters(call, {}); !known) {
    return known.error();
  }
  const Result<Json> body = body_of(call);
  if (!body) {
    return body.error();
  }
  return ipam_api::allocate_request_from(*body);
}

// What a pod would get if it asked now, and why. Nothing is written.
asio::awaitable<Answered> explain(Services& services, const Call& call) {
  const auto asked = asked_by(call);
  if (!asked) {
    co_return asked.error();
  }
  const TimeMs now = services.ipam.now();
  const Look look = [&asked, now](const State& state) -> Result<Json> {
    Explanation why(true);
    const auto grant = decide(state, *asked, now, why);
    Json answer = {{"lines", why.lines()}};
    if (grant) {
      answer["result"] = to_json(allocation_of(state, grant->port));
      answer["result"]["new_binding"] = grant->new_binding.has_value();
      answer["result"]["taken_over_from"] = grant->taken_over ? Json(grant->taken_over->node) : Json(nullptr);
    } else {
      answer["error"] = json_of(grant.error());
    }
    return answer;
  };
  co_return co_await look_at(services, look);
}

// Would an allocation be served? For CNI STATUS: nodes ask, and learn no more than an ADD would tell them.
asio::awaitable<Answered> try_it(Services& services, const Call& call) {
  const auto asked = asked_by(call);
  if (!asked) {
    co_return asked.error();
  }
  const TimeMs now = services.ipam.now();
  const Look look = [&asked, now](const State& state) -> Result<Json> {
    Explanation silent(false);
    const auto grant = decide(state, *asked, now, silent);
    return grant ? Result<Json>(Json::object()) : Result<Json>(grant.error());
  };
  co_return co_await look_at(services, look);
}

asio::awaitable<Answered> refusal(Services& services, const Call& call) {
  const Refusal* found = services.ipam.refusals().of(call.parameters[0], call.parameters[1]);
  if (found == nullptr) {
    const Error none(Errc::not_found,
                     fmt::format("{}/{} was not refused lately", call.parameters[0], call.parameters[1]));
    co_return none;
  }
  const Json body = {{"namespace", found->request.namespace_},
                     {"hostname", found->request.hostname},
                     {"node", found->request.node},
                     {"first_ms", found->first_ms},
                     {"last_ms", found->last_ms},
                     {"times", found->times},
                     {"error", json_of(found->error)}};
  co_return answered(200, body);
}

constexpr Route routes[] = {
    {"POST", "/v1/ports:explain", Access::admin, &explain},
    {"POST", "/v1/ports:try", Access::node, &try_it},
    {"GET", "/v1/refusals/{namespace}/{hostname}", Access::admin, &refusal},
};

}  // namespace

std::span<const Route> explain_routes() {
  return routes;
}

}  // namespace mooring::controller
