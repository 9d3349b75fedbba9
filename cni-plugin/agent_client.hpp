// The agent of this node, over its unix socket (docs/api/agent.md): HTTP/1.1 on one kept connection, one request at a
// time. Sending and receiving are apart, so that the plugin can work while the agent asks the controller.
// Errors: Errc::unavailable (not running, closed), timeout; what the agent refuses comes with the agent's own code.
// Threading: one thread.
#pragma once

#include <string>
#include <string_view>

#include "cni-plugin/unix_stream.hpp"
#include "mooring/agent_api/delegated.hpp"
#include "mooring/agent_api/garbage.hpp"
#include "mooring/agent_api/messages.hpp"
#include "mooring/agent_api/readiness.hpp"

namespace mooring::cni {

using ipam_api::Json;

class AgentClient {
 public:
  static Result<AgentClient> connect(const std::string& socket, Deadline deadline, const Interruption& interruption);

  Result<void> send_attach(const agent_api::AttachRequest& request);
  Result<agent_api::AttachAnswer> receive_attach();
  Result<void> confirm(const agent_api::ConfirmRequest& request);
  Result<void> send_detach(const agent_api::DetachRequest& request);
  Result<agent_api::DetachAnswer> receive_detach();
  Result<agent_api::CheckAnswer> check(const agent_api::CheckRequest& request);
  Result<agent_api::GcAnswer> gc(const agent_api::GcRequest& request);
  Result<Json> status();  // GET /v1/status, as people see it
  Result<agent_api::ReadyAnswer> ready(const agent_api::ReadyRequest& request);
  Result<agent_api::DelegatedAnswer> attach_delegated(const agent_api::AttachRequest& request);
  Result<agent_api::CheckAnswer> check_delegated(const agent_api::DelegatedCheckRequest& request);

 private:
  AgentClient(UnixStream stream, std::string socket) : stream_(std::move(stream)), socket_(std::move(socket)) {}
  Result<void> send(std::string_view method, std::string_view path, const Json* body);
  // The body of an answer 2xx; any other answer is the error that it carries.
  Result<Json> receive();
  Error explained(const Error& error) const;

  UnixStream stream_;
  std::string socket_;
  std::string path_;  // of the request under way, for messages
  std::string buffer_;
};

}  // namespace mooring::cni
