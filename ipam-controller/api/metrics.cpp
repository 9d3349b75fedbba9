// GET /metrics
#include "ipam-controller/api/metrics.hpp"

#include <fmt/format.h>

#include "ipam-controller/api/problem.hpp"
#include "ipam-controller/observe/observatory.hpp"

namespace mooring::controller {
namespace {

asio::awaitable<http::Response> text_of(Observatory& observatory) {
  const Start<std::string> start = [&observatory](Callback<std::string> done) {
    observatory.metrics_text([done = std::move(done)](std::string text) { done(std::move(text)); });
  };
  Result<std::string> text = co_await when_done(start);
  http::Response response(200, "text/plain; version=0.0.4; charset=utf-8", std::move(*text));
  co_return response;
}

asio::awaitable<Answered> metrics(Services& services, const Call& call) {
  if (const auto known = only_parameters(call, {}); !known) {
    co_return known.error();
  }
  http::Response response = co_await text_of(services.observatory);
  http::Answer answer(std::move(response));
  co_return answer;
}

constexpr Route routes[] = {
    {"GET", "/metrics", Access::node, &metrics},
};

}  // namespace

asio::awaitable<http::Answer> answer_metrics_only(Observatory& observatory, http::Request request) {
  if (request.path != "/metrics") {
    const Error nothing(Errc::not_found, fmt::format("there is nothing at {}", request.path), "GET /metrics");
    co_return problem(nothing);
  }
  if (request.method != "GET") {
    co_return method_not_allowed(request.method, request.path, "GET");
  }
  http::Response response = co_await text_of(observatory);
  co_return response;
}

std::span<const Route> metrics_routes() {
  return routes;
}

}  // namespace mooring::controller
