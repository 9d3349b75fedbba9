// CNI STATUS and VERSION.
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
  if (!answer->is_object() || answer->value("ready", Json(true)) != false) {
    return ok();
  }
  const Json reasons = answer->value("reasons", Json::array());
  std::string text;
  for (const Json& reason : reasons) {
    text += (text.empty() ? "" : "; ") + (reason.is_string() ? reason.get<std::string>() : reason.dump());
  }
  return Error(Errc::not_ready, "mooring-agent is not ready: " + text, "see mooring-agent's log on this node");
}

Json version(const std::string& asked) {
  return {{"cniVersion", asked.empty() ? newest_version : asked}, {"supportedVersions", supported_versions}};
}

}  // namespace mooring::cni
