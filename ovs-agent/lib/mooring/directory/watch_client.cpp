#include "mooring/directory/watch_client.hpp"

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include "mooring/http/client.hpp"

namespace mooring::directory {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds request_within{5};
// However late it is: what has come while this thread did other things is read before it is called silence.
constexpr std::chrono::seconds listen_at_least{1};

std::string collection_of(ipam_api::Role role) {
  return role == ipam_api::Role::gateway ? "gateways" : "nodes";
}

Error error_of(const http::Response& response, const std::string& doing) {
  return ipam_api::error_from_problem(response.status, response.body).within(doing);
}

SessionSettings session_settings(const WatchClientSettings& settings) {
  SessionSettings session;
  session.role = settings.role;
  session.name = settings.name;
  session.jitter = [random = std::minstd_rand(std::random_device{}())]() mutable {
    return std::uniform_real_distribution<double>(0, 1)(random);
  };
  return session;
}

}  // namespace

class WatchClient::Impl {
 public:
  Impl(asio::any_io_executor executor, Directory& directory, WatchClientSettings settings,
       WatchClientCallbacks callbacks)
      : directory_(directory),
        settings_(std::move(settings)),
        callbacks_(std::move(callbacks)),
        session_(directory, session_settings(settings_), Clock::now()),
        client_(executor, settings_.controller, http::ClientOptions{.token = settings_.token, .connections = 1}),
        stream_(executor, settings_.controller, settings_.token),
        timer_(executor) {}

  asio::awaitable<void> run() {
    while (!stopped_) {
      if (stream_.is_open()) {
        co_await read_line();
        continue;
      }
      Actions actions = session_.tick(Clock::now());
      co_await carry_out(std::move(actions));
      if (!stopped_ && !stream_.is_open()) {
        co_await wait();
      }
    }
    stream_.close();
    tell_connected(false);
  }

  void stop() {
    stopped_ = true;
    timer_.cancel();
    stream_.close();
  }

  WatchStatus status() const {
    WatchStatus status;
    status.registered = registered_;
    status.connected = session_.live();
    status.complete = directory_.complete();
    status.revision = directory_.revision();
    status.incarnation = directory_.incarnation();
    status.last_error = last_error_;
    status.counters = session_.counters();
    return status;
  }

 private:
  asio::awaitable<void> carry_out(Actions actions) {
    for (Action& one : actions) {
      if (auto* dial = std::get_if<action::Dial>(&one)) {
        std::string target = std::move(dial->target);
        co_await open_stream(std::move(target));
      } else if (const auto* close = std::get_if<action::Close>(&one)) {
        ended(close->reason, close->alarming);
      } else if (std::holds_alternative<action::Notify>(one)) {
        const Changes changes = directory_.take_changes();
        if (callbacks_.changed) {
          callbacks_.changed(changes);
        }
      } else if (auto* answer = std::get_if<action::Answer>(&one)) {
        action::Answer question = std::move(*answer);
        co_await give_answer(std::move(question));
      }
    }
  }

  asio::awaitable<void> open_stream(std::string target) {
    const Result<void> registration = co_await register_name();
    if (stopped_) {
      co_return;
    }
    if (!registration) {
      failed(registration.error());
      co_return;
    }
    const http::Deadline deadline = http::after(request_within);
    const Result<http::Response> answer = co_await stream_.open(std::move(target), deadline);
    if (!answer) {
      failed(answer.error().within("opening the watch stream"));
    } else if (!answer->ok()) {
      failed(error_of(*answer, "opening the watch stream"));
    } else {
      session_.opened(Clock::now());
    }
  }

  asio::awaitable<Result<void>> register_name() {
    const std::string collection = collection_of(settings_.role);
    std::string method = "PUT";
    std::string target = "/v1/" + collection + "/" + settings_.name;
    std::string body = ipam_api::to_json(settings_.registration).dump();
    const http::Deadline deadline = http::after(request_within);
    const Result<http::Response> answer =
        co_await client_.request(std::move(method), std::move(target), std::move(body), deadline);
    const std::string doing = "registering " + settings_.name + " at " + settings_.controller.str();
    registered_ = answer && answer->ok();
    if (!answer) {
      co_return answer.error().within(doing);
    }
    if (!registered_) {
      Error error = error_of(*answer, doing);
      if (!error.info().retryable && error.message() != refusal_ && callbacks_.refused) {
        callbacks_.refused(error);
      }
      refusal_ = error.message();
      co_return error;
    }
    refusal_.clear();
    const auto said = ipam_api::parse_json("the answer to a registration", answer->body);
    const auto registration = said ? ipam_api::registration_answer_from(*said) : said.error();
    if (!registration) {
      co_return registration.error().within(doing);
    }
    if (callbacks_.registered) {
      callbacks_.registered(*registration);
    }
    co_return ok();
  }

