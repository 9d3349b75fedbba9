#include "ovs-agent/adapters/switch_trace.hpp"

#include <thread>

#include <boost/asio/post.hpp>

#include "mooring/ovs/unixctl.hpp"

namespace mooring::agent {
namespace {

constexpr std::chrono::milliseconds answer_deadline{2000};

Result<std::string> ask(const std::string& run_dir, const std::string& bridge, const std::string& flow) {
  const auto socket = ovs::vswitchd_control_socket(run_dir);
  if (!socket) {
    return socket.error();
  }
  return ovs::unixctl_call(*socket, "ofproto/trace", {bridge, flow}, answer_deadline);
}

}  // namespace

asio::awaitable<Result<std::string>> SwitchTrace::ofproto_trace(std::string bridge, std::string flow) {
  Promise<Result<std::string>> done(executor_);
  // The thread ends by itself within the deadline.
  std::thread([executor = executor_, run_dir = run_dir_, bridge = std::move(bridge), flow = std::move(flow), done] {
    auto text = ask(run_dir, bridge, flow);
    asio::post(executor, [done, text = std::move(text)]() mutable { done.set(std::move(text)); });
  }).detach();
  co_return co_await done.wait();
}

}  // namespace mooring::agent
