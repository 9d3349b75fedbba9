// One accepted connection: reads requests, asks the handler, writes answers and streams. Internal to this library.
//
// Lifetime: run() keeps the connection alive; the server knows it by a list for deadlines and stop().
// Threading: the server's executor.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "mooring/http/server.hpp"
#include "mooring/http/sockets.hpp"
#include "mooring/http/wire.hpp"

namespace mooring::http {

// What all connections of one server share; lives as long as the last of them.
struct ServerContext {
  Handler handler;
  Limits limits;
  std::function<void(const std::string&)> report;
  bool stopping = false;
};

class ServerConnection final : public LineSink, public std::enable_shared_from_this<ServerConnection> {
 public:
  using Clock = std::chrono::steady_clock;

  ServerConnection(Socket socket, std::shared_ptr<ServerContext> context);

  // Until the peer leaves, an error, or close().
  asio::awaitable<void> run();

  // Called by the server's sweep: closes the connection if it waits for longer than it may.
  void close_if_late(Clock::time_point now);
  // Ends every wait of this connection.
  void close();

  asio::awaitable<Result<void>> write(std::shared_ptr<const std::string> bytes) override;
  bool closed() const override { return closed_; }
  void on_closed(std::function<void()> callback) override;

 private:
  enum class Received { request, end };
  using Buffers = std::array<asio::const_buffer, 3>;

  asio::awaitable<Result<Received>> receive();
  // Is the body of the request that is coming in larger than it may be?
  Result<void> check_body();
  asio::awaitable<Answer> ask(Request request);
  asio::awaitable<Result<void>> send(const std::string& text);
  asio::awaitable<Result<void>> send_buffers(Buffers buffers);
  asio::awaitable<void> stream(Stream& stream);
  asio::awaitable<void> refuse(const Error& error);
  // Notices, while a stream runs, that the peer has left. What it sends meanwhile is dropped.
  void watch_peer();
  void wait_at_most(std::chrono::milliseconds duration) { deadline_ = Clock::now() + duration; }
  void wait_for_ever() { deadline_ = Clock::time_point::max(); }

  Socket socket_;
  std::shared_ptr<ServerContext> context_;
  Peer peer_;
  wire::InputBuffer input_;
  wire::RequestReader reader_;
  std::size_t body_bound_ = 0;  // of the request that is coming in; 0: not asked for yet
  Clock::time_point deadline_ = Clock::time_point::max();
  bool late_ = false;
  bool closed_ = false;
  bool writing_ = false;
  std::function<void()> on_closed_;
};

}  // namespace mooring::http
