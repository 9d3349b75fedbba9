#include "ipam-controller/cli/times.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>
#include <optional>

#include <fmt/format.h>

namespace mooring::ctl {
namespace {

constexpr std::int64_t second_ms = 1000;

// Takes so many digits off the front.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) {
    return std::nullopt;
  }
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') {
      return std::nullopt;
    }
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

struct Clock {
  int hour = 0, minute = 0, second = 0;
};

// "14:00", "14:00:30", "14:00:30.5": the fraction is dropped.
std::optional<Clock> take_clock(std::string_view& text) {
  const auto hour = take_number(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) {
    return std::nullopt;
  }
  const auto minute = take_number(text, 2);
  if (!minute || *minute > 59) {
    return std::nullopt;
  }
  Clock clock{*hour, *minute, 0};
  if (take(text, ':')) {
    const auto second = take_number(text, 2);
    if (!second || *second > 60) {
      return std::nullopt;
    }
    clock.second = *second;
    if (take(text, '.')) {
      while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
        text.remove_prefix(1);
      }
    }
  }
  return clock;
}

std::tm local_day(std::int64_t time_ms) {
  const auto seconds = static_cast<std::time_t>(time_ms / second_ms);
  std::tm day{};
  ::localtime_r(&seconds, &day);
  return day;
}

std::int64_t local_time(std::tm day, const Clock& clock) {
  day.tm_hour = clock.hour;
  day.tm_min = clock.minute;
  day.tm_sec = clock.second;
  day.tm_isdst = -1;
  return static_cast<std::int64_t>(::mktime(&day)) * second_ms;
}

struct Zone {
  bool local = true;
  int east_seconds = 0;  // of UTC, where it is not the local zone
};

// "", "z", "+01:00"
std::optional<Zone> take_zone(std::string_view& text) {
  if (text.empty()) {
    return Zone{};
  }
  if (take(text, 'z')) {
    return Zone{false, 0};
  }
  const int sign = text.front() == '-' ? -1 : 1;
  if (!take(text, '+') && !take(text, '-')) {
    return std::nullopt;
  }
  const auto hours = take_number(text, 2);
  if (!hours || !take(text, ':')) {
    return std::nullopt;
  }
  const auto minutes = take_number(text, 2);
  if (!minutes) {
    return std::nullopt;
  }
  return Zone{false, sign * (*hours * 3600 + *minutes * 60)};
}

std::optional<std::int64_t> dated(std::string_view text) {
  const auto year = take_number(text, 4);
  if (!year || !take(text, '-')) {
    return std::nullopt;
  }
  const auto month = take_number(text, 2);
  if (!month || *month < 1 || *month > 12 || !take(text, '-')) {
    return std::nullopt;
  }
  const auto day = take_number(text, 2);
  if (!day || *day < 1 || *day > 31) {
    return std::nullopt;
  }
  Clock clock;
  if (!text.empty()) {
    if (!take(text, 't') && !take(text, ' ')) {
      return std::nullopt;
    }
    const auto taken = take_clock(text);
    if (!taken) {
      return std::nullopt;
    }
    clock = *taken;
  }
  const auto zone = take_zone(text);
  if (!zone || !text.empty()) {
    return std::nullopt;
  }
  std::tm broken_down{};
  broken_down.tm_year = *year - 1900;
  broken_down.tm_mon = *month - 1;
  broken_down.tm_mday = *day;
  if (zone->local) {
    return local_time(broken_down, clock);
  }
  broken_down.tm_hour = clock.hour;
  broken_down.tm_min = clock.minute;
  broken_down.tm_sec = clock.second;
  return (static_cast<std::int64_t>(::timegm(&broken_down)) - zone->east_seconds) * second_ms;
}

// "2h ago"
std::optional<std::int64_t> ago(std::string_view text, std::int64_t now_ms) {
  constexpr std::string_view suffix = " ago";
  if (!text.ends_with(suffix)) {
    return std::nullopt;
  }
  text.remove_suffix(suffix.size());
  const auto digits = static_cast<std::size_t>(
      std::find_if(text.begin(), text.end(), [](char c) { return c < '0' || c > '9'; }) - text.begin());
  const auto count = digits == 0 || digits > 6 ? std::nullopt : take_number(text, digits);
  if (!count || text.size() != 1) {
    return std::nullopt;
  }
  constexpr std::string_view units = "smhdw";
  constexpr std::array<std::int64_t, 5> seconds = {1, 60, 3600, 86400, 604800};
  const auto unit = units.find(text.front());
  return unit == std::string_view::npos ? std::nullopt : std::optional(now_ms - *count * seconds.at(unit) * second_ms);
}

// "14:00", "today 14:00", "tuesday": the last one that is not in the future.
std::optional<std::int64_t> recent(std::string_view text, std::int64_t now_ms) {
  constexpr std::array<std::string_view, 7> weekdays = {"sunday",   "monday", "tuesday", "wednesday",
                                                        "thursday", "friday", "saturday"};
  const std::string_view word = text.substr(0, text.find(' '));
  std::tm day = local_day(now_ms);
  int days_back = 0;
  int repeat_days = 1;  // where to go when it is still to come; 0: nowhere
  const auto weekday = std::find_if(weekdays.begin(), weekdays.end(), [&](std::string_view name) {
    return word == name || (word.size() == 3 && word == name.substr(0, 3));
  });
  if (weekday != weekdays.end()) {
    days_back = (day.tm_wday - static_cast<int>(weekday - weekdays.begin()) + 7) % 7;
    repeat_days = 7;
  } else if (word == "yesterday" || word == "today") {
    days_back = word == "yesterday" ? 1 : 0;
    repeat_days = 0;
  }
  Clock clock;
  if (weekday != weekdays.end() || repeat_days == 0) {
    text.remove_prefix(word.size());
    if (text.empty()) {
      day.tm_mday -= days_back;
      return local_time(day, clock);
    }
    if (!take(text, ' ')) {
      return std::nullopt;
    }
  }
  const auto taken = take_clock(text);
  if (!taken || !text.empty()) {
    return std::nullopt;
  }
  day.tm_mday -= days_back;
  const std::int64_t time = local_time(day, *taken);
  if (time <= now_ms) {
    return time;
  }
  day.tm_mday -= repeat_days;
  return local_time(day, *taken);
}

}  // namespace

Result<std::int64_t> parse_time(std::string_view text, std::int64_t now_ms) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == "now") {
    return now_ms;
  }
  for (const auto& found : {dated(lower), ago(lower, now_ms), recent(lower, now_ms)}) {
    if (found) {
      return *found;
    }
  }
  return Error(Errc::invalid_argument, fmt::format("'{}' is no time", text),
               "write it like 2026-11-21T14:00:00Z, \"2026-11-21 14:00\", \"tuesday 14:00\" or \"2h ago\"");
}

std::string time_text(std::int64_t time_ms) {
  const auto seconds = static_cast<std::time_t>(time_ms / second_ms);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec);
}

}  // namespace mooring::ctl
