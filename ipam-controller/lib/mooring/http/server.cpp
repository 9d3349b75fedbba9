#include "mooring/http/server.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <list>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <tuple>
#include <type_traits>
#include <unistd.h>
#include <unordered_set>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include "mooring/http/server_connection.hpp"

namespace mooring::http {
namespace {

// A peer that lost its power acknowledges nothing, and the kernel would keep what is written to it for a quarter of an
// hour: its connection, a watch stream above all, would look alive (tcp(7), TCP_USER_TIMEOUT).
constexpr int unacknowledged_limit_ms = 15'000;

void give_up_unacknowledged(int socket) {
  ::setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_limit_ms, sizeof unacknowledged_limit_ms);
}

using UnixAcceptor = asio::local::stream_protocol::acceptor;
using TcpAcceptor = asio::ip::tcp::acceptor;

// After accept() failed for want of descriptors or memory: trying at once would only burn the processor.
constexpr std::chrono::milliseconds accept_pause{100};

struct SocketFile {
  std::string path;
  dev_t device = 0;
  ino_t inode = 0;
};

// True if a process answers on that unix socket.
Result<bool> somebody_listens(const std::string& path) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) {
    return Error(Errc::io, fmt::format("listening on unix:{}: {}", path, std::strerror(errno)));
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int refused = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int cause = errno;
  ::close(probe);
  return refused == 0 || cause == EAGAIN;  // EAGAIN: its backlog is full, so it lives
}

Result<void> remove_stale(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) {
    return ok();  // nothing there; whatever else is wrong, bind() will say
  }
  if (!S_ISSOCK(found.st_mode)) {
    return Error(Errc::in_use, fmt::format("listening on unix:{}: a file that is no socket is in the way", path),
                 "remove it, or choose another path");
  }
  const Result<bool> live = somebody_listens(path);
  if (!live) {
    return live.error();
  }
  if (*live) {
    return Error(Errc::in_use, fmt::format("listening on unix:{}: another process answers there", path),
                 "stop that process, or choose another path");
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return Error(Errc::io, fmt::format("removing the stale socket {}: {}", path, std::strerror(errno)));
  }
  return ok();
}

}  // namespace

class Server::Impl : public std::enable_shared_from_this<Server::Impl> {
 public:
  // A connection is on the list while this lives, also when its coroutine is destroyed instead of ended.
  class Listed {
   public:
    Listed(std::shared_ptr<Impl> server, ServerConnection* connection)
        : server_(std::move(server)), connection_(connection) {
      server_->connections_.insert(connection_);
    }
    ~Listed() { server_->connections_.erase(connection_); }
    Listed(const Listed&) = delete;
    Listed& operator=(const Listed&) = delete;

   private:
    std::shared_ptr<Impl> server_;
    ServerConnection* connection_;
  };

  Impl(asio::any_io_executor executor, Handler handler, Limits limits)
      : executor_(std::move(executor)), context_(std::make_shared<ServerContext>()), sweep_timer_(executor_) {
    context_->handler = std::move(handler);
    context_->limits = limits;
    context_->report = [](const std::string& line) { std::fprintf(stderr, "mooring::http: %s\n", line.c_str()); };
    const auto shortest = std::min({limits.idle, limits.receive_deadline, limits.write_deadline});
    sweep_period_ = std::clamp(shortest / 4, std::chrono::milliseconds(10), std::chrono::milliseconds(1000));
  }

  Result<void> listen_unix(const std::string& path, unsigned mode);
  Result<void> listen_tcp(const std::string& address, std::uint16_t port);
  void stop();

  asio::any_io_executor executor_;
  std::shared_ptr<ServerContext> context_;
  std::uint16_t tcp_port_ = 0;
  std::unordered_set<ServerConnection*> connections_;

 private:
  template <class Acceptor>
  asio::awaitable<void> accept_from(Acceptor& acceptor);
  asio::awaitable<void> serve(std::shared_ptr<ServerConnection> connection);
  void admit(Socket socket);
  void sweep();

