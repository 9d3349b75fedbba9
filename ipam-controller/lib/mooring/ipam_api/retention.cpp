#include "mooring/ipam_api/retention.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include <fmt/format.h>

namespace mooring::ipam_api {
namespace {

constexpr std::uint64_t longest_seconds = std::uint64_t{10} * 366 * 86400;

struct Unit {
  char letter;
  std::uint64_t seconds;
};
constexpr std::array units{Unit{'d', 86400}, Unit{'h', 3600}, Unit{'m', 60}, Unit{'s', 1}};

Error malformed(std::string_view text) {
  return Error(
      Errc::invalid_argument, fmt::format("'{}' is not a retention", text),
      "one of OnDelete, OnDelete DURATION, WithWorkload, TTL DURATION, Never; a duration is like 30s, 10m, 36h, "
      "7d");
}

std::string lowered(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

}  // namespace

std::string duration_text(std::uint64_t seconds) {
  for (const Unit& unit : units) {
    if (seconds != 0 && seconds % unit.seconds == 0) {
      return fmt::format("{}{}", seconds / unit.seconds, unit.letter);
    }
  }
  return "0s";
}

Result<std::uint32_t> parse_duration(std::string_view text) {
  std::uint64_t value = 0;
  const std::from_chars_result read = std::from_chars(text.data(), text.data() + text.size(), value);
  const auto* unit = std::find_if(units.begin(), units.end(), [&](const Unit& u) {
    return read.ec == std::errc{} && read.ptr + 1 == text.data() + text.size() && u.letter == *read.ptr;
  });
  if (unit == units.end() || value > longest_seconds || value * unit->seconds > longest_seconds) {
    return Error(Errc::invalid_argument, fmt::format("'{}' is not a duration", text),
                 "write it like 30s, 10m, 36h or 7d; at most ten years");
  }
  return static_cast<std::uint32_t>(value * unit->seconds);
}

std::string Retention::str() const {
  switch (policy) {
    case Policy::on_delete:
      return seconds == default_grace_seconds ? "OnDelete" : "OnDelete " + duration_text(seconds);
    case Policy::with_workload:
      return "WithWorkload";
    case Policy::ttl:
      return "TTL " + duration_text(seconds);
    case Policy::never:
      break;
  }
  return "Never";
}

Result<Retention> parse_retention(std::string_view text) {
  const auto space = text.find(' ');
  const std::string word = lowered(text.substr(0, space));
  const bool bare = space == std::string_view::npos;
  Retention retention;
  if (word == "never" && bare) {
    return retention;
  }
  if (word == "withworkload" && bare) {
    retention.policy = Retention::Policy::with_workload;
    return retention;
  }
  if (word != "ondelete" && (word != "ttl" || bare)) {
    return malformed(text);
  }
  retention.policy = word == "ttl" ? Retention::Policy::ttl : Retention::Policy::on_delete;
  retention.seconds = default_grace_seconds;
  if (!bare) {
    const auto duration = parse_duration(text.substr(space + 1));
    if (!duration) {
      return malformed(text);
    }
    retention.seconds = *duration;
  }
  return retention;
}

}  // namespace mooring::ipam_api
