#include "mooring/http/blocking_client.hpp"

#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <utility>

#include <fmt/format.h>

#include "mooring/http/blocking_socket.hpp"
#include "mooring/http/wire.hpp"

namespace mooring::http {
namespace {

constexpr std::size_t client_read_bytes = 16 * 1024;
constexpr std::size_t response_bytes = 64 * 1024 * 1024;
constexpr std::size_t line_bytes = 1024 * 1024;

}  // namespace

class BlockingClient::Impl {
 public:
  Impl(Endpoint endpoint, std::string token)
      : endpoint_(std::move(endpoint)), token_(std::move(token)), reader_(response_bytes) {}

  Result<void> send(std::string_view method, std::string_view target, std::string_view body, Deadline deadline,
                    const Headers& headers);
  Result<Response> receive(Deadline deadline);
  Result<Response> receive_head(Deadline deadline);
  Result<std::string> next_line(Deadline deadline);

  const Endpoint& endpoint() const { return endpoint_; }

 private:
  Result<void> connect(Deadline deadline);
  Result<void> write(Deadline deadline);
  // Reads until `enough()`. Repeats the request once on a new connection if a kept one turns out dead.
  template <class Enough>
  Result<void> read_until(Enough enough, Deadline deadline);
  // False: the peer has closed.
  Result<bool> read_some(Deadline deadline);
  bool kept_is_fresh() const;
  void drop();
  Error failed(std::string_view doing, int cause) const;

