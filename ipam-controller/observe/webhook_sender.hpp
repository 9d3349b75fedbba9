// Sends events to the receivers that webhooks name: reads the log of events, asks each webhook's Delivery what is due,
// posts it, and reports how far each has come, at most once a second, so that the store can keep it.
//
// A receiver hurts nobody: a message has a deadline, at most `at_once` are out, each webhook has one connection,
// answers are bounded, and nothing waits in memory but one message for each webhook (the rest is in the log).
// Threading: the thread of the executor. Call stop() and let the executor run out of work before destroying it.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "ipam-controller/observe/delivery.hpp"
#include "mooring/http/client.hpp"
#include "mooring/http/url.hpp"

namespace mooring::controller {

namespace asio = boost::asio;

// A webhook as it is to be now.
struct WebhookTarget {
  std::string name;
  std::string url;
  std::vector<std::string> events;  // patterns; empty: all
  std::string secret;
  bool disabled = false;
  EventSequence cursor = 0;  // where it begins, if it is new here
  bool operator==(const WebhookTarget&) const = default;
};

struct WebhookOptions {
  std::shared_ptr<const http::TlsTrust> trust;  // for https
  DeliveryPolicy policy;
  std::chrono::milliseconds deadline{10'000};  // for one attempt
  std::size_t at_once = 8;
  std::chrono::milliseconds tell_failing{60'000};  // after so long without one success: the event webhook.failing
  std::chrono::milliseconds keep_cursors{1'000};
};

class WebhookSender {
 public:
  using Cursors = std::map<std::string, EventSequence>;

  // `log` must outlive this. `keep` is given the cursors of all webhooks when one moved, came or went; `tell` events
  // about webhooks. `kept`: the cursors as they are kept now.
  WebhookSender(asio::any_io_executor executor, const EventLog& log, std::string incarnation, WebhookOptions options,
                Cursors kept, std::function<void(const Cursors&)> keep, std::function<void(EventRecord)> tell);
  ~WebhookSender();
  WebhookSender(const WebhookSender&) = delete;
  WebhookSender& operator=(const WebhookSender&) = delete;

  // These and no others from now on. One that changed is tried at once, from where it was.
  void set(const std::vector<WebhookTarget>& targets);
  // Events came.
  void look();
  // Nothing new is sent; what is out is given up. Cursors that moved are given to `keep`.
  void stop();

  // nullptr: there is none of that name.
  const Delivery::Status* status(const std::string& name) const;
  std::size_t pending(const std::string& name) const;

 private:
  struct Target;

  void arm();
  Cursors cursors() const;
  void keep_later();
  void keep_now();
  asio::awaitable<void> post(std::shared_ptr<Target> target, Delivery::Message message);
  void settle(Target& target, const Result<http::Response>& answer);

  asio::any_io_executor executor_;
  const EventLog& log_;
  std::string incarnation_;
  WebhookOptions options_;
  std::function<void(const Cursors&)> keep_;
  std::function<void(EventRecord)> tell_;
  std::map<std::string, std::shared_ptr<Target>> targets_;
  Cursors kept_;  // as last given to keep_
  std::size_t out_ = 0;
  std::string last_served_;  // the next one in turn is first
  bool stopped_ = false;
  bool keeping_ = false;
  asio::steady_timer wake_;
  asio::steady_timer keep_timer_;
};

}  // namespace mooring::controller
