#include "ipam-controller/observe/delivery.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "ipam-controller/domain/webhook.hpp"
#include "ipam-controller/observe/event_view.hpp"
#include "mooring/http/signature.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Json;

constexpr std::size_t generated_secret_bytes = 32;

// What was there between the cursor and the oldest event that is kept.
EventRecord lost_between(EventSequence cursor, const EventRecord& oldest) {
  EventRecord lost =
      make_event("events.lost", "", fmt::format("events {} to {} are no longer kept", cursor + 1, oldest.sequence - 1),
                 {{"first", cursor + 1}, {"last", oldest.sequence - 1}});
  lost.sequence = oldest.sequence - 1;
  lost.at_ms = lost.since_ms = oldest.at_ms;
  lost.count = oldest.sequence - 1 - cursor;
  return lost;
}

}  // namespace

Delivery::Delivery(std::string webhook, std::string incarnation, std::vector<EventPattern> patterns,
                   EventSequence cursor, DeliveryPolicy policy, std::uint64_t seed)
    : webhook_(std::move(webhook)),
      incarnation_(std::move(incarnation)),
      patterns_(std::move(patterns)),
      policy_(policy),
      chance_(seed) {
  status_.cursor = cursor;
}

std::optional<Delivery::Message> Delivery::compose(const EventLog& log) {
  Json events = Json::array();
  std::size_t bytes = 0;
  Message message;
  message.last = status_.cursor;
  auto at = log.after(status_.cursor);
  if (at == log.begin() && at != log.end() && at->sequence > status_.cursor + 1 && log.size() == EventLog::limit) {
    events.push_back(view_of(lost_between(status_.cursor, *at)));
  }
  for (; at != log.end() && events.size() < policy_.message_events; ++at) {
    if (matches(patterns_, at->type)) {
      Json view = view_of(*at);
      bytes += at->text.size() + view.dump(-1, ' ', false, Json::error_handler_t::replace).size();
      if (bytes > policy_.message_bytes && !events.empty()) {
        break;
      }
      events.push_back(std::move(view));
    }
    message.last = at->sequence;
  }
  if (events.empty()) {
    status_.cursor = message.last;  // nothing of it is for this webhook
    return std::nullopt;
  }
  message.events = events.size();
  message.id = fmt::format("{}-{}-{}", incarnation_.substr(0, 8), webhook_, message.last);
  message.body =
      Json{{"id", message.id}, {"webhook", webhook_}, {"incarnation", incarnation_}, {"events", events}}.dump(
          -1, ' ', false, Json::error_handler_t::replace);
  return message;
}

std::optional<Delivery::Message> Delivery::next(Time now, const EventLog& log) {
  if (out_ || (pause_until_ && now < *pause_until_)) {
    return std::nullopt;
  }
  if (!message_) {
    message_ = compose(log);
  }
  out_ = message_.has_value();
  return message_;
}

void Delivery::taken(Time) {
  status_.cursor = message_->last;
  ++status_.messages;
  status_.failed_in_row = 0;
  status_.last_error.clear();
  status_.failing_since.reset();
  message_.reset();
  pause_until_.reset();
  out_ = false;
}

void Delivery::failed(Time now, std::string why, std::optional<std::chrono::seconds> retry_after) {
  out_ = false;
  ++status_.failures;
  ++status_.failed_in_row;
  status_.last_error = std::move(why);
  if (!status_.failing_since) {
    status_.failing_since = now;
  }
  constexpr std::uint64_t doublings = 20;
  const auto doubled = policy_.first_pause * (std::int64_t{1} << std::min(status_.failed_in_row - 1, doublings));
  const auto longest = std::min(doubled, policy_.longest_pause);
  std::uniform_int_distribution<std::int64_t> pause_ms(longest.count() / 2, longest.count());
  std::chrono::milliseconds pause(pause_ms(chance_));
  if (retry_after) {
    pause = std::max(pause, std::min<std::chrono::milliseconds>(*retry_after, policy_.longest_pause));
  }
  pause_until_ = now + pause;
}

std::optional<Delivery::Time> Delivery::wakes() const {
  return out_ ? std::nullopt : pause_until_;
}

std::size_t Delivery::pending(const EventLog& log) const {
  return static_cast<std::size_t>(std::count_if(log.after(status_.cursor), log.end(), [this](const EventRecord& event) {
    return matches(patterns_, event.type);
  }));
}

std::vector<std::pair<std::string, std::string>> signature_headers(const std::string& secret, const std::string& id,
                                                                   std::int64_t unix_seconds, const std::string& body) {
  std::string key = secret;
  if (secret.starts_with(webhook_secret_prefix)) {
    key = http::base64_decoded(secret.substr(webhook_secret_prefix.size())).value_or(secret);
  }
  const std::string timestamp = std::to_string(unix_seconds);
  const std::string signature = "v1," + http::base64(http::hmac_sha256(key, id + "." + timestamp + "." + body));
  return {{"webhook-id", id}, {"webhook-timestamp", timestamp}, {"webhook-signature", signature}};
}

std::string new_webhook_secret() {
  return std::string(webhook_secret_prefix) + http::base64(http::random_bytes(generated_secret_bytes));
}

}  // namespace mooring::controller
