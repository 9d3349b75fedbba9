// A controller as far as a node or gateway needs one: registration and the watch stream, on a unix socket, from a
// WatchSource. Runs on a thread of its own; its functions may be called from the test's thread.
#pragma once

#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "fakes/watch_source.hpp"
#include "mooring/http/server.hpp"

namespace mooring::fakes {

class WatchServer {
 public:
  explicit WatchServer(std::string socket) : socket_(std::move(socket)) { start(); }
  ~WatchServer() { stop(); }
  WatchServer(const WatchServer&) = delete;
  WatchServer& operator=(const WatchServer&) = delete;

  std::string endpoint() const { return "unix:" + socket_; }

  // Away (false: connections are refused) and back; the source's state stays.
  void stop() {
    if (!thread_.joinable()) {
      return;
    }
    boost::asio::post(*io_, [this] { server_->stop(); });
    work_.reset();
    thread_.join();
    server_.reset();
    io_.reset();
  }
  void start() {
    io_ = std::make_unique<boost::asio::io_context>(1);
    work_ = std::make_unique<Work>(io_->get_executor());
    server_ = std::make_unique<http::Server>(io_->get_executor(),
                                             [this](http::Request request) { return answer(std::move(request)); });
    server_->listen_unix(socket_).value();
    thread_ = std::thread([this] { io_->run(); });
  }

  ipam_api::Revision commit(std::vector<ipam_api::Entry> changes) {
    return call([this, &changes] {
      std::string line = source_.commit(std::move(changes));
      history_.emplace_back(source_.revision, std::move(line));
      wake();
      return source_.revision;
    });
  }
  // The source behind the stream's back: what is changed here is not sent, only its digest.
  void tamper(std::vector<ipam_api::Entry> changes) {
    call([this, &changes] {
      source_.commit(std::move(changes));
      return 0;
    });
  }
  // A line as it is, to every stream.
  void say(const std::string& line) {
    call([this, &line] {
      history_.emplace_back(source_.revision, line);
      wake();
      return 0;
    });
  }
  // What the next HELLO says.
  void promise_heartbeats(std::uint32_t seconds) {
    call([this, seconds] {
      source_.heartbeat_seconds = seconds;
      return 0;
    });
  }
  // Ends every stream, and answers as another store from now on.
  void restore(const std::string& incarnation) {
    call([this, &incarnation] {
      source_.incarnation = incarnation;
      history_.clear();
      ++epoch_;
      wake();
      return 0;
    });
  }
  void hang_up() {
    call([this] {
      ++epoch_;
      wake();
      return 0;
    });
  }
  // The requests so far: "PUT /v1/gateways/gw1 {…}", "GET /v1/watch revision=3".
  std::vector<std::string> requests() {
    return call([this] { return requests_; });
  }
  // Errors that registrations are answered with from now on; none: success.
  void refuse(std::optional<Error> error) {
    call([this, &error] {
      refusal_ = std::move(error);
      return 0;
    });
  }

 private:
  using Work = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;

  template <class Function>
  auto call(Function function) -> decltype(function()) {
    std::promise<decltype(function())> promise;
    boost::asio::post(*io_, [&] { promise.set_value(function()); });
    return promise.get_future().get();
  }

  boost::asio::awaitable<http::Answer> answer(http::Request request) {
    if (request.path == "/v1/watch") {
      requests_.push_back("GET /v1/watch revision=" + std::string(request.parameter("revision")));
      const bool resume = request.parameter("incarnation") == source_.incarnation &&
                          !request.parameter("revision").empty() &&
                          std::stoull(std::string(request.parameter("revision"))) <= source_.revision;
      const ipam_api::Revision from =
          resume ? std::stoull(std::string(request.parameter("revision"))) : source_.revision;
      co_return http::Stream([this, resume, from](http::LineSink& sink) { return stream(sink, resume, from); });
    }
    requests_.push_back(request.method + " " + request.path + " " + request.body);
    if (refusal_ && request.method == "PUT") {
      co_return http::problem(*refusal_);
    }
    const ipam_api::Json body = {{"incarnation", source_.incarnation}, {"revision", source_.revision}};
    co_return http::json(200, body.dump());
  }

  boost::asio::awaitable<void> stream(http::LineSink& sink, bool resume, ipam_api::Revision from) {
    const int epoch = epoch_;
    auto timer = std::make_shared<boost::asio::steady_timer>(*io_);
    sink.on_closed([timer] { timer->cancel(); });
    waiting_.push_back(timer);
    std::vector<std::string> lines = resume ? std::vector<std::string>{source_.hello(true)} : source_.snapshot();
    std::size_t sent = history_.size();
    if (resume) {
      for (const auto& [revision, line] : history_) {
        if (revision > from) {
          lines.push_back(line);
        }
      }
    }
    while (!sink.closed() && epoch == epoch_) {
      std::string text;
      for (const std::string& line : lines) {
        text += line + "\n";
      }
      lines.clear();
      if (!text.empty()) {
        const auto bytes = std::make_shared<const std::string>(std::move(text));
        const Result<void> written = co_await sink.write(bytes);
        if (!written) {
          break;
        }
      }
      if (sent == history_.size()) {
        timer->expires_after(std::chrono::milliseconds(300));
        boost::system::error_code cancelled;
        co_await timer->async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, cancelled));
        if (!cancelled) {
          lines.push_back(source_.heartbeat());
        }
      }
      for (; sent < history_.size(); ++sent) {
        lines.push_back(history_[sent].second);
      }
    }
    std::erase(waiting_, timer);
  }

  void wake() {
    for (const auto& timer : waiting_) {
      timer->cancel();
    }
  }

  std::string socket_;
  std::unique_ptr<boost::asio::io_context> io_;
  std::unique_ptr<Work> work_;
  std::unique_ptr<http::Server> server_;
  std::thread thread_;
  WatchSource source_;
  std::vector<std::pair<ipam_api::Revision, std::string>> history_;
  std::vector<std::shared_ptr<boost::asio::steady_timer>> waiting_;
  std::vector<std::string> requests_;
  std::optional<Error> refusal_;
  int epoch_ = 0;
};

}  // namespace mooring::fakes
