#include "cni-plugin/unix_stream.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <fmt/format.h>

namespace mooring::cni {
namespace {

constexpr int connect_retry_milliseconds = 5;

int milliseconds_until(Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<std::chrono::milliseconds::rep>(left, 0, 3'600'000));
}

// Waits for `fd` (negative: only for time to pass). true = ready, false = time is up.
Result<bool> poll_until(int fd, short events, int milliseconds, const Interruption& interruption,
                        std::string_view doing) {
  std::array<pollfd, 2> waiting{{{fd, events, 0}, {interruption.fd(), POLLIN, 0}}};
  const int ready = ::poll(waiting.data(), waiting.size(), milliseconds);
  if (ready < 0 && errno != EINTR) {
    return Error(Errc::io, fmt::format("{}: poll: {}", doing, std::strerror(errno)));
  }
  if (ready > 0 && waiting[1].revents != 0) {
    return interrupted(doing);
  }
  return ready > 0 && waiting[0].revents != 0;
}

Error away(std::string_view doing, int error_number) {
  return Error(Errc::unavailable, fmt::format("{}: {}", doing, std::strerror(error_number)));
}

}  // namespace

UnixStream::UnixStream(netlink::FileDescriptor socket, Deadline deadline, const Interruption& interruption)
    : socket_(std::move(socket)), deadline_(deadline), interruption_(&interruption) {}

Result<UnixStream> UnixStream::connect(const std::string& path, Deadline deadline, const Interruption& interruption) {
  const std::string doing = "connecting to " + path;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return Error(Errc::invalid_config,
                 fmt::format("{}: a socket path has 1 to {} bytes", doing, sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  netlink::FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) {
    return Error(Errc::io, fmt::format("{}: {}", doing, std::strerror(errno)));
  }
  // EAGAIN: the listener's queue is full, and nothing tells when it is not any more.
  while (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno != EAGAIN && errno != EINTR) {
      return away(doing, errno);
    }
    if (Clock::now() >= deadline) {
      return Error(Errc::timeout, doing + ": its queue of callers is full");
    }
    if (const auto waited = poll_until(-1, 0, connect_retry_milliseconds, interruption, doing); !waited) {
      return waited.error();
    }
  }
  return UnixStream(std::move(socket), deadline, interruption);
}

Result<void> UnixStream::wait_for(short events, std::string_view doing) {
  while (true) {
    const int left = milliseconds_until(deadline_);
    const auto ready = poll_until(socket_.get(), events, left, *interruption_, doing);
    if (!ready) {
      return ready.error();
    }
    if (*ready) {
      return ok();
    }
    if (Clock::now() >= deadline_) {
      return Error(Errc::timeout, fmt::format("{}: time is up", doing));
    }
  }
}

Result<void> UnixStream::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (const auto ready = wait_for(POLLOUT, "sending"); !ready) {
        return ready;
      }
    } else if (errno != EINTR) {
      return away("sending", errno);
    }
  }
  return ok();
}

Result<void> UnixStream::read_more(std::string& buffer) {
  std::array<char, 16384> chunk;
  while (true) {
    const ssize_t size = ::recv(socket_.get(), chunk.data(), chunk.size(), 0);
    if (size > 0) {
      buffer.append(chunk.data(), static_cast<std::size_t>(size));
      return ok();
    }
    if (size == 0) {
      return Error(Errc::unavailable, "waiting for the answer: the connection was closed");
    }
    if (errno == EAGAIN) {
      if (const auto ready = wait_for(POLLIN, "waiting for the answer"); !ready) {
        return ready;
      }
    } else if (errno != EINTR) {
      return away("waiting for the answer", errno);
    }
  }
}

}  // namespace mooring::cni