  asio::awaitable<void> read_line() {
    const auto until = session_.next_tick();
    const http::Deadline deadline = std::max(until.value_or(Clock::now()), Clock::now() + listen_at_least);
    const Result<std::string> line = co_await stream_.next_line(deadline);
    if (stopped_) {
      co_return;
    }
    if (line) {
      Actions actions = session_.line(*line, Clock::now());
      if (session_.live()) {
        last_error_.clear();
        tell_connected(true);
      }
      co_await carry_out(std::move(actions));
    } else if (line.error().code() != Errc::timeout) {
      failed(line.error().within("following the watch stream"));
    } else {
      session_.heard(stream_.last_heard());
      Actions actions = session_.tick(Clock::now());
      co_await carry_out(std::move(actions));
    }
  }

  asio::awaitable<void> wait() {
    const auto until = session_.next_tick();
    timer_.expires_at(until ? *until : Clock::now());
    boost::system::error_code cancelled;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }

  asio::awaitable<void> give_answer(action::Answer question) {
    Result<ipam_api::Json> answer = Error(Errc::unsupported, "this program answers no questions");
    if (callbacks_.answer) {
      answer = co_await callbacks_.answer(question.question, question.arguments);
    }
    std::string method = "POST";
    std::string target = "/v1/answers/" + http::percent_encoded(question.id);
    std::string body = (answer ? *answer : ipam_api::problem_from(answer.error())).dump();
    const http::Deadline deadline = http::after(request_within);
    const Result<http::Response> posted =
        co_await client_.request(std::move(method), std::move(target), std::move(body), deadline);
    if (!posted) {
      spdlog::warn("answering the controller's question '{}': {}", question.question, posted.error().text());
    } else if (!posted->ok()) {
      spdlog::warn("{}", error_of(*posted, "answering the controller's question '" + question.question + "'").text());
    }
  }

  void failed(const Error& error) {
    for (const Action& one : session_.failed(error.text(), Clock::now())) {
      if (const auto* close = std::get_if<action::Close>(&one)) {
        ended(close->reason, close->alarming);
      }
    }
  }

  void ended(const std::string& reason, bool alarming) {
    stream_.close();
    // A controller that stays away is one line in the log, not one every few seconds.
    if (reason != last_error_) {
      spdlog::log(alarming ? spdlog::level::err : spdlog::level::warn, "controller {}: {}; trying again",
                  settings_.controller.str(), reason);
    }
    last_error_ = reason;
    tell_connected(false);
  }

  void tell_connected(bool now) {
    if (connected_ == now) {
      return;
    }
    connected_ = now;
    if (now) {
      spdlog::info("controller {}: following the watch stream of incarnation {}", settings_.controller.str(),
                   directory_.incarnation());
    }
    if (callbacks_.connected) {
      callbacks_.connected(now);
    }
  }

  Directory& directory_;
  WatchClientSettings settings_;
  WatchClientCallbacks callbacks_;
  WatchSession session_;
  http::Client client_;
  http::LineStream stream_;
  asio::steady_timer timer_;
  bool stopped_ = false;
  bool registered_ = false;
  bool connected_ = false;
  std::string last_error_;
  std::string refusal_;  // the last one, so that it is told once
};

WatchClient::WatchClient(asio::any_io_executor executor, Directory& directory, WatchClientSettings settings,
                         WatchClientCallbacks callbacks)
    : impl_(std::make_unique<Impl>(std::move(executor), directory, std::move(settings), std::move(callbacks))) {}

WatchClient::~WatchClient() = default;

asio::awaitable<void> WatchClient::run() {
  return impl_->run();
}

void WatchClient::stop() {
  impl_->stop();
}

WatchStatus WatchClient::status() const {
  return impl_->status();
}

}  // namespace mooring::directory
