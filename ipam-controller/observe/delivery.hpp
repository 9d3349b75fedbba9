// What one webhook gets, and when: its events in order, several in one message, one message at a time, the same one
// again until it is taken. No I/O and no clock: the caller sends what next() gives and tells how it went.
//
// At least once: cursor() moves when a message was taken, and the caller keeps it in the store some time later. What
// was sent in between is sent again after a crash. A message keeps its id and its bytes over all its attempts.
// Threading: one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "ipam-controller/domain/event_log.hpp"

namespace mooring::controller {

struct DeliveryPolicy {
  std::chrono::milliseconds first_pause{1'000};      // after the first failure; then twice as long each time ...
  std::chrono::milliseconds longest_pause{300'000};  // ... up to this; each shortened by chance by up to a half
  std::size_t message_events = 100;
  std::size_t message_bytes = 256 * 1024;  // about; a single event may be larger
};

class Delivery {
 public:
  using Time = std::chrono::steady_clock::time_point;

  struct Message {
    std::string id;    // the same for the same events of the same store
    std::string body;  // JSON
    EventSequence last = 0;
    std::size_t events = 0;
  };

  // For people and metrics.
  struct Status {
    EventSequence cursor = 0;         // all up to here was taken, or is not for this webhook
    std::uint64_t messages = 0;       // taken, since this controller started
    std::uint64_t failures = 0;       // attempts that failed, since it started
    std::uint64_t failed_in_row = 0;  // 0: the last one went well
    std::string last_error;           // of the failures in a row
    std::optional<Time> failing_since;
  };

  // `incarnation` is the store's. Events after `cursor` are due.
  Delivery(std::string webhook, std::string incarnation, std::vector<EventPattern> patterns, EventSequence cursor,
           DeliveryPolicy policy, std::uint64_t seed);

  // What to send now; nothing while a message is out, in a pause, or when there is no event for it. Events that are no
  // longer in the log become one event `events.lost`.
  std::optional<Message> next(Time now, const EventLog& log);
  // How the message that is out went.
  void taken(Time now);
  // `retry_after`: what the receiver asked for (Retry-After), bounded by longest_pause.
  void failed(Time now, std::string why, std::optional<std::chrono::seconds> retry_after);

  // When next() is to be asked again, even if no event comes; none: only when one comes.
  std::optional<Time> wakes() const;
  // Events of the log that wait for it.
  std::size_t pending(const EventLog& log) const;
  const Status& status() const { return status_; }
  // Other events from now on; the message that is out, or in a pause, stays as it is.
  void want(std::vector<EventPattern> patterns) { patterns_ = std::move(patterns); }
  // The pause is over: somebody repaired the receiver, or changed the webhook.
  void retry_now() { pause_until_.reset(); }

 private:
  std::optional<Message> compose(const EventLog& log);

  std::string webhook_;
  std::string incarnation_;
  std::vector<EventPattern> patterns_;
  DeliveryPolicy policy_;
  std::mt19937_64 chance_;
  std::optional<Message> message_;  // until it is taken
  bool out_ = false;
  std::optional<Time> pause_until_;
  Status status_;
};

// The headers that prove who sent a message, and when (docs/observability/webhooks.md):
//   webhook-id, webhook-timestamp: Unix seconds, webhook-signature: "v1," and Base64 of HMAC-SHA256 over
//   "ID.TIMESTAMP.BODY". The key is what is behind "whsec_" in the secret, from Base64; another secret is the key
//   itself.
// Source: the Standard Webhooks specification 1.0.
std::vector<std::pair<std::string, std::string>> signature_headers(const std::string& secret, const std::string& id,
                                                                   std::int64_t unix_seconds, const std::string& body);
// "whsec_" and 32 random bytes as Base64.
std::string new_webhook_secret();
}  // namespace mooring::controller
