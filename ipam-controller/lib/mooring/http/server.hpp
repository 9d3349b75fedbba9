// An HTTP/1.1 server for unix sockets and TCP, on Asio coroutines.
//
// Contract: one request of a connection at a time, in order, keep-alive, pipelined requests are answered in order; the
// handler may take as long as it likes (no deadline of ours runs meanwhile). Malformed input is answered 400, too
// large input 413, both with a problem body, and closes that connection alone. An exception in a handler is answered
// 500, reported to on_fault, and the server lives on.
// Threading: everything, the handler included, runs on the executor given, which one thread must run. Not thread-safe.
// Performance: one read and one write system call for each request; about 10 us of CPU over a unix socket.
// Source: RFC 9112; parsing by Boost.Beast (wire.cpp).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "mooring/base/error.hpp"
#include "mooring/http/message.hpp"

namespace mooring::http {

namespace asio = boost::asio;

// The write end of a streamed answer.
class LineSink {
 public:
  virtual ~LineSink() = default;
  // Sends the bytes (one or more whole lines, each with its '\n') as one chunk; the bytes are not copied, so one
  // string can go to thousands of readers. Returns when the kernel has taken them all. One write at a time.
  // Errors: timeout (the reader took nothing for Limits::write_deadline), unavailable (the peer has closed, or the
  // server stops). After an error the stream is over; return from the stream function.
  virtual asio::awaitable<Result<void>> write(std::shared_ptr<const std::string> bytes) = 0;
  virtual bool closed() const = 0;
  // Called once, as soon as the peer's end (or stop(), or a failed write) is noticed, also between writes; at once if
  // it already was. The place to wake up a stream function that waits for something to send. Forgotten when the stream
  // function returns, so it may refer to that function's locals.
  virtual void on_closed(std::function<void()> callback) = 0;
};

// An answer without an end in sight: headers go out at once, then `run` writes lines; its return ends the answer.
class Stream {
 public:
  using Run = std::function<asio::awaitable<void>(LineSink&)>;
  explicit Stream(Run run_) : run(std::move(run_)) {}

  int status = 200;
  std::string content_type = "application/x-ndjson";
  Headers headers;
  Run run;
};

// Response converts to it: `co_return json(200, text);`
class Answer {
 public:
  Answer(Response response) : value(std::move(response)) {}  // NOLINT: conversion wanted
  Answer(Stream stream) : value(std::move(stream)) {}        // NOLINT: conversion wanted
  std::variant<Response, Stream> value;
};

using Handler = std::function<asio::awaitable<Answer>(Request)>;

struct Limits {
  std::size_t header_bytes = 16 * 1024;
  std::size_t body_bytes = 1024 * 1024;
  // How large the body of this request may be, where some may be larger than body_bytes: asked once, with its head (and
  // peer), before the body is kept. Up to largest_body_bytes.
  std::function<std::size_t(const Request& head)> body_bytes_of;
  std::size_t largest_body_bytes = std::size_t{64} * 1024 * 1024;
  std::size_t connections = 10'000;                    // one more is answered 503 and closed
  std::chrono::milliseconds idle{120'000};             // between requests
  std::chrono::milliseconds receive_deadline{10'000};  // from the first byte of a request to its last
  std::chrono::milliseconds write_deadline{10'000};    // for one response, or one write of a stream
};

class Server {
 public:
  Server(asio::any_io_executor executor, Handler handler, Limits limits = Limits());
  ~Server();  // stop()s
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Where faults of handlers and of accept() go, one sentence each; default: a line on stderr.
  void on_fault(std::function<void(const std::string&)> report);

  // Both may be called, and several times. The socket file of a process that is dead is replaced; one that somebody
  // answers on, or a file that is no socket, is an error (in_use). `mode` holds before anyone can connect.
  Result<void> listen_unix(const std::string& path, unsigned mode = 0600);
  // `address` is a literal ("127.0.0.1", "::1"); port 0 lets the kernel choose: tcp_port().
  Result<void> listen_tcp(const std::string& address, std::uint16_t port);
  // Of the last listen_tcp().
  std::uint16_t tcp_port() const;

  // Closes listeners and connections and removes our socket files. Handlers that are running run to their end, their
  // answer goes nowhere; what they refer to must live until then (run the io_context until it is out of work).
  void stop();

  std::size_t connections() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace mooring::http
