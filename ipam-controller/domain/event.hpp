// What a person wants to know: a pool runs out, an address moved with a fence, an allocation was refused, a node fell
// silent. Events are kept in the store (the newest 10,000), numbered without reuse, and go out to `mooringctl events`
// and to webhooks (docs/observability/events.md).
//
// Threading: values.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mooring/ipam_api/json_fields.hpp"
#include "mooring/ipam_api/names.hpp"

namespace mooring::controller {

using EventSequence = std::uint64_t;

enum class Severity { info, warning, error };
std::string to_string(Severity severity);
Result<Severity> parse_severity(std::string_view text);

struct EventRecord {
  EventSequence sequence = 0;  // ascending; given when it is written down
  std::int64_t at_ms = 0;      // Unix time
  std::string type;            // one of event_types(): "pool.exhausted"
  Severity severity = Severity::info;
  std::string subject;                                // "pool/web", "node/h1", "port/default/shop/db-0/0"
  std::string text;                                   // one sentence with names and numbers
  std::uint64_t count = 1;                            // how often it happened ...
  std::int64_t since_ms = 0;                          // ... since then (= at_ms when once)
  ipam_api::Revision revision = 0;                    // of the transaction that caused it, or the last one before it
  ipam_api::Json details = ipam_api::Json::object();  // the numbers of the text, for machines

  bool operator==(const EventRecord&) const = default;
};

// One row of the list of all types, for documentation, refusals and tests.
struct EventType {
  std::string_view type;
  Severity severity;
  std::string_view meaning;  // one line: what happened
  std::string_view action;   // one line: what to do; "" = nothing
};
std::span<const EventType> event_types();

// An event of that type, with the severity of its row. Throws std::logic_error for a type that is not in the list.
EventRecord make_event(std::string_view type, std::string subject, std::string text,
                       ipam_api::Json details = ipam_api::Json::object());

ipam_api::Json to_json(const EventRecord& event);
// As the store keeps it. Errors: invalid_argument.
Result<EventRecord> event_from(const ipam_api::Json& json);

// "*", "pool.*" or "pool.exhausted".
class EventPattern {
 public:
  // Refused: what no type of event_types() can match.
  static Result<EventPattern> parse(std::string_view text);
  bool matches(std::string_view type) const;
  const std::string& str() const { return text_; }
  bool operator==(const EventPattern&) const = default;

 private:
  std::string text_ = "*";
};
// True if any does.
bool matches(const std::vector<EventPattern>& patterns, std::string_view type);

}  // namespace mooring::controller
