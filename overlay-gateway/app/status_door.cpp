#include "overlay-gateway/app/status_door.hpp"

#include <spdlog/spdlog.h>

namespace mooring::gateway {
namespace {

namespace asio = boost::asio;

}  // namespace

metrics::Collect collect_from(Gateway& gateway) {
  return [&gateway](std::function<void(std::string)> done) { gateway.collect_metrics(std::move(done)); };
}

asio::awaitable<http::Answer> StatusDoor::answer_any(asio::any_io_executor executor, Gateway& gateway,
                                                     http::Request request) {
  if (request.method == "GET" && request.path == "/metrics") {
    metrics::Collect collect = collect_from(gateway);
    http::Response response = co_await metrics::answer_metrics(executor, collect);
    co_return response;
  }
  co_return answer(request, gateway);
}

http::Response StatusDoor::answer(const http::Request& request, const Gateway& gateway) {
  if (request.method != "GET") {
    return http::problem(Error(Errc::unsupported, request.method + " " + request.path + ": only GET is understood"));
  }
  if (request.path == "/v1/status") {
    return http::json(200, gateway.status().dump());
  }
  if (request.path == "/v1/flows") {
    return http::text(200, gateway.desired_flows());
  }
  return http::problem(Error(Errc::not_found, request.path + " is not here", "GET /v1/status, /v1/flows or /metrics"));
}

StatusDoor::StatusDoor(asio::any_io_executor executor, Gateway& gateway)
    : server_(executor, [executor, &gateway](http::Request request) {
        return answer_any(executor, gateway, std::move(request));  // by value: it begins after its caller's end
      }) {
  server_.on_fault([](const std::string& fault) { spdlog::error("status socket: {}", fault); });
}

Result<void> StatusDoor::open(const std::string& socket) {
  return server_.listen_unix(socket);
}

}  // namespace mooring::gateway
