#include "ipam-controller/observe/webhook_sender.hpp"

#include <charconv>
#include <random>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace mooring::controller {
namespace {

constexpr std::size_t answer_bytes = 64 * 1024;  // nobody reads them

std::vector<EventPattern> patterns_of(const WebhookTarget& target) {
  std::vector<EventPattern> patterns;
  for (const std::string& text : target.events) {
    // One that an older version took and this one does not know matches nothing.
    if (auto pattern = EventPattern::parse(text)) {
      patterns.push_back(std::move(*pattern));
    }
  }
  if (target.events.empty()) {
    patterns.emplace_back();
  }
  return patterns;
}

std::optional<std::chrono::seconds> retry_after(const http::Response& response) {
  const std::string_view text = response.header("retry-after");
  unsigned seconds = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || failure != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;  // the form with a date is rare, and clocks differ
  }
  return std::chrono::seconds(seconds);
}

std::string refusal_text(const http::Response& response) {
  const bool redirect = response.status >= 300 && response.status < 400;
  return fmt::format("HTTP {}{}", response.status, redirect ? ": redirects are not followed" : "");
}

std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

struct WebhookSender::Target {
  Target(WebhookTarget wanted_, Delivery delivery_) : wanted(std::move(wanted_)), delivery(std::move(delivery_)) {}
  WebhookTarget wanted;
  Delivery delivery;
  std::optional<http::Client> client;
  std::string path;
  bool told_failing = false;
  bool gone = false;
};

WebhookSender::WebhookSender(asio::any_io_executor executor, const EventLog& log, std::string incarnation,
                             WebhookOptions options, Cursors kept, std::function<void(const Cursors&)> keep,
                             std::function<void(EventRecord)> tell)
    : executor_(std::move(executor)),
      log_(log),
      incarnation_(std::move(incarnation)),
      options_(std::move(options)),
      keep_(std::move(keep)),
      tell_(std::move(tell)),
      kept_(std::move(kept)),
      wake_(executor_),
      keep_timer_(executor_) {}

WebhookSender::~WebhookSender() = default;

void WebhookSender::set(const std::vector<WebhookTarget>& targets) {
  std::map<std::string, std::shared_ptr<Target>> next;
  for (const WebhookTarget& wanted : targets) {
    std::shared_ptr<Target> target;
    if (const auto known = targets_.find(wanted.name); known != targets_.end()) {
      target = known->second;
    } else {
      target = std::make_shared<Target>(wanted, Delivery(wanted.name, incarnation_, patterns_of(wanted), wanted.cursor,
                                                         options_.policy, std::random_device()()));
    }
    const bool changed = target->wanted.url != wanted.url || target->wanted.secret != wanted.secret ||
                         target->wanted.events != wanted.events || target->wanted.disabled != wanted.disabled;
    if (changed || !target->client) {
      if (const auto url = http::Url::parse(wanted.url)) {
        http::ClientOptions client;
        client.connections = 1;
        client.response_bytes = answer_bytes;
        client.trust = options_.trust;
        target->client.emplace(executor_, url->endpoint(), client);
        target->path = url->target();
      }
      target->delivery.want(patterns_of(wanted));
      target->delivery.retry_now();
    }
    target->wanted = wanted;
    next.emplace(wanted.name, std::move(target));
  }
  for (const auto& [name, target] : targets_) {
    if (!next.contains(name)) {
      target->gone = true;
      target->client.reset();  // what is out fails at once
    }
  }
  targets_ = std::move(next);
  look();
}

void WebhookSender::look() {
  const auto now = Delivery::Time::clock::now();
  // In turn, so that the first names do not take all the room.
  auto at = targets_.upper_bound(last_served_);
  for (std::size_t i = 0; i < targets_.size() && !stopped_ && out_ < options_.at_once; ++i) {
    at = at == targets_.end() ? targets_.begin() : at;
    const auto& target = at->second;
    if (!target->wanted.disabled && target->client) {
      if (auto message = target->delivery.next(now, log_)) {
        ++out_;
        last_served_ = at->first;
        asio::co_spawn(executor_, post(target, std::move(*message)), asio::detached);
      }
    }
    ++at;
  }
  keep_later();
  arm();
}

