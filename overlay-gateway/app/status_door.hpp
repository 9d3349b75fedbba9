// The unix socket for people and tests: GET /v1/status (JSON), GET /v1/flows (text), GET /metrics.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include "mooring/http/server.hpp"
#include "mooring/metrics/door.hpp"
#include "overlay-gateway/app/gateway.hpp"

namespace mooring::gateway {

// `gateway` must outlive what is returned.
metrics::Collect collect_from(Gateway& gateway);

class StatusDoor {
 public:
  // `gateway` must outlive this.
  StatusDoor(boost::asio::any_io_executor executor, Gateway& gateway);
  Result<void> open(const std::string& socket);
  void close() { server_.stop(); }

 private:
  static boost::asio::awaitable<http::Answer> answer_any(boost::asio::any_io_executor executor, Gateway& gateway,
                                                         http::Request request);
  static http::Response answer(const http::Request& request, const Gateway& gateway);

  http::Server server_;
};

}  // namespace mooring::gateway
