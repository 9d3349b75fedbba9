// A receiver of webhooks on a thread of its own: answers as it is told, keeps what it got, checks the signatures.
//
// Threading: the receiver's thread fills what the test's thread reads under a lock.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "mooring/http/server.hpp"
#include "mooring/http/signature.hpp"
#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::tests {

class WebhookReceiver {
 public:
  struct Got {
    std::string id, body;
    ipam_api::Json json;
    bool signature_fits = false;
    int answered = 0;
  };
  static constexpr int silence = 0;  // in a script: takes the request and never answers

  // `script`: the statuses of the first answers; 200 afterwards. `port` 0: a free one.
  explicit WebhookReceiver(std::string secret, std::deque<int> script = {}, std::uint16_t port = 0)
      : secret_(std::move(secret)),
        script_(std::move(script)),
        server_(io_.get_executor(), [this](http::Request request) { return answer(std::move(request)); }) {
    if (const auto open = server_.listen_tcp("127.0.0.1", port); !open) {
      throw std::runtime_error(open.error().text());
    }
    port_ = server_.tcp_port();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~WebhookReceiver() {
    io_.stop();
    thread_.join();
  }
  WebhookReceiver(const WebhookReceiver&) = delete;
  WebhookReceiver& operator=(const WebhookReceiver&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/hook?from=mooring"; }
  std::vector<Got> got() const {
    const std::lock_guard lock(mutex_);
    return got_;
  }
  // Of the events in messages answered with 200, in the order of their arrival.
  std::vector<std::uint64_t> taken() const {
    std::vector<std::uint64_t> numbers;
    for (const Got& message : got()) {
      for (const auto& event : message.json.at("events")) {
        if (message.answered == 200) {
          numbers.push_back(event.at("sequence").get<std::uint64_t>());
        }
      }
    }
    return numbers;
  }
  void say(std::deque<int> script) {
    const std::lock_guard lock(mutex_);
    script_ = std::move(script);
  }

 private:
  boost::asio::awaitable<http::Answer> answer(http::Request request) {
    Got got;
    got.id = request.header("webhook-id");
    got.body = request.body;
    got.json = ipam_api::Json::parse(request.body);
    // As docs/observability/webhooks.md tells receivers to.
    const std::string signed_text =
        got.id + "." + std::string(request.header("webhook-timestamp")) + "." + request.body;
    std::string key = secret_;
    if (key.starts_with("whsec_")) {
      key = http::base64_decoded(key.substr(6)).value_or("");
    }
    const std::string expected = "v1," + http::base64(http::hmac_sha256(key, signed_text));
    got.signature_fits = http::same_secret(expected, request.header("webhook-signature")) && request.method == "POST" &&
                         request.path == "/hook" && request.parameter("from") == "mooring";
    {
      const std::lock_guard lock(mutex_);
      got.answered = script_.empty() ? 200 : script_.front();
      if (!script_.empty()) {
        script_.pop_front();
      }
      got_.push_back(got);
    }
    if (got.answered == silence) {
      boost::asio::steady_timer never(co_await boost::asio::this_coro::executor, std::chrono::hours(1));
      co_await never.async_wait(boost::asio::use_awaitable);
    }
    http::Answer answer(http::text(got.answered, ""));
    co_return answer;
  }

  mutable std::mutex mutex_;
  std::string secret_;
  std::deque<int> script_;
  std::vector<Got> got_;
  boost::asio::io_context io_{1};
  http::Server server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace mooring::tests
