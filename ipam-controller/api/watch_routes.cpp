// GET /v1/version, GET /v1/watch, POST /v1/answers/ID
#include "ipam-controller/api/routes.hpp"
#include "mooring/ipam_api/watch.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Json;

asio::awaitable<Answered> version(Services& services, const Call& call) {
  if (const auto known = only_parameters(call, {}); !known) {
    co_return known.error();
  }
  co_return answered(200, Json{{"version", MOORING_VERSION},
                               {"protocol", ipam_api::protocol_version},
                               {"incarnation", services.ipam.incarnation()},
                               {"revision", services.ipam.committed_revision()},
                               {"time_ms", services.ipam.now()}});
}

asio::awaitable<Answered> watch(Services& services, const Call& call) {
  auto asked = ipam_api::watch_request_from(call.request.query);
  if (!asked) {
    co_return asked.error();
  }
  // The directory of a backup is older than what nodes and gateways know: it must not make them drop anything.
  if (asked->role != ipam_api::Role::observer && services.ipam.restoring()) {
    co_return *services.ipam.refusal();
  }
  Result<http::Stream> stream = co_await services.hub.open(std::move(*asked));
  if (!stream) {
    co_return stream.error();
  }
  co_return http::Answer(std::move(*stream));
}

asio::awaitable<Answered> answer(Services& services, const Call& call) {
  Result<Json> body = body_of(call);
  if (!body) {
    co_return body.error();
  }
  co_return done_or(services.hub.answer(call.parameters[0], std::move(*body)));
}

constexpr Route routes[] = {
    {"GET", "/v1/version", Access::node, &version},
    {"GET", "/v1/watch", Access::node, &watch},
    {"POST", "/v1/answers/{id}", Access::node, &answer},
};

}  // namespace

std::span<const Route> watch_routes() {
  return routes;
}

}  // namespace mooring::controller
