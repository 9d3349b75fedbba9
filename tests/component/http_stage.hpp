// The stage of the HTTP tests: a server on a thread of its own, a folder for sockets, and a peer that sends raw bytes.
#pragma once

#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <functional>
#include <future>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "mooring/http/client.hpp"
#include "mooring/http/server.hpp"
#include "support/catch_result.hpp"
#include "support/temporary_folder.hpp"

namespace http_stage {

namespace asio = boost::asio;
using namespace mooring::http;
using mooring::Errc;
using mooring::Result;
using namespace std::chrono_literals;

using mooring::tests::TemporaryFolder;

// Polls; false when the deadline passed.
inline bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds patience = 5s) {
  const Deadline deadline = after(patience);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

// A server on a thread of its own, listening on a unix socket and on a port of loopback.
class ServerThread {
 public:
  explicit ServerThread(Handler handler, Limits limits = Limits(), std::string path = {})
      : path_(path.empty() ? folder_.path("s.sock") : std::move(path)),
        server_(std::make_unique<Server>(io_.get_executor(), std::move(handler), limits)) {
    server_->on_fault([this](const std::string& line) { fault_ = line; });
    if (const auto listening = server_->listen_unix(path_); !listening) {
      throw std::runtime_error(listening.error().text());
    }
    if (const auto listening = server_->listen_tcp("127.0.0.1", 0); !listening) {
      throw std::runtime_error(listening.error().text());
    }
    port_ = server_->tcp_port();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~ServerThread() { stop(); }
  ServerThread(const ServerThread&) = delete;
  ServerThread& operator=(const ServerThread&) = delete;

  void stop() {
    if (thread_.joinable()) {
      asio::post(io_, [this] { server_->stop(); });
      // A handler of a test may wait for ever: what is left is destroyed with the io_context.
      asio::post(io_, [this] { io_.stop(); });
      thread_.join();
    }
  }
  template <class Ask>
  auto on_thread(Ask ask) {
    std::promise<decltype(ask())> promise;
    asio::post(io_, [&] { promise.set_value(ask()); });
    return promise.get_future().get();
  }
  std::size_t connections() {
    return on_thread([this] { return server_->connections(); });
  }
  std::string fault() {
    return on_thread([this] { return fault_; });
  }
  Endpoint unix_endpoint() const { return Endpoint::unix_socket(path_); }
  Endpoint tcp_endpoint() const { return Endpoint::tcp("127.0.0.1", port_); }
  const std::string& path() const { return path_; }

 private:
  TemporaryFolder folder_;
  std::string path_;
  asio::io_context io_{1};
  std::unique_ptr<Server> server_;
  std::string fault_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

// A client that says exactly the bytes it is told to.
class RawPeer {
 public:
  explicit RawPeer(const Endpoint& endpoint) {
    sockaddr_un local{};
    sockaddr_in remote{};
    const sockaddr* address = reinterpret_cast<const sockaddr*>(&remote);
    socklen_t size = sizeof remote;
    if (endpoint.kind() == Endpoint::Kind::unix_socket) {
      local.sun_family = AF_UNIX;
      endpoint.path().copy(local.sun_path, sizeof local.sun_path - 1);
      address = reinterpret_cast<const sockaddr*>(&local);
      size = sizeof local;
    } else {
      remote.sin_family = AF_INET;
      remote.sin_port = htons(endpoint.port());
      inet_pton(AF_INET, endpoint.host().c_str(), &remote.sin_addr);
    }
    descriptor_ = ::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(descriptor_, address, size) != 0) {
      throw std::runtime_error("connecting to " + endpoint.str() + " failed");
    }
  }
  ~RawPeer() { close(); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  void close() {
    if (descriptor_ >= 0) {
      ::close(std::exchange(descriptor_, -1));
    }
  }
  // False when the peer does not take it all.
  bool say(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) {
        return false;
      }
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  // What was heard until `mark` appears `times` times, the peer closes, or the patience ends.
  std::string hear(std::string_view mark = {}, std::size_t times = 1, std::chrono::milliseconds patience = 5s) {
    std::string all;
    const Deadline deadline = after(patience);
    while (mark.empty() || count_of(all, mark) < times) {
      pollfd entry{};
      entry.fd = descriptor_;
      entry.events = POLLIN;
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0 || ::poll(&entry, 1, static_cast<int>(left.count())) <= 0) {
        break;
      }
      char piece[4096];
      const ssize_t count = ::recv(descriptor_, piece, sizeof piece, 0);
      if (count <= 0) {
        closed_ = true;
        break;
      }
      all.append(piece, static_cast<std::size_t>(count));
    }
    return all;
  }
  bool heard_the_end() const { return closed_; }

 private:
  static std::size_t count_of(std::string_view all, std::string_view mark) {
    std::size_t count = 0;
    for (std::size_t at = all.find(mark); at != all.npos; at = all.find(mark, at + 1)) {
      ++count;
    }
    return count;
  }
  int descriptor_ = -1;
  bool closed_ = false;
};

// Runs a coroutine to its end on a fresh io_context; what it throws is thrown here.
template <class Coroutine>
void run(asio::io_context& io, Coroutine coroutine, std::chrono::milliseconds patience = 20s) {
  std::exception_ptr thrown;
  bool done = false;
  asio::co_spawn(io, std::move(coroutine), [&](std::exception_ptr exception) {
    thrown = exception;
    done = true;
    io.stop();
  });
  io.restart();
  io.run_for(patience);
  if (thrown) {
    std::rethrow_exception(thrown);
  }
  if (!done) {
    throw std::runtime_error("the coroutine did not end in time");
  }
}

// Answers "METHOD PATH BODY" to everything.
inline asio::awaitable<Answer> echo(Request request) {
  std::string line = request.method + " " + request.path + " " + request.body;
  Answer answer(text(200, std::move(line)));
  co_return answer;
}

}  // namespace http_stage
