#include "ipam-controller/domain/event.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace mooring::controller {

using ipam_api::Json;

namespace {

constexpr std::array types{
    EventType{"pool.low", Severity::warning, "a pool has at most 10 % of its addresses free",
              "add a range to the pool, or see who holds its addresses: mooringctl describe pool NAME"},
    EventType{"pool.exhausted", Severity::error, "a pool has no free address: allocations from it are refused",
              "add a range to the pool, or give it a fall-back; resting addresses come back by themselves"},
    EventType{"pool.recovered", Severity::info, "a pool that was low or exhausted has more than 15 % free again", ""},
    EventType{"allocation.refused", Severity::warning,
              "an allocation was refused; told at once, then counted and told again in growing intervals",
              "the text names the reason and the way out; mooringctl explain NAMESPACE/HOSTNAME says more"},
    EventType{"address.refused", Severity::error,
              "a node gave a pod an address by itself while the controller was away, and somebody else has it",
              "delete one of the two pods that the text names; the refused one is no port until then"},
    EventType{"address.taken-over", Severity::warning,
              "a fixed address moved to a new container while another one held it; the old one is fenced",
              "nothing, if the old pod or its node is dead; otherwise find out who runs two of them"},
    EventType{
        "address.rogue", Severity::error,
        "somebody claims an address of the overlay without holding it; told once as long as it goes on",
        "the text names the MAC and where it was seen: find that machine, or the pod, and take the address from it"},
    EventType{"address.rogue-gone", Severity::info, "that has not been seen for five minutes", ""},
    EventType{"node.registered", Severity::info, "a node registered for the first time, or came back changed", ""},
    EventType{"node.deleted", Severity::info, "a node was deleted, perhaps with its ports", ""},
    EventType{"node.silent", Severity::warning, "a node has not been heard for a minute; its ports are kept",
              "look at mooring-agent there; if the machine is gone: mooringctl delete node NAME --fence"},
    EventType{"node.heard", Severity::info, "a silent node is heard again", ""},
    EventType{"gateway.registered", Severity::info, "a gateway registered for the first time, or came back changed",
              ""},
    EventType{"gateway.deleted", Severity::info, "a gateway was deleted", ""},
    EventType{"gateway.silent", Severity::warning, "a gateway has not been heard for a minute",
              "look at mooring-gateway there; nodes relay through the other gateways meanwhile"},
    EventType{"gateway.heard", Severity::info, "a silent gateway is heard again", ""},
    EventType{"gateway.drained", Severity::info, "an operator has drained a gateway, and nothing goes by it any more",
              "stop it, replace it, or give it back: mooringctl gateway undrain NAME"},
    EventType{"gateway.undrained", Severity::info, "a gateway that was drained is so no longer", ""},
    EventType{"release.held", Severity::warning,
              "an inventory would release more than a tenth of a node's ports: held until an operator agrees",
              "compare: mooringctl fsck --node NAME; then apply or refuse its proposal"},
    EventType{"store.failing", Severity::error,
              "changes could not be made durable and were refused; written down when the store works again",
              "free space on the store's disk; the controller goes on by itself"},
    EventType{"restore.finished", Severity::warning,
              "a store made from a backup has taken over what the nodes hold, and is changed again",
              "if ports were left out: mooringctl fsck"},
    EventType{"audit.head", Severity::info,
              "where the audit ledger stands: keep it elsewhere, and nobody can rewrite the past unseen", ""},
    EventType{"controller.started", Severity::info, "the controller started", ""},
    EventType{"webhook.failing", Severity::warning, "a receiver of a webhook has refused deliveries for a minute",
              "mooringctl describe webhook NAME shows its last answer; events wait for it"},
    EventType{"webhook.recovered", Severity::info, "a webhook that failed delivers again", ""},
    EventType{"webhook.test", Severity::info, "somebody asked for an event to try a webhook with", ""},
    EventType{"events.lost", Severity::warning,
              "sent to a webhook that was away so long that events it should have had are no longer kept",
              "compare with mooringctl get …; keep the receiver up"},
};

const EventType* find_type(std::string_view type) {
  const auto* row =
      std::find_if(types.begin(), types.end(), [&](const EventType& known) { return known.type == type; });
  return row == types.end() ? nullptr : row;
}

}  // namespace

std::string to_string(Severity severity) {
  switch (severity) {
    case Severity::info:
      return "info";
    case Severity::warning:
      return "warning";
    case Severity::error:
      break;
  }
  return "error";
}

Result<Severity> parse_severity(std::string_view text) {
  for (const Severity severity : {Severity::info, Severity::warning, Severity::error}) {
    if (to_string(severity) == text) {
      return severity;
    }
  }
  return Error(Errc::invalid_argument, fmt::format("'{}' is no severity", text), "info, warning or error");
}

std::span<const EventType> event_types() {
  return types;
}

EventRecord make_event(std::string_view type, std::string subject, std::string text, Json details) {
  const EventType* row = find_type(type);
  if (row == nullptr) {
    throw std::logic_error(fmt::format("'{}' is not in the list of event types", type));
  }
  EventRecord event;
  event.type = type;
  event.severity = row->severity;
  event.subject = std::move(subject);
  event.text = std::move(text);
  event.details = std::move(details);
  return event;
}

Json to_json(const EventRecord& event) {
  return {{"sequence", event.sequence}, {"at_ms", event.at_ms},
          {"type", event.type},         {"severity", to_string(event.severity)},
          {"subject", event.subject},   {"text", event.text},
          {"count", event.count},       {"since_ms", event.since_ms},
          {"revision", event.revision}, {"details", event.details}};
}

Result<EventRecord> event_from(const Json& json) {
  ipam_api::Fields fields(json, "event");
  EventRecord event;
  event.sequence = fields.number("sequence");
  event.at_ms = static_cast<std::int64_t>(fields.number("at_ms"));
  event.type = fields.string("type");
  event.severity = fields.take("severity", parse_severity(fields.string("severity")));
  event.subject = fields.string("subject", "");
  event.text = fields.string("text", "");
  event.count = fields.number("count");
  event.since_ms = static_cast<std::int64_t>(fields.number("since_ms"));
  event.revision = fields.number("revision");
  if (const Json* details = fields.object("details")) {
    event.details = *details;
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return event;
}

Result<EventPattern> EventPattern::parse(std::string_view text) {
  EventPattern pattern;
  pattern.text_ = text;
  const bool known =
      std::any_of(types.begin(), types.end(), [&](const EventType& row) { return pattern.matches(row.type); });
  if (!known) {
    return Error(Errc::invalid_argument, fmt::format("no type of event matches '{}'", text),
                 "like pool.exhausted, pool.* or *; the types are in docs/observability/events.md");
  }
  return pattern;
}

bool EventPattern::matches(std::string_view type) const {
  if (text_ == "*" || text_ == type) {
    return true;
  }
  // "pool.*" keeps its dot.
  return text_.ends_with(".*") && type.starts_with(std::string_view(text_).substr(0, text_.size() - 1));
}

bool matches(const std::vector<EventPattern>& patterns, std::string_view type) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const EventPattern& pattern) { return pattern.matches(type); });
}

}  // namespace mooring::controller
