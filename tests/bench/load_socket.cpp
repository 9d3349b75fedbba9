#include "bench/load_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

namespace mooring::bench {
namespace {

constexpr std::size_t receive_bytes = std::size_t{256} * 1024;

std::string cause() {
  return std::strerror(errno);
}

}  // namespace

Socket::Socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    throw std::runtime_error(fmt::format("the socket path {} is too long", path));
  }
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0) {
    throw std::runtime_error(fmt::format("making a socket: {}", cause()));
  }
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const std::string why = cause();
    ::close(fd_);
    throw Lost(fmt::format("connecting to {}: {}", path, why));
  }
}

Socket::~Socket() {
  ::close(fd_);
}

void Socket::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0 && errno != EINTR) {
      throw Lost(fmt::format("sending: {}", cause()));
    }
    bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  }
}

std::string_view Socket::receive() {
  static const auto buffer = std::make_unique<std::array<char, receive_bytes>>();
  const ssize_t count = ::recv(fd_, buffer->data(), buffer->size(), MSG_DONTWAIT);
  if (count > 0) {
    return {buffer->data(), static_cast<std::size_t>(count)};
  }
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
    return {};
  }
  throw Lost(count == 0 ? std::string("the other end closed the connection") : "receiving: " + cause());
}

void Client::ask(std::string_view method, std::string_view target, std::string_view body) {
  request_.clear();
  fmt::format_to(std::back_inserter(request_),
                 "{} {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
                 method, target, body.size(), body);
  input_.clear();
  socket_.send(request_);
}

std::optional<Answer> Client::read() {
  constexpr std::string_view end_of_head = "\r\n\r\n", length = "Content-Length: ";
  input_ += socket_.receive();
  const std::string_view text = input_;
  const std::size_t head_end = text.find(end_of_head);
  if (head_end == text.npos) {
    return std::nullopt;
  }
  const std::string_view head = text.substr(0, head_end);
  const std::size_t length_at = head.find(length);
  std::size_t bytes = 0;
  if (length_at != head.npos) {
    std::from_chars(head.data() + length_at + length.size(), head.data() + head.size(), bytes);
  }
  const std::string_view body = text.substr(head_end + end_of_head.size());
  if (body.size() < bytes) {
    return std::nullopt;
  }
  Answer answer;
  std::from_chars(head.data() + 9, head.data() + 12, answer.status);  // "HTTP/1.1 200"
  answer.body = body;
  return answer;
}

Answer Client::call(std::string_view method, std::string_view target, std::string_view body) {
  ask(method, target, body);
  while (true) {
    if (const auto answer = read()) {
      return *answer;
    }
    pollfd waiting{fd(), POLLIN, 0};
    ::poll(&waiting, 1, 30'000);
  }
}

LineStream::LineStream(const std::string& path, std::string_view target) : socket_(path) {
  socket_.send(fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", target));
}

void LineStream::read(const std::function<void(std::string_view line)>& each) {
  const std::string_view bytes = socket_.receive();
  take(bytes, each);
}

void LineStream::take(std::string_view bytes, const std::function<void(std::string_view line)>& each) {
  const auto until = [&](std::string_view mark) {  // false: it has not come
    while (!bytes.empty()) {
      head_ += bytes.front();
      bytes.remove_prefix(1);
      if (head_.ends_with(mark)) {
        return true;
      }
    }
    return false;
  };
  while (!bytes.empty()) {
    if (part_ == Part::head) {
      if (until("\r\n\r\n")) {
        if (!head_.starts_with("HTTP/1.1 200")) {
          throw std::runtime_error(fmt::format("the watch stream was refused: {}{}", head_, bytes));
        }
        head_.clear();
        part_ = Part::size;
      }
    } else if (part_ == Part::size) {
      if (until("\r\n")) {
        std::from_chars(head_.data(), head_.data() + head_.size(), left_, 16);
        head_.clear();
        if (left_ == 0) {
          throw Lost("the stream has ended");
        }
        part_ = Part::data;
      }
    } else if (part_ == Part::tail) {
      if (until("\r\n")) {
        head_.clear();
        part_ = Part::size;
      }
    } else {
      std::string_view data = bytes.substr(0, left_);
      bytes.remove_prefix(data.size());
      left_ -= data.size();
      part_ = left_ == 0 ? Part::tail : Part::data;
      for (std::size_t end = data.find('\n'); end != data.npos; end = data.find('\n')) {
        if (line_.empty()) {
          each(data.substr(0, end));
        } else {
          line_ += data.substr(0, end);
          each(line_);
          line_.clear();
        }
        data.remove_prefix(end + 1);
      }
      line_ += data;
    }
  }
}

Epoll::Epoll() : fd_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (fd_ < 0) {
    throw std::runtime_error(fmt::format("making an epoll: {}", cause()));
  }
}

Epoll::~Epoll() {
  ::close(fd_);
}

void Epoll::add(int fd, std::uint64_t tag) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag;
  if (::epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) != 0) {
    throw std::runtime_error(fmt::format("adding a socket to epoll: {}", cause()));
  }
}

const std::vector<std::uint64_t>& Epoll::wait(std::chrono::microseconds patience) {
  std::array<epoll_event, 512> events;
  // Rounded up: a moment in less than a millisecond is not waited for by spinning.
  const auto milliseconds = std::max<std::int64_t>(0, (patience.count() + 999) / 1000);
  const int count = ::epoll_wait(fd_, events.data(), static_cast<int>(events.size()), static_cast<int>(milliseconds));
  ready_.clear();
  for (int i = 0; i < count; ++i) {
    ready_.push_back(events[static_cast<std::size_t>(i)].data.u64);
  }
  return ready_;
}

std::uint64_t number_in(std::string_view json, std::string_view name) {
  const std::string mark = fmt::format("\"{}\":", name);
  const std::size_t at = json.rfind(mark);
  std::uint64_t number = 0;
  if (at != json.npos) {
    std::from_chars(json.data() + at + mark.size(), json.data() + json.size(), number);
  }
  return number;
}

std::string_view text_in(std::string_view json, std::string_view name) {
  const std::string mark = fmt::format("\"{}\":\"", name);
  const std::size_t at = json.find(mark);
  if (at == json.npos) {
    return {};
  }
  const std::string_view rest = json.substr(at + mark.size());
  return rest.substr(0, rest.find('"'));
}

}  // namespace mooring::bench
