#include "ovs-agent/app/readiness.hpp"

#include <fmt/format.h>

namespace mooring::agent {
namespace {

constexpr std::chrono::milliseconds try_deadline{5'000};
constexpr const char* nobody = "mooring-status";  // container and hostname of the pod that there is not

}  // namespace

agent_api::ReadyAnswer Readiness::look_at_node() const {
  agent_api::ReadyAnswer answer;
  answer.reasons = attachments_.not_ready();
  if (answer.reasons.empty() && !parts_.flows.connected()) {
    answer.reasons.emplace_back("ovs-vswitchd does not answer: is it running?");
  }
  answer.limited = !answer.reasons.empty();
  answer.ready = answer.reasons.empty();
  return answer;
}

void Readiness::look_at_blocks(agent_api::ReadyAnswer& answer, ipam_api::AllocateRequest wish) const {
  const std::string away = "the controller does not answer: is mooring-controller running?";
  wish.wishes.kind = wish.configured.kind.value_or(ipam_api::Kind::stateless);
  const auto tried = parts_.given.try_give(wish);
  if (tried) {
    answer.notes.push_back(away +
                           " New stateless pods get addresses of this node's blocks, and pods that come again "
                           "on this node theirs");
    return;
  }
  answer.ready = false;
  answer.reasons.push_back(fmt::format("{} And this node cannot help itself: {}", away, tried.error().message()));
}

asio::awaitable<agent_api::ReadyAnswer> Readiness::look(agent_api::ReadyRequest request) const {
  agent_api::ReadyAnswer answer = look_at_node();
  ipam_api::AllocateRequest wish;
  wish.node = parts_.state.node;
  wish.attachment.container_id = nobody;
  wish.attachment.ifname = "eth0";
  wish.namespace_ = std::move(request.namespace_);
  wish.hostname = nobody;
  wish.configured = std::move(request.configured);
  if (!parts_.controller.connected()) {
    look_at_blocks(answer, std::move(wish));
    co_return answer;
  }
  ipam_api::AllocateRequest asked = wish;
  const auto tried = co_await parts_.controller.try_allocate(std::move(asked), after(try_deadline));
  if (!tried && (tried.error().code() == Errc::unavailable || tried.error().code() == Errc::timeout)) {
    look_at_blocks(answer, std::move(wish));
  } else if (!tried) {
    answer.ready = false;
    answer.reasons.push_back("no address for a new pod: " + tried.error().text());
  }
  co_return answer;
}

}  // namespace mooring::agent
