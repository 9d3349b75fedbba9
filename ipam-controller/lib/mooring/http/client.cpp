#include "mooring/http/client.hpp"

#include <deque>
#include <list>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "mooring/http/client_connection.hpp"

namespace mooring::http {

class Client::Impl : public std::enable_shared_from_this<Client::Impl> {
 public:
  Impl(asio::any_io_executor executor, Endpoint endpoint, ClientOptions options)
      : executor_(std::move(executor)), endpoint_(std::move(endpoint)), options_(std::move(options)) {}

  asio::awaitable<Result<Response>> request(std::string method, std::string target, std::string text,
                                            Deadline deadline);
  void shut_down();
  void close_idle();

  const Endpoint& endpoint() const { return endpoint_; }
  const ClientOptions& options() const { return options_; }

 private:
  using ConnectionPtr = std::shared_ptr<ClientConnection>;
  struct Kept {
    ConnectionPtr connection;
    Deadline since;
  };

  // The right to use one of ClientOptions::connections. Its end, however it comes, lets the next caller in.
  class Turn {
   public:
    explicit Turn(std::shared_ptr<Impl> owner) : owner_(std::move(owner)), woken_(owner_->executor_, Deadline::max()) {}
    ~Turn() {
      owner_->waiting_.remove(this);
      if (granted_) {
        --owner_->busy_;
        owner_->grant();
      }
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    asio::awaitable<bool> wait(Deadline deadline) {
      owner_->waiting_.push_back(this);
      owner_->grant();
      if (!granted_) {
        woken_.expires_at(deadline);
        const std::tuple<IoError> waited = co_await woken_.async_wait(as_result);
        static_cast<void>(waited);
      }
      co_return granted_;
    }
    void grant() {
      granted_ = true;
      woken_.cancel();
    }

   private:
    std::shared_ptr<Impl> owner_;
    asio::steady_timer woken_;
    bool granted_ = false;
  };

  // A connection in use: known to shut_down() while this lives, closed at its end unless it was kept.
  class InUse {
   public:
    InUse(std::shared_ptr<Impl> owner, ConnectionPtr connection)
        : owner_(std::move(owner)), connection_(std::move(connection)) {
      owner_->in_use_.insert(connection_.get());
    }
    ~InUse() {
      owner_->in_use_.erase(connection_.get());
      if (!kept_) {
        connection_->close();
      }
    }
    InUse(const InUse&) = delete;
    InUse& operator=(const InUse&) = delete;
    void keep() {
      kept_ = true;
      owner_->kept_.push_back(Kept{connection_, std::chrono::steady_clock::now()});
    }

   private:
    std::shared_ptr<Impl> owner_;
    ConnectionPtr connection_;
    bool kept_ = false;
  };

  void grant();
  ConnectionPtr take_kept();
  // One request and its answer. `repeatable` is set if the connection was found dead before it said anything.
  asio::awaitable<Result<Response>> exchange(ConnectionPtr connection, bool connected, const std::string& text,
                                             Deadline deadline, bool& repeatable);

