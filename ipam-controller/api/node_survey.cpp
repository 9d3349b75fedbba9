#include "ipam-controller/api/node_survey.hpp"

#include <algorithm>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

namespace mooring::controller {
namespace {

using ipam_api::Json;

Result<ipam_api::NodeInventory> understood(const std::string& node, const Result<Json>& answer) {
  const std::string doing = fmt::format("asking node {} for its inventory", node);
  if (!answer) {
    return answer.error();
  }
  if (answer->is_object() && answer->contains("title")) {  // a problem in place of an answer
    return ipam_api::error_from_problem(200, answer->dump()).within(doing);
  }
  auto inventory = ipam_api::inventory_from(*answer);
  if (!inventory) {
    return Error(Errc::internal, doing + ": " + inventory.error().message(),
                 "are mooring-agent and mooring-controller of the same or neighbouring versions?");
  }
  if (!inventory->complete) {
    return Error(Errc::unavailable, doing + ": its records are not complete",
                 "Open vSwitch is away or has just come back: the agent's log says more");
  }
  return inventory;
}

}  // namespace

NodeSurvey::NodeSurvey(asio::any_io_executor executor, WatchHub& hub, const std::vector<std::string>& nodes,
                       NodeQueries::Deadline deadline)
    : executor_(std::move(executor)), hub_(hub), deadline_(deadline), signal_(executor_) {
  for (const std::string& node : nodes) {
    answers_.push_back({node, Error(Errc::unavailable, "not asked")});
  }
}

void NodeSurvey::start() {
  signal_.expires_at(asio::steady_timer::time_point::max());
  const std::size_t workers = std::min(asked_at_once, answers_.size());
  for (std::size_t i = 0; i < workers; ++i) {
    auto self = shared_from_this();
    asio::co_spawn(
        executor_, [self]() -> asio::awaitable<void> { co_await self->work(); }, asio::detached);
  }
}

asio::awaitable<void> NodeSurvey::work() {
  while (next_ < answers_.size()) {
    NodeAnswer& mine = answers_[next_++];
    Json arguments = Json::object();
    const Result<Json> answer =
        co_await hub_.ask(ipam_api::Role::node, mine.node, "inventory", std::move(arguments), deadline_);
    mine.inventory = understood(mine.node, answer);
    ++answered_;
    signal_.cancel();
  }
}

asio::awaitable<bool> NodeSurvey::another() {
  while (told_ == answered_ && answered_ < answers_.size()) {
    auto waiting = signal_.async_wait(asio::as_tuple(asio::use_awaitable));
    co_await std::move(waiting);
  }
  const bool more = told_ < answered_;
  told_ = answered_;
  co_return more;
}

}  // namespace mooring::controller
