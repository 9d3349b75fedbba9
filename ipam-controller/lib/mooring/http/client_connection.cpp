#include "mooring/http/client_connection.hpp"

#include <cerrno>
#include <sys/socket.h>
#include <tuple>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

namespace mooring::http {
namespace {

// A unix server whose backlog is full refuses with EAGAIN, and nothing tells when there is room again.
constexpr std::chrono::milliseconds backlog_pause{2};

struct LookUp {
  IoError failure;
  std::vector<Socket::endpoint_type> found;
  bool done = false;
};

}  // namespace

ClientConnection::ClientConnection(const asio::any_io_executor& executor, Endpoint endpoint, std::size_t body_bytes,
                                   std::shared_ptr<const TlsTrust> trust)
    : executor_(executor),
      endpoint_(std::move(endpoint)),
      trust_(std::move(trust)),
      socket_(executor),
      timer_(executor),
      reader_(body_bytes) {}

ClientConnection::~ClientConnection() = default;

void ClientConnection::set_deadline(Deadline deadline) {
  timed_out_ = false;
  const unsigned epoch = ++epoch_;
  timer_.expires_at(deadline);
  timer_.async_wait([weak = weak_from_this(), epoch](const IoError& failure) {
    const auto self = weak.lock();
    // The epoch tells a wait that was cancelled too late from one that is still meant.
    if (failure || !self || self->epoch_ != epoch) {
      return;
    }
    self->timed_out_ = true;
    IoError ignored;
    self->socket_.cancel(ignored);
    if (self->waiting_) {
      self->waiting_->cancel();
    }
  });
}

void ClientConnection::clear_deadline() {
  ++epoch_;
  timer_.cancel();
}

void ClientConnection::close() {
  closed_ = true;
  ++epoch_;
  timer_.cancel();
  IoError ignored;
  socket_.close(ignored);
  if (waiting_) {
    waiting_->cancel();
  }
}

Error ClientConnection::failed(std::string_view doing, std::string_view cause) const {
  return Error(Errc::unavailable, fmt::format("{} {}: {}", doing, endpoint_.str(), cause));
}

Error ClientConnection::failed(std::string_view doing, const IoError& cause) const {
  if (timed_out_) {
    return Error(Errc::timeout, fmt::format("{} {}: the deadline has passed", doing, endpoint_.str()));
  }
  if (closed_) {
    return failed(doing, "the connection was closed here");
  }
  return failed(doing, cause == asio::error::eof ? std::string("it has closed the connection") : cause.message());
}

asio::awaitable<Result<std::vector<Socket::endpoint_type>>> ClientConnection::addresses() {
  std::vector<Socket::endpoint_type> list;
  if (endpoint_.kind() == Endpoint::Kind::unix_socket) {
    list.emplace_back(asio::local::stream_protocol::endpoint(endpoint_.path()));
    co_return list;
  }
  IoError not_literal;
  const asio::ip::address literal = asio::ip::make_address(endpoint_.host(), not_literal);
  if (!not_literal) {
    list.emplace_back(asio::ip::tcp::endpoint(literal, endpoint_.port()));
    co_return list;
  }
  // Asio's resolver cannot be interrupted, so this waits on a timer that the resolver's end or the deadline cancels.
  const auto state = std::make_shared<LookUp>();
  const auto resolver = std::make_shared<asio::ip::tcp::resolver>(executor_);
  const auto woken = std::make_shared<asio::steady_timer>(executor_, Deadline::max());
  waiting_ = woken;
  resolver->async_resolve(endpoint_.host(), std::to_string(endpoint_.port()),
                          [state, resolver, woken](const IoError& failure, const auto& results) {
                            state->failure = failure;
                            state->done = true;
                            for (const auto& entry : results) {
                              state->found.emplace_back(entry.endpoint());
                            }
                            woken->cancel();
                          });
  const std::tuple<IoError> waited = co_await woken->async_wait(as_result);
  waiting_.reset();
  if (!state->done || state->failure) {
    co_return failed("looking up the host of", state->done ? state->failure : std::get<0>(waited));
  }
  co_return std::move(state->found);
}

IoError ClientConnection::connect_at_once(const Socket::endpoint_type& address) {
  IoError failure;
  socket_.open(address.protocol(), failure);
  if (!failure) {
    socket_.non_blocking(true, failure);
  }
  if (!failure && ::connect(socket_.native_handle(), address.data(), static_cast<socklen_t>(address.size())) != 0) {
    failure = IoError(errno, boost::system::system_category());
  }
  return failure;
}

asio::awaitable<Result<void>> ClientConnection::connect_to(Socket::endpoint_type address) {
  while (true) {
    IoError failure;
    socket_.close(failure);
    if (endpoint_.kind() == Endpoint::Kind::unix_socket) {
      failure = connect_at_once(address);
    } else {
      const auto [connect_failure] = co_await socket_.async_connect(address, as_result);
      failure = connect_failure;
    }
    if (!failure && !closed_ && !timed_out_) {
      co_return ok();
    }
    const bool backlog_full = failure == asio::error::try_again || failure == asio::error::would_block;
    if (!backlog_full || closed_ || timed_out_) {
      co_return failed("connecting to", failure);
    }
    const auto woken = std::make_shared<asio::steady_timer>(executor_, backlog_pause);
    waiting_ = woken;
    const std::tuple<IoError> waited = co_await woken->async_wait(as_result);
    static_cast<void>(waited);
    waiting_.reset();
  }
}

asio::awaitable<Result<void>> ClientConnection::connect() {
  const auto self = shared_from_this();
  Result<std::vector<Socket::endpoint_type>> found = co_await addresses();
  if (!found) {
    co_return found.error();
  }
  Result<void> connected = failed("looking up the host of", "it has no address");
  for (const Socket::endpoint_type& address : *found) {
    connected = co_await connect_to(address);
    if (connected || timed_out_ || closed_) {
      break;
    }
  }
  if (!connected) {
    co_return connected;
  }
  IoError ignored;
  socket_.non_blocking(true, ignored);
  if (endpoint_.kind() != Endpoint::Kind::unix_socket) {
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  }
  if (endpoint_.kind() == Endpoint::Kind::tls) {
    connected = co_await begin_tls();
  }
  co_return connected;
}

asio::awaitable<Result<void>> ClientConnection::begin_tls() {
  if (!trust_) {
    co_return Error(Errc::unsupported,
                    fmt::format("connecting to {}: this client was given nobody to trust", endpoint_.str()));
  }
  tls_ = std::make_unique<TlsStream>(socket_, trust_, endpoint_.host());
  const auto [failure, cause] = co_await tls_->handshake();
  if (!failure) {
    co_return ok();
  }
  if (timed_out_ || closed_) {
    co_return failed("agreeing on TLS with", failure);
  }
  Error refused(Errc::unavailable, fmt::format("agreeing on TLS with {}: {}", endpoint_.str(), cause),
                "its certificate must be for that host, in date, and signed by a CA of the system or of the CA file");
  co_return refused;
}

asio::awaitable<Result<void>> ClientConnection::write(const std::string& text) {
  if (tls_) {
    const asio::const_buffer all = asio::buffer(text);
    const IoError tls_failure = co_await tls_->write(all);
    if (tls_failure) {
      co_return failed("writing to", tls_failure);
    }
    co_return ok();
  }
  // Nearly always the socket buffer has room for all of it: then this is one system call and no suspension.
  IoError failure;
  std::size_t sent = socket_.write_some(asio::buffer(text), failure);
  if (failure == asio::error::would_block || failure == asio::error::try_again) {
    failure = {};
    sent = 0;
  }
  if (!failure && sent < text.size()) {
    const asio::const_buffer rest(text.data() + sent, text.size() - sent);
    const auto [write_failure, ignored] = co_await asio::async_write(socket_, rest, as_result);
    failure = write_failure;
  }
  if (failure) {
    co_return failed("writing to", failure);
  }
  co_return ok();
}

void ClientConnection::start_answer(bool endless) {
  heard_ = false;
  reader_.start(endless);
}

Result<void> ClientConnection::feed() {
  const Result<std::size_t> taken = reader_.feed(input_.bytes());
  if (!taken) {
    return taken.error().within("asking " + endpoint_.str());
  }
  input_.consume(*taken);
  return ok();
}

asio::awaitable<Result<bool>> ClientConnection::read_some() {
  if (timed_out_ || closed_) {
    co_return failed("waiting for", asio::error::operation_aborted);
  }
  const asio::mutable_buffer room = room_in(input_);
  IoError failure;
  std::size_t count = 0;
  if (tls_) {
    const auto [tls_failure, tls_count] = co_await tls_->read_some(room);
    failure = tls_failure;
    count = tls_count;
  } else {
    const auto [plain_failure, plain_count] = co_await socket_.async_read_some(room, as_result);
    failure = plain_failure;
    count = plain_count;
  }
  if (failure == asio::error::eof && !closed_) {
    co_return false;
  }
  if (failure) {
    co_return failed("waiting for", failure);
  }
  input_.added(count);
  heard_ = true;
  const Result<void> fed = feed();
  if (!fed) {
    co_return fed.error();
  }
  co_return true;
}

asio::awaitable<Result<void>> ClientConnection::read_head() {
  while (!reader_.header_done()) {
    const Result<bool> more = co_await read_some();
    if (!more) {
      co_return more.error();
    }
    if (!*more) {
      co_return failed("waiting for", asio::error::eof);
    }
  }
  co_return ok();
}

asio::awaitable<Result<void>> ClientConnection::read_answer() {
  while (!reader_.done()) {
    const Result<bool> more = co_await read_some();
    if (!more) {
      co_return more.error();
    }
    if (!*more) {
      if (reader_.finish()) {
        break;
      }
      co_return failed("waiting for", asio::error::eof);
    }
  }
  co_return ok();
}

bool ClientConnection::is_fresh() {
  char byte = 0;
  const bool nothing_to_read = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
                               (errno == EAGAIN || errno == EWOULDBLOCK);
  return is_open() && input_.empty() && nothing_to_read;
}

}  // namespace mooring::http
