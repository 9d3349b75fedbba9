// TLS over a socket that is connected already. Internal to this library; used by ClientConnection, which ends waits by
// cancelling the socket.
// Threading: the thread of the socket's executor. The socket must outlive it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>

#include "mooring/http/sockets.hpp"
#include "mooring/http/tls.hpp"

namespace mooring::http {

class TlsStream {
 public:
  // `host`: whom the certificate must be for.
  TlsStream(Socket& socket, std::shared_ptr<const TlsTrust> trust, const std::string& host);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // "" or why not: "certificate verify failed: self-signed certificate".
  asio::awaitable<std::pair<IoError, std::string>> handshake();
  asio::awaitable<IoError> write(asio::const_buffer bytes);
  // An end without TLS's own goodbye is an error, not an end of file: it may have been cut off by anybody.
  asio::awaitable<std::pair<IoError, std::size_t>> read_some(asio::mutable_buffer room);

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

}  // namespace mooring::http
