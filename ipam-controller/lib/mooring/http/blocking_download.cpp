#include "mooring/http/blocking_download.hpp"

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

constexpr std::size_t download_bytes = 64 * 1024;
constexpr std::size_t refusal_bytes = 1024 * 1024;

}  // namespace

class BlockingDownload::Impl {
 public:
  Impl(Endpoint endpoint, std::string token)
      : endpoint_(std::move(endpoint)), token_(std::move(token)), reader_(refusal_bytes) {}

  Result<Response> begin(const std::string& target, Deadline deadline) {
    asked_ = "GET " + target;
    auto [socket, failure] = connect_to(endpoint_, deadline);
    if (failure != 0) {
      return failed("connecting to", failure);
    }
    socket_ = std::move(socket);
    const std::string text = wire::request_text("GET", target, endpoint_.authority(), token_, Headers(), "");
    if (const int cause = write(text, deadline); cause != 0) {
      return failed("writing to", cause);
    }
    reader_.start(true);
    while (!reader_.header_done() || (reader_.status() != 200 && !reader_.done())) {
      if (const auto more = read_some(deadline); !more) {
        return more.error();
      }
    }
    Response head = reader_.take();
    if (head.status == 200) {
      first_ = std::exchange(head.body, std::string());
    }
    return head;
  }

  Result<std::string> next(Deadline deadline) {
    while (first_.empty() && reader_.lines().empty()) {
      if (reader_.done()) {
        return std::string();
      }
      if (const auto more = read_some(deadline); !more) {
        return more.error();
      }
    }
    return first_.empty() ? std::exchange(reader_.lines(), std::string()) : std::exchange(first_, std::string());
  }

 private:
  int write(std::string_view text, Deadline deadline) {
    while (!text.empty()) {
      const ssize_t count = ::send(socket_.number(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count >= 0) {
        text.remove_prefix(static_cast<std::size_t>(count));
      } else if (would_block(errno)) {
        if (const int failure = wait_for(socket_.number(), POLLOUT, deadline); failure != 0) {
          return failure;
        }
      } else if (errno != EINTR) {
        return errno;
      }
    }
    return 0;
  }

  Result<void> read_some(Deadline deadline) {
    while (true) {
      if (const int failure = wait_for(socket_.number(), POLLIN, deadline); failure != 0) {
        return failed("waiting for", failure);
      }
      char* room = input_.room(download_bytes);
      const ssize_t count = ::recv(socket_.number(), room, input_.room_size(), MSG_DONTWAIT);
      if (count < 0 && (errno == EINTR || would_block(errno))) {
        continue;
      }
      if (count < 0) {
        return failed("waiting for", errno);
      }
      if (count == 0) {
        return reader_.finish() ? ok() : Result<void>(failed("waiting for", 0));
      }
      input_.added(static_cast<std::size_t>(count));
      const Result<std::size_t> taken = reader_.feed(input_.bytes());
      if (!taken) {
        return taken.error().within(asked_ + ": asking " + endpoint_.str());
      }
      input_.consume(*taken);
      return ok();
    }
  }

  Error failed(std::string_view doing, int cause) const {
    const bool late = cause == ETIMEDOUT;
    const std::string text = late         ? "the deadline has passed"
                             : cause == 0 ? "it has closed the connection"
                                          : std::strerror(cause);
    return Error(late ? Errc::timeout : Errc::unavailable,
                 fmt::format("{}: {} {}: {}", asked_, doing, endpoint_.str(), text));
  }

  Endpoint endpoint_;
  std::string token_;
  std::string asked_;  // "GET /v1/backup", for messages
  Descriptor socket_;
  wire::InputBuffer input_;
  wire::ResponseReader reader_;
  std::string first_;  // of the body, come with the head
};

BlockingDownload::BlockingDownload(Endpoint endpoint, std::string token)
    : impl_(std::make_unique<Impl>(std::move(endpoint), std::move(token))) {}
BlockingDownload::~BlockingDownload() = default;

Result<Response> BlockingDownload::begin(const std::string& target, Deadline deadline) {
  return impl_->begin(target, deadline);
}

Result<std::string> BlockingDownload::next(Deadline deadline) {
  return impl_->next(deadline);
}

}  // namespace mooring::http
