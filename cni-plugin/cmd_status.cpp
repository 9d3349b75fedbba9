// CNI STATUS and VERSION.
#include <fmt/format.h>

#include "cni-plugin/agent_client.hpp"
#include "cni-plugin/commands.hpp"

namespace mooring::cni {

Result<void> status(const NetConf& conf, const Interruption& interruption) {
  auto agent = AgentClient::connect(conf.agent_socket, Clock::now() + conf.timeout, interruption);
  if (!agent) {
    return Error(Errc::not_ready, agent.error().message(), agent.error().hint());
  }
  const auto answer = agent->status();
  if (!answer) {
    return Error(Errc::not_ready, answer.error().message(), answer.error().hint());
  }
  const auto ready = answer->is_object() ? answer->find("ready") : answer->end();
  if (ready != answer->end() && *ready == false) {
    return Error(Errc::not_ready,
                 "mooring-agent is not ready: " + answer->dump(-1, ' ', false, Json::error_handler_t::replace),
                 "see mooring-agent's log on this node");
  }
  return ok();
}

Json version(const std::string& asked) {
  return {{"cniVersion", asked.empty() ? newest_version : asked}, {"supportedVersions", supported_versions}};
}

}  // namespace mooring::cni
