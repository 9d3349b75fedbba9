#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "mooring/http/client.hpp"
#include "mooring/http/client_connection.hpp"

namespace mooring::http {

class LineStream::Impl : public std::enable_shared_from_this<LineStream::Impl> {
 public:
  Impl(asio::any_io_executor executor, Endpoint endpoint, std::string token, std::size_t line_bytes)
      : executor_(std::move(executor)),
        endpoint_(std::move(endpoint)),
        token_(std::move(token)),
        line_bytes_(line_bytes) {}

  asio::awaitable<Result<Response>> open(std::string target, Deadline deadline);
  asio::awaitable<Result<std::string>> next_line(Deadline deadline);
  void close();
  bool is_open() const { return connection_ != nullptr; }
  std::chrono::steady_clock::time_point last_heard() const { return last_heard_; }

 private:
  // The next line out of what has come; false: it is not whole yet.
  bool take_line(std::string& chunks, std::string& line);

  asio::any_io_executor executor_;
  Endpoint endpoint_;
  std::string token_;
  std::size_t line_bytes_;
  std::shared_ptr<ClientConnection> connection_;
  std::chrono::steady_clock::time_point last_heard_;
  std::size_t begin_ = 0;    // of the next line in the reader's lines(); what is before was given out
  std::size_t scanned_ = 0;  // up to here there is no '\n' behind begin_
};

void LineStream::Impl::close() {
  if (connection_) {
    connection_->close();
    connection_.reset();
  }
}

asio::awaitable<Result<Response>> LineStream::Impl::open(std::string target, Deadline deadline) {
  const auto self = shared_from_this();
  close();
  begin_ = scanned_ = 0;
  const auto connection = std::make_shared<ClientConnection>(executor_, endpoint_, line_bytes_);
  connection_ = connection;
  connection->set_deadline(deadline);
  Result<void> step = co_await connection->connect();
  if (step) {
    const std::string text = wire::request_text("GET", target, endpoint_.authority(), token_, Headers(), "");
    connection->start_answer(true);
    step = co_await connection->write(text);
  }
  if (step) {
    step = co_await connection->read_head();
  }
  if (step && connection->reader().status() == 200) {
    connection->clear_deadline();
    last_heard_ = std::chrono::steady_clock::now();
    Response head(200, "application/x-ndjson", "");
    co_return head;
  }
  if (step) {
    step = co_await connection->read_answer();
  }
  connection->close();
  if (connection_ == connection) {
    connection_.reset();
  }
  if (!step) {
    co_return step.error().within("GET " + target);
  }
  Response refusal = connection->reader().take();
  co_return refusal;
}

bool LineStream::Impl::take_line(std::string& chunks, std::string& line) {
  const std::size_t end = chunks.find('\n', scanned_);
  if (end == chunks.npos) {
    chunks.erase(0, begin_);
    begin_ = 0;
    scanned_ = chunks.size();
    return false;
  }
  line = chunks.substr(begin_, end - begin_);
  begin_ = scanned_ = end + 1;
  return true;
}

asio::awaitable<Result<std::string>> LineStream::Impl::next_line(Deadline deadline) {
  const auto self = shared_from_this();
  const auto connection = connection_;
  if (!connection) {
    co_return Error(Errc::unavailable, fmt::format("reading the stream of {}: it is not open", endpoint_.str()));
  }
  std::string line;
  bool armed = false;
  while (!take_line(connection->reader().lines(), line)) {
    if (connection->reader().lines().size() > line_bytes_) {
      close();
      co_return Error(Errc::too_large, fmt::format("reading the stream of {}: a line is longer than {} bytes",
                                                   endpoint_.str(), line_bytes_));
    }
    if (connection->reader().done()) {
      close();
      co_return Error(Errc::unavailable, fmt::format("reading the stream of {}: it has ended", endpoint_.str()));
    }
    if (!armed) {
      connection->set_deadline(deadline);
      armed = true;
    }
    const Result<bool> more = co_await connection->read_some();
    if (more && *more) {
      last_heard_ = std::chrono::steady_clock::now();
      continue;
    }
    if (!more && more.error().code() == Errc::timeout) {
      co_return more.error();  // the stream stays open
    }
    if (connection_ == connection) {
      close();
    }
    co_return more ? Error(Errc::unavailable, fmt::format("reading the stream of {}: it was cut off", endpoint_.str()))
                   : more.error();
  }
  if (armed) {
    connection->clear_deadline();
  }
  if (line.size() > line_bytes_) {
    close();
    co_return Error(Errc::too_large, fmt::format("reading the stream of {}: a line is longer than {} bytes",
                                                 endpoint_.str(), line_bytes_));
  }
  co_return line;
}

LineStream::LineStream(asio::any_io_executor executor, Endpoint endpoint, std::string token, std::size_t line_bytes)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(endpoint), std::move(token), line_bytes)) {}

LineStream::~LineStream() {
  if (impl_) {
    impl_->close();
  }
}

LineStream::LineStream(LineStream&&) noexcept = default;

LineStream& LineStream::operator=(LineStream&& other) noexcept {
  if (impl_ && impl_ != other.impl_) {
    impl_->close();
  }
  impl_ = std::move(other.impl_);
  return *this;
}

asio::awaitable<Result<Response>> LineStream::open(std::string target, Deadline deadline) {
  return impl_->open(std::move(target), deadline);
}

asio::awaitable<Result<std::string>> LineStream::next_line(Deadline deadline) {
  return impl_->next_line(deadline);
}

std::chrono::steady_clock::time_point LineStream::last_heard() const {
  return impl_->last_heard();
}

void LineStream::close() {
  impl_->close();
}

bool LineStream::is_open() const {
  return impl_->is_open();
}

}  // namespace mooring::http
