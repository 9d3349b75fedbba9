// A real TLS server for tests: certificates made by openssl, one thread, HTTP with Content-Length.
//
// Threading: the answer function runs on the server's thread.
#pragma once

#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace mooring::tests {

namespace asio = boost::asio;

// FOLDER/NAME.pem and FOLDER/NAME.key: self-signed, so that the certificate is its own CA. `names` like
// "DNS:localhost,IP:127.0.0.1".
inline void make_certificate(const std::string& folder, const std::string& name, const std::string& names,
                             bool expired = false) {
  const std::string at = folder + "/" + name;
  const auto run = [&](const std::string& arguments) {
    if (std::system(("openssl " + arguments + " 2>>" + at + ".log").c_str()) != 0) {
      throw std::runtime_error("openssl failed: see " + at + ".log");
    }
  };
  run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=" + name +
      " -addext subjectAltName=" + names + " -days 2 -keyout " + at + ".key -out " + at + ".pem");
  if (expired) {
    run("x509 -in " + at + ".pem -signkey " + at + ".key -days -1 -out " + at + ".old && mv " + at + ".old " + at +
        ".pem");
  }
}

class TlsServer {
 public:
  // Gets a request whole (head and body), gives back an answer whole.
  using Answer = std::function<std::string(const std::string& request)>;

  // With the certificate FOLDER/NAME.pem, on a free port of 127.0.0.1.
  TlsServer(const std::string& folder, const std::string& name, Answer answer)
      : answer_(std::move(answer)), acceptor_(io_, {asio::ip::address_v4::loopback(), 0}) {
    context_.use_certificate_chain_file(folder + "/" + name + ".pem");
    context_.use_private_key_file(folder + "/" + name + ".key", asio::ssl::context::pem);
    port_ = acceptor_.local_endpoint().port();
    asio::co_spawn(io_, accept(), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~TlsServer() {
    io_.stop();
    thread_.join();
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  std::uint16_t port() const { return port_; }
  // Connections whose handshake succeeded.
  int connections() const { return connections_; }

 private:
  using Stream = asio::ssl::stream<asio::ip::tcp::socket>;
  static constexpr asio::as_tuple_t<asio::use_awaitable_t<>> as_result{};

  asio::awaitable<void> accept() {
    while (true) {
      auto [failure, socket] = co_await acceptor_.async_accept(as_result);
      if (failure) {
        co_return;
      }
      auto stream = std::make_shared<Stream>(std::move(socket), context_);
      asio::co_spawn(io_, serve(std::move(stream)), asio::detached);
    }
  }

  asio::awaitable<void> serve(std::shared_ptr<Stream> stream) {
    const auto [refused] = co_await stream->async_handshake(asio::ssl::stream_base::server, as_result);
    if (refused) {
      co_return;
    }
    ++connections_;
    std::string input;
    while (true) {
      auto dynamic = asio::dynamic_buffer(input);
      const auto [head_failure, head] = co_await asio::async_read_until(*stream, dynamic, "\r\n\r\n", as_result);
      if (head_failure) {
        co_return;
      }
      const auto at = input.find("Content-Length: ");
      const std::size_t body = at == std::string::npos || at > head ? 0 : std::stoul(input.substr(at + 16));
      if (input.size() < head + body) {
        const auto rest = asio::transfer_exactly(head + body - input.size());
        const auto [body_failure, count] = co_await asio::async_read(*stream, dynamic, rest, as_result);
        if (body_failure) {
          co_return;
        }
      }
      const std::string text = answer_(input.substr(0, head + body));
      input.erase(0, head + body);
      const auto [write_failure, written] = co_await asio::async_write(*stream, asio::buffer(text), as_result);
      if (write_failure || text.find("Connection: close") != std::string::npos) {
        co_return;  // without TLS's goodbye
      }
    }
  }

  asio::io_context io_{1};
  asio::ssl::context context_{asio::ssl::context::tls_server};
  Answer answer_;
  asio::ip::tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::thread thread_;
};

}  // namespace mooring::tests
