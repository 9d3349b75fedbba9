#include "mooring/http/blocking_socket.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace mooring::http {
namespace {

std::chrono::nanoseconds left(Deadline deadline) {
  return std::max(std::chrono::nanoseconds(0),
                  std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - std::chrono::steady_clock::now()));
}

// connect() to a unix server with a full backlog says EAGAIN at once when non-blocking; a blocking one waits for
// SO_SNDTIMEO at most.
int connect_patiently(int descriptor, const sockaddr* address, socklen_t size, Deadline deadline) {
  const auto rest = left(deadline);
  if (rest.count() == 0) {
    return ETIMEDOUT;
  }
  timeval patience{};
  patience.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(rest).count();
  patience.tv_usec = std::max<suseconds_t>(1, (rest.count() / 1000) % 1'000'000);
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0 ||
      ::fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK) != 0) {
    return errno;
  }
  const int result = ::connect(descriptor, address, size);
  const int failure = result == 0 ? 0 : would_block(errno) ? ETIMEDOUT : errno;
  ::fcntl(descriptor, F_SETFL, flags);
  return failure;
}

// The connected socket, or an errno.
std::pair<Descriptor, int> connect_unix(const std::string& path, Deadline deadline) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return {Descriptor(), ENAMETOOLONG};
  }
  path.copy(address.sun_path, path.size());
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) {
    return {Descriptor(), errno};
  }
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(socket.number(), generic, sizeof address) == 0) {
    return {std::move(socket), 0};
  }
  int failure = errno;
  if (would_block(failure)) {
    failure = connect_patiently(socket.number(), generic, sizeof address, deadline);
  }
  return {std::move(socket), failure};
}

std::pair<Descriptor, int> connect_tcp(const std::string& host, std::uint16_t port, Deadline deadline) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  const sockaddr* address = nullptr;
  socklen_t size = 0;
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    address = reinterpret_cast<const sockaddr*>(&v4);
    size = sizeof v4;
  } else if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    address = reinterpret_cast<const sockaddr*>(&v6);
    size = sizeof v6;
  } else {
    return {Descriptor(), EINVAL};
  }
  Descriptor socket(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) {
    return {Descriptor(), errno};
  }
  const int on = 1;
  ::setsockopt(socket.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(socket.number(), address, size) == 0) {
    return {std::move(socket), 0};
  }
  if (errno != EINPROGRESS) {
    return {Descriptor(), errno};
  }
  if (const int failure = wait_for(socket.number(), POLLOUT, deadline); failure != 0) {
    return {Descriptor(), failure};
  }
  int failure = 0;
  socklen_t failure_size = sizeof failure;
  ::getsockopt(socket.number(), SOL_SOCKET, SO_ERROR, &failure, &failure_size);
  return {std::move(socket), failure};
}

}  // namespace

int wait_for(int descriptor, short events, Deadline deadline) {
  while (true) {
    pollfd entry{};
    entry.fd = descriptor;
    entry.events = events;
    const auto rest = left(deadline);
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(rest);
    timespec patience{};
    patience.tv_sec = seconds.count();
    patience.tv_nsec = (rest - seconds).count();
    const int ready = ::ppoll(&entry, 1, &patience, nullptr);
    if (ready > 0) {
      return 0;
    }
    if (ready == 0) {
      return ETIMEDOUT;
    }
    if (errno != EINTR) {
      return errno;
    }
  }
}

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

std::pair<Descriptor, int> connect_to(const Endpoint& endpoint, Deadline deadline) {
  if (endpoint.kind() == Endpoint::Kind::tls) {
    return {Descriptor(), EPROTONOSUPPORT};
  }
  return endpoint.kind() == Endpoint::Kind::unix_socket ? connect_unix(endpoint.path(), deadline)
                                                        : connect_tcp(endpoint.host(), endpoint.port(), deadline);
}

}  // namespace mooring::http