  Endpoint endpoint_;
  std::string token_;
  Descriptor socket_;
  wire::InputBuffer input_;
  wire::ResponseReader reader_;
  std::string text_;   // of the request under way, to be repeated
  std::string asked_;  // "GET /v1/version", for messages
  bool awaiting_ = false;
  bool on_kept_ = false;  // the connection had served before
  bool heard_ = false;
  bool endless_ = false;
};

void BlockingClient::Impl::drop() {
  socket_.reset();
  input_.clear();
  awaiting_ = false;
}

Error BlockingClient::Impl::failed(std::string_view doing, int cause) const {
  const bool late = cause == ETIMEDOUT;
  std::string text = late         ? "the deadline has passed"
                     : cause == 0 ? "it has closed the connection"
                                  : std::strerror(cause);
  if (cause == EINVAL && endpoint_.kind() == Endpoint::Kind::tcp) {
    text = "\"" + endpoint_.host() + "\" is no address";
  }
  return Error(late ? Errc::timeout : Errc::unavailable,
               fmt::format("{}: {} {}: {}", asked_, doing, endpoint_.str(), text));
}

Result<void> BlockingClient::Impl::connect(Deadline deadline) {
  auto [socket, failure] = connect_to(endpoint_, deadline);
  if (failure != 0) {
    return failed("connecting to", failure);
  }
  socket_ = std::move(socket);
  input_.clear();
  return ok();
}

bool BlockingClient::Impl::kept_is_fresh() const {
  char byte = 0;
  return socket_ && input_.empty() && ::recv(socket_.number(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
         would_block(errno);
}

Result<void> BlockingClient::Impl::write(Deadline deadline) {
  std::size_t sent = 0;
  while (sent < text_.size()) {
    const ssize_t count =
        ::send(socket_.number(), text_.data() + sent, text_.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count >= 0) {
      sent += static_cast<std::size_t>(count);
      continue;
    }
    if (errno == EINTR) {
      continue;
    }
    const int failure = would_block(errno) ? wait_for(socket_.number(), POLLOUT, deadline) : errno;
    if (failure != 0) {
      return failed("writing to", failure);
    }
  }
  return ok();
}

Result<void> BlockingClient::Impl::send(std::string_view method, std::string_view target, std::string_view body,
                                        Deadline deadline, const Headers& headers) {
  asked_ = fmt::format("{} {}", method, target);
  text_ = wire::request_text(method, target, endpoint_.authority(), token_, headers, body);
  if (awaiting_ || (socket_ && !kept_is_fresh())) {
    drop();
  }
  on_kept_ = static_cast<bool>(socket_);
  if (!socket_) {
    if (Result<void> connected = connect(deadline); !connected) {
      return connected;
    }
  }
  heard_ = false;
  endless_ = false;
  awaiting_ = true;
  const Result<void> written = write(deadline);
  // A peer that closed its ear may have answered before (413): then receive() finds the answer, or repeats.
  if (!written && written.error().code() == Errc::timeout) {
    drop();
    return written;
  }
  return ok();
}

Result<bool> BlockingClient::Impl::read_some(Deadline deadline) {
  while (true) {
    if (const int failure = wait_for(socket_.number(), POLLIN, deadline); failure != 0) {
      return failed("waiting for", failure);
    }
    char* room = input_.room(client_read_bytes);
    const ssize_t count = ::recv(socket_.number(), room, input_.room_size(), MSG_DONTWAIT);
    if (count == 0) {
      return false;
    }
    if (count < 0) {
      if (errno == EINTR || would_block(errno)) {
        continue;
      }
      return failed("waiting for", errno);
    }
    heard_ = true;
    input_.added(static_cast<std::size_t>(count));
    const Result<std::size_t> taken = reader_.feed(input_.bytes());
    if (!taken) {
      return taken.error().within(asked_ + ": asking " + endpoint_.str());
    }
    input_.consume(*taken);
    return true;
  }
}

template <class Enough>
Result<void> BlockingClient::Impl::read_until(Enough enough, Deadline deadline) {
  if (!awaiting_) {
    return Error(Errc::internal, fmt::format("waiting for {}: nothing was asked", endpoint_.str()));
  }
  reader_.start(endless_);
  while (!enough()) {
    const Result<bool> more = read_some(deadline);
    if (more && *more) {
      continue;
    }
    if (more && reader_.finish()) {
      break;
    }
    const bool late = !more && more.error().code() == Errc::timeout;
    if (on_kept_ && !heard_ && !late) {
      on_kept_ = false;
      drop();
      Result<void> again = connect(deadline);
      if (again) {
        again = write(deadline);
      }
      if (!again) {
        drop();
        return again;
      }
      awaiting_ = true;
      reader_.start(endless_);
      continue;
    }
    const Error failure = more ? failed("waiting for", 0) : more.error();
    drop();
    return failure;
  }
  return ok();
}

Result<Response> BlockingClient::Impl::receive(Deadline deadline) {
  if (const Result<void> read = read_until([this] { return reader_.done(); }, deadline); !read) {
    return read.error();
  }
  awaiting_ = false;
  const bool keep = reader_.done() && reader_.keep_alive() && input_.empty();
  Response response = reader_.take();
  if (!keep) {
    drop();
  }
  return response;
}

Result<Response> BlockingClient::Impl::receive_head(Deadline deadline) {
  endless_ = true;
  if (const Result<void> read = read_until([this] { return reader_.header_done(); }, deadline); !read) {
    return read.error();
  }
  if (reader_.status() == 200) {
    return Response(200, "application/x-ndjson", "");
  }
  while (!reader_.done()) {
    const Result<bool> more = read_some(deadline);
    if (!more || (!*more && !reader_.finish())) {
      const Error failure = more ? failed("waiting for", 0) : more.error();
      drop();
      return failure;
    }
  }
  Response response = reader_.take();
  drop();
  return response;
}

Result<std::string> BlockingClient::Impl::next_line(Deadline deadline) {
  while (true) {
    std::string& lines = reader_.lines();
    const std::size_t end = lines.find('\n');
    if (end != lines.npos && end <= line_bytes) {
      std::string line = lines.substr(0, end);
      lines.erase(0, end + 1);
      return line;
    }
    if (lines.size() > line_bytes) {
      drop();
      return Error(Errc::too_large,
                   fmt::format("{}: a line of {} is longer than {} bytes", asked_, endpoint_.str(), line_bytes));
    }
    if (!socket_ || reader_.done()) {
      drop();
      return Error(Errc::unavailable, fmt::format("{}: the stream of {} has ended", asked_, endpoint_.str()));
    }
    const Result<bool> more = read_some(deadline);
    if (!more && more.error().code() == Errc::timeout) {
      return more.error();  // the stream stays open
    }
    if (!more || !*more) {
      const Error failure = more ? failed("waiting for", 0) : more.error();
      drop();
      return failure;
    }
  }
}

BlockingClient::BlockingClient(Endpoint endpoint, std::string token)
    : impl_(std::make_unique<Impl>(std::move(endpoint), std::move(token))) {}
BlockingClient::~BlockingClient() = default;
BlockingClient::BlockingClient(BlockingClient&&) noexcept = default;
BlockingClient& BlockingClient::operator=(BlockingClient&&) noexcept = default;

Result<Response> BlockingClient::request(std::string method, std::string target, std::string body, Deadline deadline,
                                         const Headers& headers) {
  if (const Result<void> sent = impl_->send(method, target, body, deadline, headers); !sent) {
    return sent.error();
  }
  return impl_->receive(deadline);
}

Result<void> BlockingClient::send(std::string method, std::string target, std::string body, Deadline deadline,
                                  const Headers& headers) {
  return impl_->send(method, target, body, deadline, headers);
}

Result<Response> BlockingClient::receive(Deadline deadline) {
  return impl_->receive(deadline);
}

Result<Response> BlockingClient::receive_head(Deadline deadline) {
  return impl_->receive_head(deadline);
}

Result<std::string> BlockingClient::next_line(Deadline deadline) {
  return impl_->next_line(deadline);
}

const Endpoint& BlockingClient::endpoint() const {
  return impl_->endpoint();
}

}  // namespace mooring::http
