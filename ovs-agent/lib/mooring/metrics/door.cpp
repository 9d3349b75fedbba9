#include "mooring/metrics/door.hpp"

#include <memory>
#include <optional>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

namespace mooring::metrics {
namespace {

namespace asio = boost::asio;

struct Waiting {
  explicit Waiting(const asio::any_io_executor& executor)
      : timer(executor, asio::steady_timer::clock_type::time_point::max()) {}
  asio::steady_timer timer;
  std::optional<std::string> text;
};

asio::awaitable<http::Answer> answer(asio::any_io_executor executor, Collect collect, http::Request request) {
  if (request.path != "/metrics") {
    const Error nothing(Errc::not_found, fmt::format("there is nothing at {}", request.path), "GET /metrics");
    co_return http::problem(nothing);
  }
  if (request.method != "GET") {
    const Error wrong(Errc::unsupported, fmt::format("{} /metrics: only GET is understood", request.method));
    co_return http::problem(wrong);
  }
  http::Response response = co_await answer_metrics(executor, collect);
  co_return response;
}

}  // namespace

Result<http::Endpoint> parse_listen(std::string_view text) {
  const bool path = text.starts_with("unix:");
  auto endpoint = http::Endpoint::parse(path ? std::string(text) : "http://" + std::string(text));
  if (!endpoint) {
    return Error(Errc::invalid_argument, fmt::format("'{}' is not ADDRESS:PORT or unix:PATH", text),
                 "like 127.0.0.1:7482 or unix:/run/mooring/agent-metrics.sock");
  }
  return endpoint;
}

asio::awaitable<http::Response> answer_metrics(asio::any_io_executor executor, Collect collect) {
  const auto waiting = std::make_shared<Waiting>(executor);
  collect([waiting](std::string text) {
    waiting->text = std::move(text);
    waiting->timer.cancel();
  });
  while (!waiting->text) {
    co_await waiting->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  http::Response response(200, "text/plain; version=0.0.4; charset=utf-8", std::move(*waiting->text));
  co_return response;
}

Door::Door(asio::any_io_executor executor, Collect collect)
    : server_(executor, [executor, collect = std::move(collect)](http::Request request) {
        return answer(executor, collect, std::move(request));
      }) {}

Result<void> Door::listen(const http::Endpoint& endpoint) {
  return endpoint.kind() == http::Endpoint::Kind::unix_socket ? server_.listen_unix(endpoint.path())
                                                              : server_.listen_tcp(endpoint.host(), endpoint.port());
}

}  // namespace mooring::metrics
