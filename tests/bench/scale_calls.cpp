#include "bench/scale_calls.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace mooring::bench {
namespace {

constexpr std::size_t callers = 16;

}  // namespace

ScaleCalls::ScaleCalls(std::string socket, Epoll& epoll, std::uint64_t first_tag)
    : socket_(std::move(socket)), epoll_(epoll), first_tag_(first_tag), callers_(callers) {
  reconnect();
}

void ScaleCalls::reconnect() {
  for (std::size_t i = 0; i < callers_.size(); ++i) {
    callers_[i].client = std::make_unique<Client>(socket_);
    epoll_.add(callers_[i].client->fd(), first_tag_ + i);
    if (callers_[i].busy) {
      ask(callers_[i]);
    }
  }
}

void ScaleCalls::ask(Caller& caller) {
  const Add& add = caller.job.add;
  caller.busy = true;
  if (caller.confirming) {
    ipam_api::ConfirmRequest request;
    request.node = add.node;
    request.attachment = {add.container, "eth0"};
    request.generation = caller.job.allocation.generation;
    caller.client->ask("POST", "/v1/ports:confirm", ipam_api::to_json(request).dump());
  } else {
    ipam_api::AllocateRequest request;
    request.node = add.node;
    request.attachment = {add.container, "eth0"};
    request.pod_uid = "uid-" + add.container;
    request.namespace_ = add.namespace_;
    request.hostname = add.hostname;
    caller.client->ask("POST", "/v1/ports:allocate", ipam_api::to_json(request).dump());
  }
}

void ScaleCalls::step(Clock::time_point now) {
  for (Caller& caller : callers_) {
    if (waiting_.empty() || waiting_.front().due > now) {
      return;
    }
    if (!caller.busy && caller.client) {
      caller.job.add = std::move(waiting_.front());
      waiting_.pop_front();
      caller.confirming = false;
      ask(caller);
    }
  }
}

void ScaleCalls::readable(std::uint64_t tag) {
  Caller& caller = callers_[tag - first_tag_];
  std::optional<Answer> answer;
  try {
    answer = caller.client ? caller.client->read() : std::nullopt;
  } catch (const Lost&) {
    caller.client.reset();  // until reconnect()
  }
  if (!answer) {
    return;
  }
  if (answer->status != 200) {
    wrong_.push_back(fmt::format("{} of {}: {} {}", caller.confirming ? "confirming" : "the ADD",
                                 caller.job.add.hostname, answer->status, answer->body));
    caller.busy = false;
  } else if (caller.confirming) {
    caller.busy = false;
    done_.push_back(std::move(caller.job));
  } else {
    const auto json = ipam_api::parse_json("the answer", answer->body);
    auto allocation = json ? ipam_api::allocation_from(*json) : json.error();
    if (!allocation) {
      wrong_.push_back(allocation.error().text());
      caller.busy = false;
      return;
    }
    caller.job.allocation = std::move(*allocation);
    caller.confirming = true;
    ask(caller);
  }
}

bool ScaleCalls::idle() const {
  return waiting_.empty() && std::none_of(callers_.begin(), callers_.end(), [](const auto& one) { return one.busy; });
}

std::vector<Added> ScaleCalls::take() {
  return std::exchange(done_, {});
}

std::vector<std::string> ScaleCalls::take_wrong() {
  return std::exchange(wrong_, {});
}

}  // namespace mooring::bench
