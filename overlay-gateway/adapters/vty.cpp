#include "overlay-gateway/adapters/vty.hpp"

#include <array>
#include <chrono>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

namespace mooring::gateway {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds answer_within{2};
constexpr std::size_t longest_answer = 16U << 20U;
constexpr std::size_t tail = 4;  // three zero bytes and the code

bool is_whole(const std::string& text) {
  return text.size() >= tail && text.compare(text.size() - tail, 3, std::string(3, '\0')) == 0;
}

}  // namespace

Vty::Vty(asio::any_io_executor executor, std::string path) : executor_(std::move(executor)), path_(std::move(path)) {}

Error Vty::failure(const std::string& doing, const std::string& why) const {
  return Error(Errc::unavailable, fmt::format("{} {}: {}", doing, path_, why),
               "is FRR's daemon running, and may this process use its socket? systemctl status frr");
}

asio::awaitable<Result<Vty::Answer>> Vty::ask(std::string command) {
  auto expired = std::make_shared<bool>(false);
  asio::steady_timer deadline(executor_, answer_within);
  const bool fresh = socket_ == nullptr;
  if (fresh) {
    socket_ = std::make_shared<Socket>(executor_);
  }
  const auto socket = socket_;
  deadline.async_wait([socket, expired](boost::system::error_code cancelled) {
    if (!cancelled) {
      *expired = true;
      boost::system::error_code ignored;
      socket->close(ignored);
    }
  });
  Result<Answer> answer = Answer();
  if (fresh) {
    answer = co_await connect_and_ask("enable");
  }
  if (answer) {
    answer = co_await exchange(socket, std::move(command));
  }
  deadline.cancel();
  if (!answer) {
    socket_.reset();
    if (*expired) {
      co_return Error(Errc::timeout, fmt::format("asking {}: no answer within {} s", path_, answer_within.count()));
    }
  }
  co_return answer;
}

asio::awaitable<Result<Vty::Answer>> Vty::connect_and_ask(std::string command) {
  const auto socket = socket_;
  const asio::local::stream_protocol::endpoint door(path_);
  const auto [problem] = co_await socket->async_connect(door, asio::as_tuple(asio::use_awaitable));
  if (problem) {
    co_return failure("connecting to", problem.message());
  }
  Result<Answer> answer = co_await exchange(socket, std::move(command));
  co_return answer;
}

asio::awaitable<Result<Vty::Answer>> Vty::exchange(std::shared_ptr<Socket> socket, std::string command) {
  const auto sent = asio::buffer(command.c_str(), command.size() + 1);
  const auto [not_sent, out] = co_await asio::async_write(*socket, sent, asio::as_tuple(asio::use_awaitable));
  if (not_sent) {
    co_return failure("writing to", not_sent.message());
  }
  std::string text;
  std::array<char, 8192> part{};
  while (!is_whole(text)) {
    const auto room = asio::buffer(part);
    const auto [not_read, count] = co_await socket->async_read_some(room, asio::as_tuple(asio::use_awaitable));
    if (not_read) {
      co_return failure("reading from", not_read.message());
    }
    text.append(part.data(), count);
    if (text.size() > longest_answer) {
      co_return failure("reading from", "the answer has no end");
    }
  }
  Answer answer;
  answer.code = static_cast<unsigned char>(text.back());
  text.resize(text.size() - tail);
  answer.text = std::move(text);
  co_return answer;
}

}  // namespace mooring::gateway
