// ofproto/trace over vswitchd's control socket, on a thread of its own: a vswitchd that hangs does not hold up the
// agent. Threading: the executor's one thread.
#pragma once

#include <string>

#include "ovs-agent/app/path_trace.hpp"

namespace mooring::agent {

class SwitchTrace final : public TracePort {
 public:
  SwitchTrace(asio::any_io_executor executor, std::string run_dir)
      : executor_(std::move(executor)), run_dir_(std::move(run_dir)) {}
  asio::awaitable<Result<std::string>> ofproto_trace(std::string bridge, std::string flow) override;

 private:
  asio::any_io_executor executor_;
  std::string run_dir_;
};

}  // namespace mooring::agent
