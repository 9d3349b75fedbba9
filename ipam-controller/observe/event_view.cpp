#include "ipam-controller/observe/event_view.hpp"

#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace mooring::controller {

std::string utc_text_ms(std::int64_t unix_ms) {
  const std::int64_t seconds = unix_ms >= 0 ? unix_ms / 1000 : (unix_ms - 999) / 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(static_cast<std::time_t>(seconds)),
                     unix_ms - seconds * 1000);
}

ipam_api::Json view_of(const EventRecord& event) {
  return {{"sequence", event.sequence}, {"at", utc_text_ms(event.at_ms)},
          {"type", event.type},         {"severity", to_string(event.severity)},
          {"subject", event.subject},   {"text", event.text},
          {"count", event.count},       {"since", utc_text_ms(event.since_ms)},
          {"revision", event.revision}, {"details", event.details}};
}

}  // namespace mooring::controller
