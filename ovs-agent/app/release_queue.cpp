#include "ovs-agent/app/release_queue.hpp"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "ovs-agent/domain/given.hpp"

namespace mooring::agent {
namespace {

constexpr std::chrono::milliseconds first_pause{200};
constexpr std::chrono::milliseconds longest_pause{10'000};
constexpr std::chrono::milliseconds tell_deadline{5'000};
constexpr std::chrono::milliseconds held_pause{5'000};  // a person has to decide

// Will the controller's answer be the same however often it is asked?
bool final_refusal(const Error& error) {
  return !error.info().retryable && error.code() != Errc::unauthorized && error.code() != Errc::internal &&
         error.code() != Errc::storage;
}

}  // namespace

ReleaseQueue::ReleaseQueue(NodeState& state, ControllerPort& controller, JournalPort& journal)
    : state_(state), controller_(controller), journal_(journal), more_(state.executor) {}

asio::awaitable<Result<ipam_api::ReleaseAnswer>> ReleaseQueue::tell(ReleaseOwed release, Deadline deadline) {
  ipam_api::ReleaseRequest request;
  request.node = state_.node;
  request.generation = release.generation;
  request.reason = release.reason;
  if (release.key) {
    request.vni = release.key->vni;
    request.address = release.key->address;
  } else {
    request.attachment = release.attachment;
  }
  auto answer = co_await controller_.release(std::move(request), deadline);
  if (answer && release.key) {
    state_.directory.forget_own(*release.key, release.generation);
  }
  co_return answer;
}

asio::awaitable<Result<ReleaseQueue::Outcome>> ReleaseQueue::release(ReleaseOwed release, Deadline deadline) {
  Outcome outcome;
  if (passed_on_from(journal_.state(), release.attachment)) {
    outcome.told = true;  // its hostname has the addresses again, under another attachment
    co_return outcome;
  }
  if (controller_.connected()) {
    const auto answer = co_await tell(release, deadline);
    if (answer) {
      outcome.told = true;
      outcome.released = answer->released;
      co_return outcome;
    }
    if (final_refusal(answer.error())) {
      co_return answer.error();
    }
    spdlog::warn("releasing the port of {}: {}; noted, will be told later", release.attachment.str(),
                 answer.error().text());
  }
  const auto owed = owe(std::move(release));
  if (!owed) {
    co_return owed.error();
  }
  co_return outcome;
}

Result<void> ReleaseQueue::owe(ReleaseOwed release) {
  if (passed_on_from(journal_.state(), release.attachment)) {
    return ok();
  }
  if (const auto* port = state_.ports.find(release.attachment); port != nullptr && release.record.empty()) {
    release.record = external_ids_of(port->record);
  }
  release.id = journal_.state().last_id + 1;
  const auto noted = journal_.note_durably(release);
  more_.notify();
  return noted;
}

void ReleaseQueue::attachment_is_used_again(const Attachment& attachment) {
  std::vector<std::uint64_t> off;
  for (const auto& [id, release] : journal_.state().owed) {
    if (release.attachment == attachment && release.generation == 0) {
      off.push_back(id);
    }
  }
  for (const auto id : off) {
    if (const auto noted = journal_.note(ReleaseDone{id}); !noted) {
      spdlog::error("{}", noted.error().text());
    }
  }
}

bool ReleaseQueue::owes(const Attachment& attachment, Generation generation) const {
  const auto& owed = journal_.state().owed;
  return std::any_of(owed.begin(), owed.end(), [&](const auto& item) {
    return item.second.attachment == attachment &&
           (item.second.generation == 0 || item.second.generation == generation);
  });
}

asio::awaitable<bool> ReleaseQueue::pay(ReleaseOwed release) {
  const std::uint64_t id = release.id;
  const auto answer = co_await tell(release, after(tell_deadline));
  if (!answer && answer.error().code() == Errc::release_held) {
    if (held_.insert_or_assign(id, after(held_pause)).second) {
      spdlog::error("releasing the port of {}: {}", release.attachment.str(), answer.error().text());
    }
    co_return true;
  }
  if (!answer && !final_refusal(answer.error())) {
    co_return false;
  }
  if (answer) {
    spdlog::info("the controller knows now that the port of {} is gone ({})", release.attachment.str(), release.reason);
  } else {
    spdlog::error("releasing the port of {}: {}; given up", release.attachment.str(), answer.error().text());
  }
  if (const auto noted = journal_.note(ReleaseDone{id}); !noted) {
    spdlog::error("{}", noted.error().text());
  }
  co_return true;
}

asio::awaitable<void> ReleaseQueue::run() {
  auto pause = first_pause;
  for (;;) {
    const auto& owed = journal_.state().owed;
    std::erase_if(held_, [&](const auto& item) { return !owed.contains(item.first); });
    std::vector<ReleaseOwed> due;  // one that the controller holds does not keep the others waiting
    for (const auto& [id, release] : owed) {
      const auto held = held_.find(id);
      if (held == held_.end() || held->second <= std::chrono::steady_clock::now()) {
        due.push_back(release);
      }
    }
    if (due.empty() || !controller_.connected()) {
      co_await more_.wait(after(std::chrono::seconds(1)));
      continue;
    }
    bool heard = true;
    for (auto& release : due) {
      if (heard && owed.contains(release.id)) {
        heard = co_await pay(std::move(release));
      }
    }
    if (heard) {
      pause = first_pause;
      continue;
    }
    co_await more_.wait(after(pause));
    pause = std::min(pause * 2, longest_pause);
  }
}

}  // namespace mooring::agent
