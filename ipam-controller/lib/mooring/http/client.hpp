// Asks one server, on Asio coroutines, over a small pool of kept connections.
//
// Contract: several requests may be in flight at once, each on a connection of its own; those beyond
// ClientOptions::connections wait their turn (within their deadline). A request that fails on a *kept* connection
// before one byte of the answer came is repeated once on a new one, so callers' requests must bear being repeated (ours
// do: the keys are attachments and names). Errors: unavailable, timeout, too_large, each naming the endpoint and the
// cause. An answer of any status is a success of this layer: look at Response::status, and at
// ipam_api::error_from_problem. Threading: one thread, that of the executor. A client may be destroyed while requests
// are in flight: they fail.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "mooring/base/error.hpp"
#include "mooring/http/deadline.hpp"
#include "mooring/http/endpoint.hpp"
#include "mooring/http/message.hpp"
#include "mooring/http/tls.hpp"

namespace mooring::http {

namespace asio = boost::asio;

struct ClientOptions {
  std::string token;                       // sent as "Authorization: Bearer …" when not empty
  std::size_t connections = 16;            // open at once
  std::chrono::milliseconds keep{60'000};  // an unused connection is kept so long: below the server's Limits::idle
  std::size_t response_bytes = 64 * 1024 * 1024;
  std::shared_ptr<const TlsTrust> trust{};  // for Endpoint::tls
};

class Client {
 public:
  Client(asio::any_io_executor executor, Endpoint endpoint, ClientOptions options = ClientOptions());
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  // `target` is path and query, encoded already. `body` goes out as JSON; "" sends none.
  asio::awaitable<Result<Response>> request(std::string method, std::string target, std::string body,
                                            Deadline deadline);
  asio::awaitable<Result<Response>> request(std::string method, std::string target, std::string body, Headers headers,
                                            Deadline deadline);

  const Endpoint& endpoint() const;
  // Drops kept connections (the peer is known to have restarted).
  void close_idle();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

// A GET whose answer is lines without an end (docs/api/watch.md), on a connection of its own.
class LineStream {
 public:
  static constexpr std::size_t default_line_bytes = 1024 * 1024;

  LineStream(asio::any_io_executor executor, Endpoint endpoint, std::string token = {},
             std::size_t line_bytes = default_line_bytes);
  ~LineStream();  // close()s
  LineStream(LineStream&&) noexcept;
  LineStream& operator=(LineStream&&) noexcept;

  // Status 200: the stream is open, the body empty. Any other status: the whole answer, nothing is open.
  // Opening again closes the former stream.
  asio::awaitable<Result<Response>> open(std::string target, Deadline deadline);

  // The next line without its '\n'. Errors: timeout (nothing whole came in time; what came stays, asking again goes
  // on), unavailable (the stream has ended or broke), too_large (a line above the bound; the stream is closed).
  asio::awaitable<Result<std::string>> next_line(Deadline deadline);

  // When bytes last came, of a whole line or not; when it was opened if none did.
  std::chrono::steady_clock::time_point last_heard() const;

  // Ends a next_line() that waits, with `unavailable`.
  void close();
  bool is_open() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace mooring::http
