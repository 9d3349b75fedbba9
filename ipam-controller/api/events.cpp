// GET /v1/events: the newest events, or those after a number, at once or as soon as there is one.
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "ipam-controller/api/routes.hpp"
#include "ipam-controller/observe/event_view.hpp"
#include "ipam-controller/observe/observatory.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Json;

constexpr std::uint64_t default_limit = 100;
constexpr std::uint64_t max_limit = 1000;
constexpr std::uint64_t max_wait_seconds = 60;

struct Wanted {
  std::vector<EventPattern> types;
  Severity at_least = Severity::info;
  std::string subject;
  std::uint64_t limit = default_limit;
  std::optional<EventSequence> after;
  std::chrono::seconds wait{0};

  bool fits(const EventRecord& event) const {
    return event.severity >= at_least && (subject.empty() || event.subject == subject) && matches(types, event.type);
  }
};

Result<std::uint64_t> number_of(const Call& call, std::string_view name, std::uint64_t fallback, std::uint64_t most) {
  const std::string_view text = call.request.parameter(name);
  if (text.empty()) {
    return fallback;
  }
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size() || number > most) {
    return Error(Errc::invalid_argument, fmt::format("{} is '{}', expected a number up to {}", name, text, most));
  }
  return number;
}

Result<std::vector<EventPattern>> types_of(std::string_view text) {
  std::vector<EventPattern> patterns;
  while (!text.empty()) {
    const auto comma = text.find(',');
    auto pattern = EventPattern::parse(text.substr(0, comma));
    if (!pattern) {
      return pattern.error().within("type");
    }
    patterns.push_back(std::move(*pattern));
    text = comma == text.npos ? std::string_view() : text.substr(comma + 1);
  }
  if (patterns.empty()) {
    patterns.emplace_back();
  }
  return patterns;
}

Result<Wanted> wanted_of(const Call& call) {
  if (const auto known = only_parameters(call, {"type", "severity", "subject", "limit", "after", "wait_seconds"});
      !known) {
    return known.error();
  }
  Wanted wanted;
  auto types = types_of(call.request.parameter("type"));
  if (!types) {
    return types.error();
  }
  wanted.types = std::move(*types);
  if (const auto text = call.request.parameter("severity"); !text.empty()) {
    const auto severity = parse_severity(text);
    if (!severity) {
      return severity.error().within("severity");
    }
    wanted.at_least = *severity;
  }
  wanted.subject = call.request.parameter("subject");
  const auto limit = number_of(call, "limit", default_limit, max_limit);
  const auto after = number_of(call, "after", 0, std::uint64_t{1} << 62);
  const auto wait = number_of(call, "wait_seconds", 0, max_wait_seconds);
  for (const auto* number : {&limit, &after, &wait}) {
    if (!*number) {
      return number->error();
    }
  }
  if (*limit == 0) {
    return Error(Errc::invalid_argument, "limit is 0: nothing would be answered");
  }
  wanted.limit = *limit;
  if (!call.request.parameter("after").empty()) {
    wanted.after = *after;
  }
  wanted.wait = std::chrono::seconds(*wait);
  return wanted;
}

// The answer as things stand. `sequence` is where the next question goes on.
Json page_of(const EventLog& log, const Wanted& wanted) {
  Json items = Json::array();
  EventSequence reached = log.last();
  if (wanted.after) {
    for (auto at = log.after(*wanted.after); at != log.end(); ++at) {
      if (!wanted.fits(*at)) {
        continue;
      }
      if (items.size() == wanted.limit) {
        reached = items.back().at("sequence").get<EventSequence>();
        break;
      }
      items.push_back(view_of(*at));
    }
  } else {
    for (auto at = log.end(); at != log.begin() && items.size() < wanted.limit;) {
      --at;
      if (wanted.fits(*at)) {
        items.push_back(view_of(*at));
      }
    }
    std::reverse(items.begin(), items.end());
  }
  return {{"items", std::move(items)}, {"sequence", reached}, {"oldest", log.oldest()}};
}

asio::awaitable<Answered> list(Services& services, const Call& call) {
  const Result<Wanted> wanted = wanted_of(call);
  if (!wanted) {
    co_return wanted.error();
  }
  const auto deadline = std::chrono::steady_clock::now() + wanted->wait;
  Json page = page_of(services.observatory.events().log(), *wanted);
  while (page["items"].empty() && std::chrono::steady_clock::now() < deadline) {
    const bool more = co_await services.observatory.events().came(deadline);
    page = page_of(services.observatory.events().log(), *wanted);
    if (!more) {
      break;  // the deadline, or the controller ends
    }
  }
  co_return answered(200, page);
}

constexpr Route routes[] = {
    {"GET", "/v1/events", Access::admin, &list},
};

}  // namespace

std::span<const Route> event_routes() {
  return routes;
}

}  // namespace mooring::controller
