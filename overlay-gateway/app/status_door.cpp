#include "overlay-gateway/app/status_door.hpp"

#include <spdlog/spdlog.h>

namespace mooring::gateway {
namespace {

namespace asio = boost::asio;

}  // namespace

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
  return http::problem(Error(Errc::not_found, request.path + " is not here", "GET /v1/status or /v1/flows"));
}

StatusDoor::StatusDoor(asio::any_io_executor executor, const Gateway& gateway)
    : server_(std::move(executor), [&gateway](http::Request request) -> asio::awaitable<http::Answer> {
        co_return answer(request, gateway);  // by value: the coroutine begins after its caller's end
      }) {
  server_.on_fault([](const std::string& fault) { spdlog::error("status socket: {}", fault); });
}

Result<void> StatusDoor::open(const std::string& socket) {
  return server_.listen_unix(socket);
}

}  // namespace mooring::gateway
