// A client's connection: connect, write and read, all under one deadline. Internal to this library; used by Client and
// LineStream.
//
// Threading: the thread of the executor. Keep it in a shared_ptr; its timer holds a weak one.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "mooring/base/error.hpp"
#include "mooring/http/deadline.hpp"
#include "mooring/http/endpoint.hpp"
#include "mooring/http/sockets.hpp"
#include "mooring/http/tls_stream.hpp"
#include "mooring/http/wire.hpp"

namespace mooring::http {

class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
 public:
  // `trust`: for endpoints with TLS.
  ClientConnection(const asio::any_io_executor& executor, Endpoint endpoint, std::size_t body_bytes,
                   std::shared_ptr<const TlsTrust> trust = nullptr);
  ~ClientConnection();

  // All waits end with `timeout` from then on, until the next call. The connection stays open.
  void set_deadline(Deadline deadline);
  void clear_deadline();

  // A host name is looked up first; its addresses are tried in order. With TLS: until both ends have agreed.
  asio::awaitable<Result<void>> connect();
  asio::awaitable<Result<void>> write(const std::string& text);
  // Reads once and feeds the reader. False: the peer has closed.
  asio::awaitable<Result<bool>> read_some();
  // Reads until the answer's head (or the whole answer) is there.
  asio::awaitable<Result<void>> read_head();
  asio::awaitable<Result<void>> read_answer();

  // Nothing to read, not closed: fit for another request.
  bool is_fresh();
  // No byte of an answer has come since start_answer().
  bool heard_nothing() const { return !heard_; }
  void start_answer(bool endless);
  bool timed_out() const { return timed_out_; }
  bool is_open() const { return socket_.is_open() && !closed_; }
  void close();

  wire::ResponseReader& reader() { return reader_; }
  wire::InputBuffer& input() { return input_; }

 private:
  // Unix sockets connect at once or not at all; Asio takes the EAGAIN of a full backlog for "under way".
  IoError connect_at_once(const Socket::endpoint_type& address);
  asio::awaitable<Result<void>> connect_to(Socket::endpoint_type address);
  asio::awaitable<Result<std::vector<Socket::endpoint_type>>> addresses();
  asio::awaitable<Result<void>> begin_tls();
  Result<void> feed();
  Error failed(std::string_view doing, std::string_view cause) const;
  Error failed(std::string_view doing, const IoError& cause) const;

  asio::any_io_executor executor_;
  Endpoint endpoint_;
  std::shared_ptr<const TlsTrust> trust_;
  Socket socket_;
  std::unique_ptr<TlsStream> tls_;
  asio::steady_timer timer_;
  unsigned epoch_ = 0;
  bool timed_out_ = false;
  bool closed_ = false;
  bool heard_ = false;
  std::shared_ptr<asio::steady_timer> waiting_;  // of a look-up or a pause: cancelled, it ends the wait
  wire::InputBuffer input_;
  wire::ResponseReader reader_;
};

}  // namespace mooring::http
