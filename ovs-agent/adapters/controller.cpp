#include "ovs-agent/adapters/controller.hpp"

#include <fmt/format.h>

namespace mooring::agent {
Controller::Controller(asio::any_io_executor executor, std::string node, http::Endpoint endpoint,
                       const std::string& token, std::function<bool()> connected)
    : node_(std::move(node)),
      client_(std::move(executor), std::move(endpoint), http::ClientOptions{.token = token, .connections = 64}),
      connected_(std::move(connected)) {}

asio::awaitable<Result<ipam_api::Json>> Controller::post(std::string target, ipam_api::Json body, Deadline deadline) {
  std::string text = body.dump();
  const auto response = co_await client_.request("POST", target, std::move(text), deadline);
  if (!response) {
    co_return Error(response.error().code(),
                    fmt::format("asking the controller ({}): {}", target, response.error().message()),
                    "is mooring-controller running, and does the agent's --controller name it?");
  }
  if (!response->ok()) {
    co_return ipam_api::error_from_problem(response->status, response->body);
  }
  co_return ipam_api::parse_json("the controller's answer", response->body);
}

asio::awaitable<Result<ipam_api::Allocation>> Controller::allocate(ipam_api::AllocateRequest request,
                                                                   Deadline deadline) {
  return allocation("/v1/ports:allocate", ipam_api::to_json(request), deadline);
}

asio::awaitable<Result<ipam_api::Allocation>> Controller::given(ipam_api::GivenReport report, Deadline deadline) {
  return allocation("/v1/ports:given", ipam_api::to_json(report), deadline);
}

asio::awaitable<Result<void>> Controller::lease_block(std::string pool, std::uint32_t count, net::Family family,
                                                      Deadline deadline) {
  ipam_api::Json body = ipam_api::Json::object();
  body["node"] = node_;
  body["pool"] = pool;
  body["count"] = count;
  body["ipv6"] = family == net::Family::v6;
  const auto answer = co_await post("/v1/blocks:lease", std::move(body), deadline);
  if (!answer) {
    co_return answer.error();
  }
  co_return ok();
}

asio::awaitable<Result<void>> Controller::return_block(std::string id, Deadline deadline) {
  ipam_api::Json body = ipam_api::Json::object();
  const auto answer = co_await post("/v1/blocks/" + id + ":return", std::move(body), deadline);
  if (!answer && answer.error().code() != Errc::not_found) {
    co_return answer.error();
  }
  co_return ok();
}

asio::awaitable<Result<ipam_api::Allocation>> Controller::allocation(std::string target, ipam_api::Json body,
                                                                     Deadline deadline) {
  const auto answer = co_await post(std::move(target), std::move(body), deadline);
  if (!answer) {
    co_return answer.error();
  }
  auto allocation = ipam_api::allocation_from(*answer);
  if (!allocation) {
    co_return Error(Errc::internal, "reading the controller's allocation: " + allocation.error().message());
  }
  co_return allocation;
}

asio::awaitable<Result<void>> Controller::try_allocate(ipam_api::AllocateRequest request, Deadline deadline) {
  ipam_api::Json body = ipam_api::to_json(request);
  const auto answer = co_await post("/v1/ports:try", std::move(body), deadline);
  // A controller of the version before has no such route: its ADDs are tried when they come.
  const bool unknown = !answer && answer.error().code() == Errc::not_found &&
                       answer.error().message().find("there is nothing at") != std::string::npos;
  co_return answer || unknown ? ok() : Result<void>(answer.error());
}

asio::awaitable<Result<void>> Controller::confirm(ipam_api::ConfirmRequest request, Deadline deadline) {
  ipam_api::Json body = ipam_api::to_json(request);
  const auto answer = co_await post("/v1/ports:confirm", std::move(body), deadline);
  if (!answer) {
    co_return answer.error();
  }
  co_return ok();
}

asio::awaitable<Result<ipam_api::ReleaseAnswer>> Controller::release(ipam_api::ReleaseRequest request,
                                                                     Deadline deadline) {
  ipam_api::Json body = ipam_api::to_json(request);
  const auto answer = co_await post("/v1/ports:release", std::move(body), deadline);
  if (!answer) {
    co_return answer.error();
  }
  co_return ipam_api::release_answer_from(*answer);
}

asio::awaitable<Result<void>> Controller::report(ipam_api::NodeInventory inventory, Deadline deadline) {
  ipam_api::Json body = ipam_api::to_json(inventory);
  const auto answer = co_await post("/v1/nodes/" + node_ + "/inventory", std::move(body), deadline);
  if (!answer) {
    co_return answer.error();
  }
  co_return ok();
}

asio::awaitable<Result<void>> Controller::report_vips(ipam_api::Json report, Deadline deadline) {
  const auto answer = co_await post("/v1/vips:report", std::move(report), deadline);
  if (!answer) {
    co_return answer.error();
  }
  co_return ok();
}

}  // namespace mooring::agent
