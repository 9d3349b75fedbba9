// The agent's socket (docs/api/agent.md): HTTP in front of the use cases.
// Threading: the agent's one thread.
#pragma once

#include <functional>
#include <string>

#include "mooring/http/server.hpp"
#include "ovs-agent/app/attachments.hpp"

namespace mooring::agent {

class AgentSocket {
 public:
  struct Views {
    std::function<ipam_api::Json()> status;
    std::function<ipam_api::Json()> ports;
    std::function<std::string()> flows;
  };
  AgentSocket(asio::any_io_executor executor, Attachments& attachments, Views views);

  Result<void> listen(const std::string& path) { return server_.listen_unix(path); }
  void stop() { server_.stop(); }

 private:
  asio::awaitable<http::Answer> answer(http::Request request);

  Attachments& attachments_;
  Views views_;
  http::Server server_;
};

}  // namespace mooring::agent
