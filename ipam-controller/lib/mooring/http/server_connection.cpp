#include "mooring/http/server_connection.hpp"

#include <exception>
#include <utility>
#include <vector>

#include <boost/asio/write.hpp>
#include <fmt/format.h>

namespace mooring::http {
namespace {

// A refused peer may still be sending: closing at once would reset the connection and eat the answer.
constexpr std::chrono::milliseconds linger{1000};
constexpr std::size_t linger_bytes = 64 * 1024 * 1024;

}  // namespace

ServerConnection::ServerConnection(Socket socket, std::shared_ptr<ServerContext> context)
    : socket_(std::move(socket)),
      context_(std::move(context)),
      peer_(peer_of(socket_)),
      reader_(context_->limits.header_bytes,
              context_->limits.body_bytes_of ? context_->limits.largest_body_bytes : context_->limits.body_bytes) {
  IoError ignored;
  socket_.non_blocking(true, ignored);
}

void ServerConnection::close_if_late(Clock::time_point now) {
  if (!closed_ && now > deadline_) {
    late_ = true;
    close();
  }
}

void ServerConnection::close() {
  if (closed_) {
    return;
  }
  closed_ = true;
  IoError ignored;
  socket_.close(ignored);
  if (auto callback = std::exchange(on_closed_, nullptr)) {
    callback();
  }
}

void ServerConnection::on_closed(std::function<void()> callback) {
  if (closed_) {
    callback();
  } else {
    on_closed_ = std::move(callback);
  }
}

asio::awaitable<void> ServerConnection::run() {
  const auto self = shared_from_this();
  bool keep = true;
  while (keep && !closed_ && !context_->stopping) {
    const Result<Received> received = co_await receive();
    if (!received) {
      co_await refuse(received.error());
      break;
    }
    if (*received == Received::end) {
      break;
    }
    keep = reader_.keep_alive();
    body_bound_ = 0;
    Result<Request> request = reader_.take();
    if (!request) {
      const Response response = problem(request.error());
      const std::string answer_text = wire::response_text(response, keep);
      const Result<void> sent = co_await send(answer_text);
      keep = keep && sent.has_value();
      continue;
    }
    request->peer = peer_;
    wait_for_ever();
    Answer answer = co_await ask(std::move(*request));
    if (auto* streamed = std::get_if<Stream>(&answer.value)) {
      co_await stream(*streamed);
      break;
    }
    const std::string answer_text = wire::response_text(std::get<Response>(answer.value), keep);
    const Result<void> sent = co_await send(answer_text);
    keep = keep && sent.has_value();
  }
  close();
}

asio::awaitable<Result<ServerConnection::Received>> ServerConnection::receive() {
  bool begun = !input_.empty();
  wait_at_most(begun ? context_->limits.receive_deadline : context_->limits.idle);
  while (true) {
    if (!input_.empty()) {
      const Result<std::size_t> taken = reader_.feed(input_.bytes());
      if (!taken) {
        co_return taken.error();
      }
      input_.consume(*taken);
      if (const Result<void> fits = check_body(); !fits) {
        co_return fits.error();
      }
      if (reader_.done()) {
        co_return Received::request;
      }
      if (reader_.wants_continue()) {
        const std::string go_on(wire::continue_text);
        const Result<void> sent = co_await send(go_on);
        if (!sent) {
          co_return Received::end;
        }
        wait_at_most(context_->limits.receive_deadline);
      }
    }
    const asio::mutable_buffer room = room_in(input_);
    const auto [failure, count] = co_await socket_.async_read_some(room, as_result);
    if (failure || closed_) {
      // The end of the peer, of its patience or of ours: nobody is left to be told.
      co_return Received::end;
    }
    input_.added(count);
    if (!begun) {
      begun = true;
      wait_at_most(context_->limits.receive_deadline);
    }
  }
}

Result<void> ServerConnection::check_body() {
  const std::size_t bytes = reader_.body_bytes();
  if (bytes <= context_->limits.body_bytes) {
    return ok();
  }
  if (body_bound_ == 0) {
    body_bound_ = context_->limits.body_bytes;
    if (context_->limits.body_bytes_of) {
      Result<Request> head = reader_.head();
      if (head) {  // a malformed one is refused when it is taken
        head->peer = peer_;
        body_bound_ = std::max(body_bound_, context_->limits.body_bytes_of(*head));
      }
    }
  }
  if (bytes > body_bound_) {
    return Error(Errc::too_large, fmt::format("reading an HTTP request: its body has {} bytes or more, at most {} are "
                                              "taken here",
                                              bytes, body_bound_));
  }
  return ok();
}

asio::awaitable<Answer> ServerConnection::ask(Request request) {
  const std::string what = request.method + " " + request.path;
  std::string fault;
  try {
    auto answering = context_->handler(std::move(request));
    Answer answer = co_await std::move(answering);
    co_return answer;
  } catch (const std::exception& exception) {
    fault = exception.what();
  } catch (...) {
    fault = "an exception of unknown type";
  }
  context_->report(fmt::format("answering {} for {}: {}", what, peer_.str(), fault));
  Answer answer(problem(Error(Errc::internal, fmt::format("answering {}: {}", what, fault),
                              "this is a bug; the server's log has the same line")));
  co_return answer;
}

asio::awaitable<Result<void>> ServerConnection::send(const std::string& text) {
  Buffers buffers;
  buffers[0] = asio::buffer(text);
  co_return co_await send_buffers(buffers);
}

asio::awaitable<Result<void>> ServerConnection::send_buffers(Buffers buffers) {
  if (closed_) {
    co_return Error(Errc::unavailable, fmt::format("writing to {}: the connection is closed", peer_.str()));
  }
  // Nearly always the socket buffer has room: then nothing is scheduled and this is one system call.
  IoError failure;
  std::size_t sent = socket_.write_some(buffers, failure);
  if (failure == asio::error::would_block || failure == asio::error::try_again) {
    failure = {};
    sent = 0;
  }
  std::vector<asio::const_buffer> rest;
  for (asio::const_buffer buffer : buffers) {
    const std::size_t done = std::min(sent, buffer.size());
    sent -= done;
    buffer += done;
    if (buffer.size() > 0) {
      rest.push_back(buffer);
    }
  }
  if (!failure && !rest.empty()) {
    wait_at_most(context_->limits.write_deadline);
    const auto [write_failure, ignored] = co_await asio::async_write(socket_, rest, as_result);
    failure = write_failure;
    wait_for_ever();
  }
  if (late_) {
    co_return Error(Errc::timeout, fmt::format("writing to {}: it took nothing for {} ms", peer_.str(),
                                               context_->limits.write_deadline.count()));
  }
  if (failure || closed_) {
    close();
    co_return Error(Errc::unavailable,
                    fmt::format("writing to {}: {}", peer_.str(), failure ? failure.message() : "it has closed"));
  }
  co_return ok();
}

asio::awaitable<Result<void>> ServerConnection::write(std::shared_ptr<const std::string> bytes) {
  if (bytes->empty()) {
    co_return ok();  // a chunk of no bytes would end the answer
  }
  if (writing_) {
    co_return Error(Errc::internal, fmt::format("writing to {}: another write is under way", peer_.str()));
  }
  writing_ = true;
  const std::string head = wire::chunk_head_text(bytes->size());
  Buffers buffers;
  buffers[0] = asio::buffer(head);
  buffers[1] = asio::buffer(*bytes);
  buffers[2] = asio::buffer(wire::chunk_tail_text.data(), wire::chunk_tail_text.size());
  Result<void> sent = co_await send_buffers(buffers);
  writing_ = false;
  co_return sent;
}

asio::awaitable<void> ServerConnection::stream(Stream& stream) {
  const std::string head = wire::stream_head_text(stream.status, stream.content_type, stream.headers);
  const Result<void> begun = co_await send(head);
  if (!begun) {
    co_return;
  }
  watch_peer();
  bool whole = true;
  try {
    auto running = stream.run(*this);
    co_await std::move(running);
  } catch (const std::exception& exception) {
    context_->report(fmt::format("streaming to {}: {}", peer_.str(), exception.what()));
    whole = false;
  }
  on_closed_ = nullptr;
  // Without the last chunk the reader knows that the answer was cut.
  if (whole && !closed_) {
    const std::string tail(wire::last_chunk_text);
    const Result<void> ended = co_await send(tail);
    static_cast<void>(ended);  // the connection closes now in any case
  }
}

void ServerConnection::watch_peer() {
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const IoError& waiting) {
    if (self->closed_) {
      return;
    }
    std::array<char, 512> dropped;
    IoError failure = waiting;
    if (!failure) {
      self->socket_.read_some(asio::buffer(dropped), failure);
    }
    if (failure && failure != asio::error::would_block && failure != asio::error::try_again) {
      self->close();
    } else {
      self->watch_peer();
    }
  });
}

asio::awaitable<void> ServerConnection::refuse(const Error& error) {
  const Response response = problem(error);
  const std::string answer_text = wire::response_text(response, false);
  const Result<void> sent = co_await send(answer_text);
  if (!sent) {
    co_return;
  }
  IoError failure;
  socket_.shutdown(Socket::shutdown_send, failure);
  wait_at_most(linger);
  std::size_t dropped = 0;
  while (!failure && dropped < linger_bytes) {
    input_.clear();
    const asio::mutable_buffer room = room_in(input_);
    const auto [read_failure, count] = co_await socket_.async_read_some(room, as_result);
    failure = read_failure;
    dropped += count;
  }
}

}  // namespace mooring::http