  asio::steady_timer sweep_timer_;
  std::chrono::milliseconds sweep_period_{1000};
  bool sweeping_ = false;
  std::list<UnixAcceptor> unix_acceptors_;  // lists: accept loops hold references
  std::list<TcpAcceptor> tcp_acceptors_;
  std::vector<SocketFile> files_;
};

Result<void> Server::Impl::listen_unix(const std::string& path, unsigned mode) {
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path)) {
    return Error(Errc::invalid_argument,
                 fmt::format("listening on unix:{}: the path has {} bytes, unix sockets allow 1..{}", path, path.size(),
                             sizeof(sockaddr_un::sun_path) - 1));
  }
  if (const Result<void> removed = remove_stale(path); !removed) {
    return removed;
  }
  const auto failed = [&](const std::string& cause) {
    return Error(Errc::io, fmt::format("listening on unix:{}: {}", path, cause),
                 "does the folder exist, and may this process write to it?");
  };
  IoError failure;
  UnixAcceptor acceptor(executor_);
  acceptor.open(asio::local::stream_protocol(), failure);
  if (!failure) {
    acceptor.bind(asio::local::stream_protocol::endpoint(path), failure);
  }
  if (failure) {
    return failed(failure.message());
  }
  // Between bind() and listen() every connect() is refused, so nobody slips in under the mode that the umask left.
  struct stat made {};
  if (::chmod(path.c_str(), static_cast<mode_t>(mode)) != 0 || ::lstat(path.c_str(), &made) != 0) {
    const std::string cause = std::strerror(errno);
    ::unlink(path.c_str());
    return failed(cause);
  }
  acceptor.listen(asio::socket_base::max_listen_connections, failure);
  if (failure) {
    ::unlink(path.c_str());
    return failed(failure.message());
  }
  SocketFile file;
  file.path = path;
  file.device = made.st_dev;
  file.inode = made.st_ino;
  files_.push_back(std::move(file));
  unix_acceptors_.push_back(std::move(acceptor));
  asio::co_spawn(executor_, accept_from(unix_acceptors_.back()), asio::detached);
  return ok();
}

Result<void> Server::Impl::listen_tcp(const std::string& address, std::uint16_t port) {
  IoError failure;
  const asio::ip::address literal = asio::ip::make_address(address, failure);
  if (failure) {
    return Error(Errc::invalid_argument,
                 fmt::format("listening on {}:{}: \"{}\" is no IP address", address, port, address));
  }
  const asio::ip::tcp::endpoint endpoint(literal, port);
  TcpAcceptor acceptor(executor_);
  acceptor.open(endpoint.protocol(), failure);
  if (!failure) {
    acceptor.set_option(asio::socket_base::reuse_address(true), failure);
  }
  if (!failure) {
    acceptor.bind(endpoint, failure);
  }
  if (!failure) {
    acceptor.listen(asio::socket_base::max_listen_connections, failure);
  }
  if (failure) {
    const Errc code = failure == asio::error::address_in_use ? Errc::in_use : Errc::io;
    return Error(code, fmt::format("listening on {}:{}: {}", address, port, failure.message()),
                 code == Errc::in_use ? "stop the process that listens there, or choose another port" : "");
  }
  tcp_port_ = acceptor.local_endpoint().port();
  tcp_acceptors_.push_back(std::move(acceptor));
  asio::co_spawn(executor_, accept_from(tcp_acceptors_.back()), asio::detached);
  return ok();
}

