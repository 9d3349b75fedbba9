#include "ipam-controller/observe/event_view.hpp"

#include <ctime>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace mooring::controller {

std::string utc_text_ms(std::int64_t unix_ms) {
  const std::int64_t seconds = unix_ms >= 0 ? unix_ms / 1000 : (unix_ms - 999) / 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(static_cast<std::time_t>(seconds)),
                     unix_ms - seconds * 1000);
}

ipam_api::Json view_of(const EventRecord& event) {
  ipam_api::Json json = to_json(event);
  for (const auto& [stored, shown] : {std::pair("at_ms", "at"), std::pair("since_ms", "since")}) {
    json[shown] = utc_text_ms(json[stored].get<std::int64_t>());
    json.erase(stored);
  }
  return json;
}

}  // namespace mooring::controller
