// The agent's socket (docs/api/agent.md): HTTP in front of the use cases.
// Threading: the agent's one thread.
#pragma once

#include <functional>
#include <string>

#include "mooring/http/server.hpp"
#include "mooring/metrics/door.hpp"
#include "ovs-agent/app/attachments.hpp"
#include "ovs-agent/app/leftovers.hpp"
#include "ovs-agent/app/readiness.hpp"

namespace mooring::agent {

class AgentSocket {
 public:
  struct Views {
    std::function<ipam_api::Json()> status;
    std::function<ipam_api::Json()> ports;
    std::function<std::string()> flows;
    metrics::Collect metrics;
  };
  struct Calls {
    Attachments& attachments;
    DelegatedPorts& delegated;
    Leftovers& leftovers;
    const Readiness& readiness;
  };
  AgentSocket(asio::any_io_executor executor, Calls calls, Views views);

  Result<void> listen(const std::string& path) { return server_.listen_unix(path); }
  void stop() { server_.stop(); }

 private:
  asio::awaitable<http::Answer> answer(http::Request request);

  Calls calls_;
  Views views_;
  asio::any_io_executor executor_;
  http::Server server_;
};

}  // namespace mooring::agent