template <class Acceptor>
asio::awaitable<void> Server::Impl::accept_from(Acceptor& acceptor) {
  const auto self = shared_from_this();
  bool reported = false;
  while (!context_->stopping) {
    auto [failure, accepted] = co_await acceptor.async_accept(as_result);
    if (context_->stopping) {
      break;
    }
    if (!failure) {
      reported = false;
      if constexpr (std::is_same_v<Acceptor, TcpAcceptor>) {
        IoError ignored;
        accepted.set_option(asio::ip::tcp::no_delay(true), ignored);
        give_up_unacknowledged(accepted.native_handle());
      }
      admit(Socket(std::move(accepted)));
      continue;
    }
    if (failure == asio::error::connection_aborted) {
      continue;
    }
    if (!reported) {
      context_->report(fmt::format("accepting a connection: {}", failure.message()));
      reported = true;
    }
    asio::steady_timer pause(executor_, accept_pause);
    const std::tuple<IoError> waited = co_await pause.async_wait(as_result);
    static_cast<void>(waited);
  }
}

void Server::Impl::admit(Socket socket) {
  if (connections_.size() >= context_->limits.connections) {
    const std::string text = wire::response_text(
        problem(Error(Errc::unavailable,
                      fmt::format("accepting a connection: {} are open, the most allowed", connections_.size()),
                      "close some, or raise the limit")),
        false);
    IoError ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(text), ignored);
    return;
  }
  auto connection = std::make_shared<ServerConnection>(std::move(socket), context_);
  asio::co_spawn(executor_, serve(std::move(connection)), asio::detached);
  if (!sweeping_) {
    sweeping_ = true;
    sweep();
  }
}

asio::awaitable<void> Server::Impl::serve(std::shared_ptr<ServerConnection> connection) {
  const Listed listed(shared_from_this(), connection.get());
  try {
    co_await connection->run();
  } catch (const std::exception& exception) {
    context_->report(fmt::format("serving a connection: {}", exception.what()));
    connection->close();
  }
}

void Server::Impl::sweep() {
  if (connections_.empty() || context_->stopping) {
    sweeping_ = false;
    return;
  }
  sweep_timer_.expires_after(sweep_period_);
  sweep_timer_.async_wait([self = shared_from_this()](const IoError& failure) {
    if (failure) {
      self->sweeping_ = false;
      return;
    }
    const auto now = std::chrono::steady_clock::now();
    // A copy: a callback of a stream may end other connections.
    const std::vector<ServerConnection*> all(self->connections_.begin(), self->connections_.end());
    for (ServerConnection* connection : all) {
      if (self->connections_.contains(connection)) {
        connection->close_if_late(now);
      }
    }
    self->sweep();
  });
}

void Server::Impl::stop() {
  if (context_->stopping) {
    return;
  }
  context_->stopping = true;
  IoError ignored;
  for (UnixAcceptor& acceptor : unix_acceptors_) {
    acceptor.close(ignored);
  }
  for (TcpAcceptor& acceptor : tcp_acceptors_) {
    acceptor.close(ignored);
  }
  for (const SocketFile& file : files_) {
    struct stat found {};
    // Another process may have taken the path over in the meantime: leave its file alone.
    if (::lstat(file.path.c_str(), &found) == 0 && found.st_dev == file.device && found.st_ino == file.inode) {
      ::unlink(file.path.c_str());
    }
  }
  sweep_timer_.cancel();
  const std::vector<ServerConnection*> all(connections_.begin(), connections_.end());
  for (ServerConnection* connection : all) {
    if (connections_.contains(connection)) {
      connection->close();
    }
  }
}

Server::Server(asio::any_io_executor executor, Handler handler, Limits limits)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(handler), limits)) {}

Server::~Server() {
  stop();
}

void Server::on_fault(std::function<void(const std::string&)> report) {
  impl_->context_->report = std::move(report);
}

Result<void> Server::listen_unix(const std::string& path, unsigned mode) {
  return impl_->listen_unix(path, mode);
}

Result<void> Server::listen_tcp(const std::string& address, std::uint16_t port) {
  return impl_->listen_tcp(address, port);
}

std::uint16_t Server::tcp_port() const {
  return impl_->tcp_port_;
}

void Server::stop() {
  impl_->stop();
}

std::size_t Server::connections() const {
  return impl_->connections_.size();
}

}  // namespace mooring::http
