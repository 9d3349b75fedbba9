#include "ipam-controller/domain/pool_alarms.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace mooring::controller {
namespace {

constexpr std::uint64_t low_percent = 10;
constexpr std::uint64_t fine_percent = 15;
constexpr std::string_view subject_prefix = "pool/";

bool at_most(std::uint64_t part, std::uint64_t whole, std::uint64_t percent) {
  return static_cast<double>(part) * 100 <= static_cast<double>(whole) * static_cast<double>(percent);
}

std::string duration_text(std::int64_t ms) {
  const std::int64_t seconds = std::max<std::int64_t>(0, (ms + 999) / 1000);
  if (seconds < 120) {
    return fmt::format("{} s", seconds);
  }
  return seconds < 7200 ? fmt::format("{} min", seconds / 60) : fmt::format("{} h", seconds / 3600);
}

EventRecord event_of(std::string_view type, const PoolFigures& figures, std::int64_t now_ms) {
  ipam_api::Json details = {{"pool", figures.pool},     {"size", figures.size},
                            {"free", figures.free},     {"allocated", figures.allocated},
                            {"bound", figures.bound},   {"reserved", figures.reserved},
                            {"leased", figures.leased}, {"resting", figures.resting}};
  if (figures.first_clears_ms) {
    details["first_clears_ms"] = *figures.first_clears_ms;
  }
  EventRecord event =
      make_event(type, std::string(subject_prefix) + figures.pool,
                 fmt::format("pool {}: {}", figures.pool, text_of(figures, now_ms)), std::move(details));
  event.at_ms = event.since_ms = now_ms;
  return event;
}

}  // namespace

std::string text_of(const PoolFigures& figures, std::int64_t now_ms) {
  std::string text = fmt::format("{} of {} free", figures.free, figures.size);
  if (figures.resting > 0) {
    text += fmt::format(", {} resting", figures.resting);
    if (figures.first_clears_ms) {
      text += fmt::format(", the oldest clears in {}", duration_text(*figures.first_clears_ms - now_ms));
    }
  }
  return text;
}

void PoolAlarms::recall(const EventRecord& event) {
  if (!event.subject.starts_with(subject_prefix)) {
    return;
  }
  Told& told = told_[event.subject.substr(subject_prefix.size())];
  if (event.type == "pool.exhausted") {
    told = {Level::exhausted, event.at_ms};
  } else if (event.type == "pool.low") {
    told = {Level::low, event.at_ms};
  } else if (event.type == "pool.recovered") {
    told = {Level::fine, told.at_ms};
  }
}

std::optional<EventRecord> PoolAlarms::judge(const PoolFigures& figures, std::int64_t now_ms) {
  Told& told = told_[figures.pool];
  if (figures.size > 0 && figures.free == 0) {
    if (told.level == Level::exhausted) {
      return std::nullopt;
    }
    told = {Level::exhausted, now_ms};
    return event_of("pool.exhausted", figures, now_ms);
  }
  if (told.level == Level::fine && at_most(figures.free, figures.size, low_percent) && figures.size > 0) {
    told = {Level::low, now_ms};
    return event_of("pool.low", figures, now_ms);
  }
  // A pool at its edge would recover and run out every few seconds.
  const bool calm = now_ms >= told.at_ms + calm_ms;
  if (told.level != Level::fine && calm && !at_most(figures.free, figures.size, fine_percent)) {
    told = {Level::fine, told.at_ms};
    return event_of("pool.recovered", figures, now_ms);
  }
  return std::nullopt;
}

}  // namespace mooring::controller