void WebhookSender::arm() {
  std::optional<Delivery::Time> first;
  for (const auto& [name, target] : targets_) {
    const auto wakes = target->wanted.disabled ? std::nullopt : target->delivery.wakes();
    if (wakes && (!first || *wakes < *first)) {
      first = wakes;
    }
  }
  // All places taken: the next end of a message looks again.
  if (!first || stopped_ || out_ >= options_.at_once) {
    wake_.cancel();
    return;
  }
  wake_.expires_at(*first);
  wake_.async_wait([this](const boost::system::error_code& failure) {
    if (!failure && !stopped_) {
      look();
    }
  });
}

asio::awaitable<void> WebhookSender::post(std::shared_ptr<Target> target, Delivery::Message message) {
  http::Headers headers = signature_headers(target->wanted.secret, message.id, unix_seconds(), message.body);
  headers.emplace_back("User-Agent", "mooring-controller/" MOORING_VERSION);
  const auto deadline = http::after(options_.deadline);
  const Result<http::Response> answer =
      co_await target->client->request("POST", target->path, message.body, headers, deadline);
  --out_;
  if (target->gone || stopped_) {
    co_return;
  }
  settle(*target, answer);
  look();
}

void WebhookSender::settle(Target& target, const Result<http::Response>& answer) {
  const auto now = Delivery::Time::clock::now();
  const std::string& name = target.wanted.name;
  if (answer && answer->ok()) {
    target.delivery.taken(now);
    if (std::exchange(target.told_failing, false)) {
      tell_(make_event("webhook.recovered", "webhook/" + name, fmt::format("webhook {} delivers again", name)));
    }
    return;
  }
  std::string why = answer ? refusal_text(*answer) : answer.error().text();
  spdlog::debug("webhook {}: {}", name, why);
  target.delivery.failed(now, std::move(why), answer ? retry_after(*answer) : std::nullopt);
  const Delivery::Status& status = target.delivery.status();
  if (!target.told_failing && now - *status.failing_since >= options_.tell_failing) {
    target.told_failing = true;
    spdlog::warn("webhook {} fails: {}", name, status.last_error);
    tell_(make_event("webhook.failing", "webhook/" + name,
                     fmt::format("webhook {}: {} attempts failed, {} events wait: {}", name, status.failed_in_row,
                                 target.delivery.pending(log_), status.last_error),
                     {{"failed_in_row", status.failed_in_row}, {"last_error", status.last_error}}));
  }
}

WebhookSender::Cursors WebhookSender::cursors() const {
  Cursors all;
  for (const auto& [name, target] : targets_) {
    all[name] = target->delivery.status().cursor;
  }
  return all;
}

void WebhookSender::keep_later() {
  if (keeping_ || stopped_ || cursors() == kept_) {
    return;
  }
  keeping_ = true;
  keep_timer_.expires_after(options_.keep_cursors);
  keep_timer_.async_wait([this](const boost::system::error_code& failure) {
    keeping_ = false;
    if (!failure && !stopped_) {
      keep_now();
    }
  });
}

void WebhookSender::keep_now() {
  Cursors now = cursors();
  if (now != kept_) {
    kept_ = std::move(now);
    keep_(kept_);
  }
}

void WebhookSender::stop() {
  if (stopped_) {
    return;
  }
  keep_now();
  stopped_ = true;
  wake_.cancel();
  keep_timer_.cancel();
  for (const auto& [name, target] : targets_) {
    target->client.reset();
  }
}

const Delivery::Status* WebhookSender::status(const std::string& name) const {
  const auto found = targets_.find(name);
  return found == targets_.end() ? nullptr : &found->second->delivery.status();
}

std::size_t WebhookSender::pending(const std::string& name) const {
  const auto found = targets_.find(name);
  return found == targets_.end() ? 0 : found->second->delivery.pending(log_);
}

}  // namespace mooring::controller
