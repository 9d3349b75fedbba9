#include "ipam-controller/observe/rogues.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace mooring::controller {
namespace {

using ipam_api::Json;

std::string subject_of(const Sighting& seen) {
  return fmt::format("address/{}/{}", seen.network, seen.address.str());
}

Json details_of(const Rogue& rogue) {
  const Sighting& seen = rogue.seen;
  return {{"network", seen.network},    {"address", seen.address.str()}, {"mac", seen.mac.str()},
          {"reporter", seen.reporter},  {"where", seen.where},           {"holder", seen.holder},
          {"first_ms", rogue.first_ms}, {"last_ms", rogue.last_ms},      {"count", seen.count}};
}

}  // namespace

std::optional<EventRecord> Rogues::offer(const Sighting& sighting, std::int64_t now_ms) {
  const Key key(sighting.network, sighting.address, sighting.mac.str());
  const auto known = rogues_.find(key);
  if (known != rogues_.end()) {
    known->second.last_ms = now_ms;
    known->second.seen.count += sighting.count;
    return std::nullopt;
  }
  if (rogues_.size() >= max_rogues) {
    rogues_.erase(std::min_element(rogues_.begin(), rogues_.end(), [](const auto& one, const auto& other) {
      return one.second.last_ms < other.second.last_ms;
    }));
  }
  const Rogue& rogue = rogues_.emplace(key, Rogue{sighting, now_ms, now_ms}).first->second;
  const std::string whose = sighting.holder.empty() ? std::string("nobody holds it") : sighting.holder + " holds it";
  return make_event("address.rogue", subject_of(sighting),
                    fmt::format("{} of network {} is claimed by MAC {}, {} of {}; {}", sighting.address.str(),
                                sighting.network, sighting.mac.str(), sighting.where, sighting.reporter, whose),
                    details_of(rogue));
}

std::vector<EventRecord> Rogues::due(std::int64_t now_ms) {
  std::vector<EventRecord> events;
  for (auto it = rogues_.begin(); it != rogues_.end();) {
    const Rogue& rogue = it->second;
    if (now_ms < rogue.last_ms + quiet_ms) {
      ++it;
      continue;
    }
    const std::int64_t seconds = (rogue.last_ms - rogue.first_ms) / 1000;
    events.push_back(make_event(
        "address.rogue-gone", subject_of(rogue.seen),
        fmt::format("{} of network {} is not claimed by MAC {} any more; it was for {} s, {} times",
                    rogue.seen.address.str(), rogue.seen.network, rogue.seen.mac.str(), seconds, rogue.seen.count),
        details_of(rogue)));
    it = rogues_.erase(it);
  }
  return events;
}

void Rogues::recall(const EventRecord& event) {
  if (event.type != "address.rogue" && event.type != "address.rogue-gone") {
    return;
  }
  const Json& details = event.details;
  const auto text = [&details](const char* field) { return details.value(field, std::string()); };
  const auto address = net::IpAddress::parse(text("address"));
  const auto mac = net::MacAddress::parse(text("mac"));
  if (!address || !mac) {
    return;
  }
  const Key key(text("network"), *address, mac->str());
  if (event.type == "address.rogue-gone") {
    rogues_.erase(key);
    return;
  }
  Sighting seen{text("network"), *address, *mac, text("reporter"), text("where"), text("holder"), 1};
  rogues_.insert_or_assign(key, Rogue{std::move(seen), event.at_ms, event.at_ms});
}

std::vector<Rogue> Rogues::all() const {
  std::vector<Rogue> list;
  for (const auto& [key, rogue] : rogues_) {
    list.push_back(rogue);
  }
  return list;
}

}  // namespace mooring::controller
