#include "ovs-agent/app/readiness.hpp"

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
  if (!parts_.controller.connected()) {
    answer.reasons.emplace_back("the controller does not answer: is mooring-controller running?");
  }
  answer.ready = answer.reasons.empty();
  return answer;
}

asio::awaitable<agent_api::ReadyAnswer> Readiness::look(agent_api::ReadyRequest request) const {
  agent_api::ReadyAnswer answer = look_at_node();
  if (!parts_.controller.connected()) {
    co_return answer;
  }
  ipam_api::AllocateRequest wish;
  wish.node = parts_.state.node;
  wish.attachment.container_id = nobody;
  wish.attachment.ifname = "eth0";
  wish.namespace_ = std::move(request.namespace_);
  wish.hostname = nobody;
  wish.configured = std::move(request.configured);
  const auto tried = co_await parts_.controller.try_allocate(std::move(wish), after(try_deadline));
  if (!tried) {
    answer.ready = false;
    answer.reasons.push_back("no address for a new pod: " + tried.error().text());
  }
  co_return answer;
}

}  // namespace mooring::agent
