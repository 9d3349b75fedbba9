// GET /metrics and nothing else, for Prometheus (--metrics-listen): on a TCP address or a unix socket, without a token.
//
// Errors: invalid_argument (not a place to listen), in_use. Threading: the executor's one thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "mooring/http/endpoint.hpp"
#include "mooring/http/server.hpp"

namespace mooring::metrics {

// Makes the text and calls back once, now or within seconds.
using Collect = std::function<void(std::function<void(std::string text)> done)>;

// "127.0.0.1:7482", "[::1]:7482", "unix:/run/mooring/metrics.sock".
Result<http::Endpoint> parse_listen(std::string_view text);

class Door {
 public:
  Door(boost::asio::any_io_executor executor, Collect collect);
  Result<void> listen(const http::Endpoint& endpoint);
  void stop() { server_.stop(); }

 private:
  http::Server server_;
};

// An answer to GET /metrics, for servers that have other routes too.
boost::asio::awaitable<http::Response> answer_metrics(boost::asio::any_io_executor executor, Collect collect);

}  // namespace mooring::metrics
