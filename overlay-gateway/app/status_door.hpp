// The unix socket for people and tests: GET /v1/status (JSON), GET /v1/flows (text).
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include "mooring/http/server.hpp"
#include "overlay-gateway/app/gateway.hpp"

namespace mooring::gateway {

class StatusDoor {
 public:
  // `gateway` must outlive this.
  StatusDoor(boost::asio::any_io_executor executor, const Gateway& gateway);
  Result<void> open(const std::string& socket);
  void close() { server_.stop(); }

 private:
  static http::Response answer(const http::Request& request, const Gateway& gateway);

  http::Server server_;
};

}  // namespace mooring::gateway
