#include "ipam-controller/domain/repeats.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace mooring::controller {
namespace {

constexpr std::int64_t minute_ms = 60'000;
constexpr std::array<std::int64_t, 4> windows_ms{minute_ms, 5 * minute_ms, 30 * minute_ms, 60 * minute_ms};

}  // namespace

std::optional<EventRecord> Repeats::told(Kind& kind, std::int64_t now_ms) {
  if (kind.held == 0) {
    return std::nullopt;
  }
  EventRecord event = kind.latest;
  event.at_ms = now_ms;
  event.count = std::exchange(kind.held, 0);
  event.since_ms = kind.held_since_ms;
  return event;
}

std::vector<EventRecord> Repeats::offer(const std::string& key, EventRecord event, std::int64_t now_ms) {
  std::vector<EventRecord> tell;
  const auto found = kinds_.find(key);
  if (found != kinds_.end()) {
    Kind& kind = found->second;
    kind.held_since_ms = kind.held == 0 ? now_ms : kind.held_since_ms;
    ++kind.held;
    kind.last_ms = now_ms;
    kind.latest = std::move(event);
    return tell;
  }
  if (kinds_.size() >= max_kinds) {
    const auto quietest = std::min_element(
        kinds_.begin(), kinds_.end(), [](const auto& a, const auto& b) { return a.second.last_ms < b.second.last_ms; });
    if (auto rest = told(quietest->second, now_ms)) {
      tell.push_back(std::move(*rest));
    }
    kinds_.erase(quietest);
  }
  event.at_ms = event.since_ms = now_ms;
  event.count = 1;
  Kind& kind = kinds_[key];
  kind.latest = event;
  kind.last_ms = now_ms;
  kind.closes_ms = now_ms + windows_ms.front();
  tell.push_back(std::move(event));
  return tell;
}

std::vector<EventRecord> Repeats::due(std::int64_t now_ms) {
  std::vector<EventRecord> tell;
  for (auto it = kinds_.begin(); it != kinds_.end();) {
    Kind& kind = it->second;
    if (kind.closes_ms > now_ms) {
      ++it;
      continue;
    }
    auto event = told(kind, now_ms);
    if (!event) {
      it = kinds_.erase(it);
      continue;
    }
    tell.push_back(std::move(*event));
    kind.step = std::min<unsigned>(kind.step + 1, windows_ms.size() - 1);
    kind.closes_ms = now_ms + windows_ms[kind.step];
    ++it;
  }
  return tell;
}

std::optional<std::int64_t> Repeats::next_due_ms() const {
  std::optional<std::int64_t> next;
  for (const auto& [key, kind] : kinds_) {
    next = next ? std::min(*next, kind.closes_ms) : kind.closes_ms;
  }
  return next;
}

}  // namespace mooring::controller
