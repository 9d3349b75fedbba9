#include "ipam-controller/api/node_queries.hpp"

#include <random>
#include <tuple>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

namespace mooring::controller {
namespace {

std::string unguessable_id() {
  std::random_device entropy;  // the kernel's
  std::string id;
  for (int i = 0; i < 4; ++i) {
    id += fmt::format("{:08x}", entropy());
  }
  return id;
}

}  // namespace

NodeQueries::Waiting::Waiting(NodeQueries& queries, std::string id, std::string whom)
    : queries_(queries), id_(std::move(id)), whom_(std::move(whom)), signal_(queries.executor_) {
  queries_.waiting_.emplace(id_, this);
}

NodeQueries::Waiting::~Waiting() {
  queries_.waiting_.erase(id_);
}

void NodeQueries::Waiting::settle(Result<ipam_api::Json> result) {
  if (!result_) {
    result_ = std::move(result);
    signal_.cancel();
  }
}

asio::awaitable<Result<ipam_api::Json>> NodeQueries::Waiting::answer(Deadline deadline) {
  if (!result_) {
    signal_.expires_at(deadline);
    auto waiting = signal_.async_wait(asio::as_tuple(asio::use_awaitable));
    co_await std::move(waiting);
  }
  if (!result_) {
    result_ = Error(Errc::timeout, fmt::format("asking {}: no answer in time", whom_),
                    "its log says what it does; a longer deadline_seconds may help");
  }
  co_return std::move(*result_);
}

Result<std::unique_ptr<NodeQueries::Waiting>> NodeQueries::open(std::string whom) {
  if (waiting_.size() >= max_open) {
    return Error(Errc::unavailable, fmt::format("asking {}: {} questions are open already", whom, waiting_.size()));
  }
  return std::make_unique<Waiting>(*this, unguessable_id(), std::move(whom));
}

Result<void> NodeQueries::answer(const std::string& id, ipam_api::Json body) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) {
    return Error(Errc::not_found, fmt::format("nobody waits for the answer {}", id),
                 "the one who asked has left or lost patience");
  }
  found->second->settle(std::move(body));
  return ok();
}

void NodeQueries::lost(const std::string& whom) {
  for (const auto& [id, waiting] : waiting_) {
    if (waiting->whom_ == whom) {
      waiting->settle(Error(Errc::unavailable, fmt::format("asking {}: its stream ended before it answered", whom)));
    }
  }
}

}  // namespace mooring::controller
