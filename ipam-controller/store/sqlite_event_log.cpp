#include "ipam-controller/store/sqlite_event_log.hpp"

#include <stdexcept>

#include <fmt/format.h>

#include "ipam-controller/domain/event_log.hpp"

namespace mooring::controller {
namespace {

constexpr EventSequence trim_every = 100;

}  // namespace

SqliteEventLog::SqliteEventLog(SqliteConnection& connection)
    : connection_(connection),
      insert_(connection, "INSERT INTO event (sequence, event) VALUES (?, ?)"),
      trim_(connection, "DELETE FROM event WHERE sequence <= ?"),
      insert_cursor_(connection, "INSERT INTO webhook_cursor (webhook, sequence) VALUES (?, ?)") {}

void SqliteEventLog::append(const std::vector<EventRecord>& events) {
  for (const EventRecord& event : events) {
    insert_.bind(event.sequence)
        .bind(to_json(event).dump(-1, ' ', false, ipam_api::Json::error_handler_t::replace))
        .run();
    // Numbers have few gaps, so this keeps about as many rows.
    if (event.sequence % trim_every == 0 && event.sequence > EventLog::limit) {
      trim_.bind(event.sequence - EventLog::limit).run();
    }
  }
}

void SqliteEventLog::keep(const WebhookCursors& cursors) {
  connection_.execute("DELETE FROM webhook_cursor");
  for (const auto& [webhook, sequence] : cursors) {
    insert_cursor_.bind(webhook).bind(sequence).run();
  }
}

std::vector<EventRecord> SqliteEventLog::load() {
  std::vector<EventRecord> events;
  SqliteStatement select(connection_, "SELECT sequence, event FROM event ORDER BY sequence");
  while (select.step()) {
    const std::uint64_t sequence = select.number();
    const auto json = ipam_api::parse_json("event", select.text());
    auto event = json ? event_from(*json) : Result<EventRecord>(json.error());
    if (!event) {
      throw std::runtime_error(fmt::format("table event, row {}: {}", sequence, event.error().text()));
    }
    events.push_back(std::move(*event));
  }
  return events;
}

WebhookCursors SqliteEventLog::load_cursors() {
  WebhookCursors cursors;
  SqliteStatement select(connection_, "SELECT webhook, sequence FROM webhook_cursor");
  while (select.step()) {
    std::string webhook = select.text();
    cursors[std::move(webhook)] = select.number();
  }
  return cursors;
}

}  // namespace mooring::controller
