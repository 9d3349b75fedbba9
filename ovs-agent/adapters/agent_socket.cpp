#include "ovs-agent/adapters/agent_socket.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace mooring::agent {
namespace {

using ipam_api::Json;

http::Response answered(const Json& json) {
  return http::json(200, json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

http::Response refused(const char* what, const Attachment& attachment, const Error& error) {
  spdlog::warn("{} {}: {}", what, attachment.str(), error.text());
  return http::problem(error);
}

template <class Message>
Result<Message> read(const http::Request& request, Result<Message> (*from)(const Json&)) {
  const auto json = ipam_api::parse_json("request body", request.body);
  return json ? from(*json) : Result<Message>(json.error());
}

}  // namespace

AgentSocket::AgentSocket(asio::any_io_executor executor, Calls calls, Views views)
    : calls_(calls),
      views_(std::move(views)),
      executor_(executor),
      server_(std::move(executor), [this](http::Request request) { return answer(std::move(request)); }) {
  server_.on_fault([](const std::string& report) { spdlog::error("the agent's socket: {}", report); });
}

asio::awaitable<http::Answer> AgentSocket::answer(http::Request request) {
  const std::string call = request.method + " " + request.path;
  if (call == "POST /v1/attach") {
    auto message = read(request, &agent_api::attach_request_from);
    if (!message) {
      co_return http::problem(message.error());
    }
    Caller caller;
    caller.pid = request.peer.pid;
    const Attachment attachment = message->attachment;
    const auto result = co_await calls_.attachments.attach(std::move(*message), caller);
    if (!result) {
      co_return refused("attaching", attachment, result.error());
    }
    spdlog::info("attached {} as {}/{}: {} in VNI {}, generation {}", attachment.str(), result->allocation.namespace_,
                 result->allocation.hostname, result->allocation.addresses(), result->allocation.vni.value(),
                 result->allocation.generation);
    co_return answered(agent_api::to_json(*result));
  }
  if (call == "POST /v1/confirm") {
    auto message = read(request, &agent_api::confirm_request_from);
    if (!message) {
      co_return http::problem(message.error());
    }
    const Attachment attachment = message->attachment;
    const auto result = co_await calls_.attachments.confirm(std::move(*message));
    if (!result) {
      co_return refused("confirming", attachment, result.error());
    }
    co_return answered(Json::object());
  }
  if (call == "POST /v1/detach") {
    auto message = read(request, &agent_api::detach_request_from);
    if (!message) {
      co_return http::problem(message.error());
    }
    const Attachment attachment = message->attachment;
    const auto result = co_await calls_.attachments.detach(std::move(*message));
    if (!result) {
      co_return refused("detaching", attachment, result.error());
    }
    spdlog::info("detached {}: {}", attachment.str(),
                 result->released    ? "released"
                 : result->journaled ? "the controller will be told"
                                     : "nothing to release");
    co_return answered(agent_api::to_json(*result));
  }
  if (call == "POST /v1/check") {
    auto message = read(request, &agent_api::check_request_from);
    if (!message) {
      co_return http::problem(message.error());
    }
    const Attachment attachment = message->attachment;
    const auto result = co_await calls_.attachments.check(std::move(*message));
    if (!result) {
      co_return refused("checking", attachment, result.error());
    }
    co_return answered(agent_api::to_json(*result));
  }
  if (call == "POST /v1/attach-delegated") {
    auto message = read(request, &agent_api::attach_request_from);
    if (!message) {
      co_return http::problem(message.error());
    }
    Caller caller;
    caller.pid = request.peer.pid;
    const Attachment attachment = message->attachment;
    const auto result = co_await calls_.delegated.attach(std::move(*message), caller);
    if (!result) {
      co_return refused("attaching (address alone)", attachment, result.error());
    }
    spdlog::info("gave {} to {} of another main plugin, generation {}", result->allocation.addresses(),
                 attachment.str(), result->allocation.generation);
    co_return answered(agent_api::to_json(*result));
  }
  if (call == "POST /v1/check-delegated") {
    auto message = read(request, &agent_api::delegated_check_request_from);
    if (!message) {
      co_return http::problem(message.error());
    }
    const auto result = co_await calls_.delegated.check(std::move(*message));
    co_return result ? answered(agent_api::to_json(*result)) : http::problem(result.error());
  }
  if (call == "POST /v1/ready") {
    auto message = read(request, &agent_api::ready_request_from);
    if (!message) {
      co_return http::problem(message.error());
    }
    const auto result = co_await calls_.readiness.look(std::move(*message));
    co_return answered(agent_api::to_json(result));
  }
  if (call == "POST /v1/gc") {
    auto message = read(request, &agent_api::gc_request_from);
    if (!message) {
      co_return http::problem(message.error());
    }
    const auto result = co_await calls_.leftovers.collect(std::move(*message));
    if (!result) {
      spdlog::warn("CNI GC: {}", result.error().text());
      co_return http::problem(result.error());
    }
    co_return answered(agent_api::to_json(*result));
  }
  if (call == "GET /v1/status") {
    co_return answered(views_.status());
  }
  if (call == "GET /v1/ports") {
    co_return answered(views_.ports());
  }
  if (call == "GET /v1/flows") {
    co_return http::text(200, views_.flows());
  }
  if (call == "GET /metrics") {
    http::Response response = co_await metrics::answer_metrics(executor_, views_.metrics);
    co_return response;
  }
  co_return http::problem(
      Error(Errc::not_found, fmt::format("the agent has no call '{}'", call), "docs/api/agent.md lists them"));
}

}  // namespace mooring::agent