  asio::any_io_executor executor_;
  Endpoint endpoint_;
  ClientOptions options_;
  bool shut_down_ = false;
  std::size_t busy_ = 0;
  std::list<Turn*> waiting_;
  std::deque<Kept> kept_;  // the most recently used at the back
  std::unordered_set<ClientConnection*> in_use_;
};

void Client::Impl::grant() {
  while (!waiting_.empty() && (busy_ < options_.connections || shut_down_)) {
    Turn* next = waiting_.front();
    waiting_.pop_front();
    ++busy_;
    next->grant();
  }
}

Client::Impl::ConnectionPtr Client::Impl::take_kept() {
  const Deadline now = std::chrono::steady_clock::now();
  while (!kept_.empty() && now - kept_.front().since > options_.keep) {
    kept_.front().connection->close();
    kept_.pop_front();
  }
  while (!kept_.empty()) {
    const ConnectionPtr connection = std::move(kept_.back().connection);
    kept_.pop_back();
    if (connection->is_fresh()) {
      return connection;
    }
    connection->close();
  }
  return nullptr;
}

asio::awaitable<Result<Response>> Client::Impl::exchange(ConnectionPtr connection, bool connected,
                                                         const std::string& text, Deadline deadline, bool& repeatable) {
  InUse use(shared_from_this(), connection);
  connection->set_deadline(deadline);
  if (!connected) {
    const Result<void> made = co_await connection->connect();
    if (!made) {
      co_return made.error();
    }
  }
  connection->start_answer(false);
  const Result<void> written = co_await connection->write(text);
  // A peer that refuses what it was sent may have closed its ear and still have answered: read in any case.
  const Result<void> read = co_await connection->read_answer();
  if (!read) {
    repeatable = connected && connection->heard_nothing() && !connection->timed_out() && !shut_down_;
    co_return written ? read.error() : written.error();
  }
  connection->clear_deadline();
  const bool keep = written && connection->reader().keep_alive() && connection->input().empty() && !shut_down_;
  Response response = connection->reader().take();
  if (keep) {
    use.keep();
  }
  co_return response;
}

asio::awaitable<Result<Response>> Client::Impl::request(std::string method, std::string target, std::string text,
                                                        Deadline deadline) {
  const auto self = shared_from_this();
  const auto context = [&] { return fmt::format("{} {}", method, target); };
  Turn turn(self);
  const bool granted = co_await turn.wait(deadline);
  if (shut_down_) {
    co_return Error(Errc::unavailable,
                    fmt::format("asking {} for {}: the client was shut down", endpoint_.str(), context()));
  }
  if (!granted) {
    co_return Error(Errc::timeout, fmt::format("asking {} for {}: all {} connections were busy until the deadline",
                                               endpoint_.str(), context(), options_.connections));
  }
  bool repeatable = false;
  if (ConnectionPtr kept = take_kept()) {
    Result<Response> answer = co_await exchange(std::move(kept), true, text, deadline, repeatable);
    if (answer) {
      co_return answer;
    }
    if (!repeatable) {
      co_return answer.error().within(context());
    }
    close_idle();  // the others are as old as this one
  }
  ConnectionPtr fresh =
      std::make_shared<ClientConnection>(executor_, endpoint_, options_.response_bytes, options_.trust);
  Result<Response> answer = co_await exchange(std::move(fresh), false, text, deadline, repeatable);
  if (!answer) {
    co_return answer.error().within(context());
  }
  co_return answer;
}

void Client::Impl::close_idle() {
  for (const Kept& kept : kept_) {
    kept.connection->close();
  }
  kept_.clear();
}

void Client::Impl::shut_down() {
  shut_down_ = true;
  close_idle();
  const std::vector<ClientConnection*> all(in_use_.begin(), in_use_.end());
  for (ClientConnection* connection : all) {
    connection->close();
  }
  grant();
}

Client::Client(asio::any_io_executor executor, Endpoint endpoint, ClientOptions options)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(endpoint), std::move(options))) {}

Client::~Client() {
  if (impl_) {
    impl_->shut_down();
  }
}

Client::Client(Client&&) noexcept = default;

Client& Client::operator=(Client&& other) noexcept {
  if (impl_ && impl_ != other.impl_) {
    impl_->shut_down();
  }
  impl_ = std::move(other.impl_);
  return *this;
}

asio::awaitable<Result<Response>> Client::request(std::string method, std::string target, std::string body,
                                                  Deadline deadline) {
  return request(std::move(method), std::move(target), std::move(body), Headers(), deadline);
}

asio::awaitable<Result<Response>> Client::request(std::string method, std::string target, std::string body,
                                                  Headers headers, Deadline deadline) {
  std::string text =
      wire::request_text(method, target, impl_->endpoint().authority(), impl_->options().token, headers, body);
  // No coroutine of its own: the Impl's frame keeps the Impl alive, so this Client may go meanwhile.
  return impl_->request(std::move(method), std::move(target), std::move(text), deadline);
}

const Endpoint& Client::endpoint() const {
  return impl_->endpoint();
}

void Client::close_idle() {
  impl_->close_idle();
}

}  // namespace mooring::http
