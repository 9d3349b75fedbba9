// CNI STATUS and VERSION.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cni-plugin/agent_client.hpp"
#include "cni-plugin/commands.hpp"
#include "cni-plugin/log.hpp"
#include "cni-plugin/pod_wishes.hpp"

namespace mooring::cni {
namespace {

// 50 and 51 of the specification: no ADD can be served; with 51, containers that are there may be limited as well.
Error not_ready(const agent_api::ReadyAnswer& answer) {
  return Error(answer.limited ? Errc::degraded : Errc::not_ready,
               fmt::format("an ADD cannot be served: {}", fmt::join(answer.reasons, "; ")),
               answer.limited ? "see mooring-agent's log on this node" : "");  // the other reasons say their way out
}

}  // namespace

Result<void> status(const NetConf& conf, const Interruption& interruption) {
  const auto wishes = wishes_of(conf);
  if (!wishes) {
    return wishes.error();
  }
  const auto configured = wishes_of_configuration(*wishes);
  if (!configured) {
    return configured.error();
  }
  auto agent = AgentClient::connect(conf.agent_socket, Clock::now() + conf.timeout, interruption);
  if (!agent) {
    return Error(Errc::not_ready, agent.error().message(), agent.error().hint());
  }
  const auto answer = agent->ready({wishes->namespace_.empty() ? "default" : wishes->namespace_, *configured});
  if (!answer) {
    return Error(answer.error().code() == Errc::invalid_argument ? Errc::invalid_config : Errc::not_ready,
                 answer.error().message(), answer.error().hint());
  }
  for (const std::string& note : answer->notes) {
    log_line("STATUS: " + note);
  }
  return answer->ready ? ok() : Result<void>(not_ready(*answer));
}

Result<void> node_status(const NetConf& conf, const Interruption& interruption) {
  auto agent = AgentClient::connect(conf.agent_socket, Clock::now() + conf.timeout, interruption);
  const auto answer = agent ? agent->status() : Result<Json>(agent.error());
  const auto said = answer ? agent_api::ready_answer_from(*answer) : Result<agent_api::ReadyAnswer>(answer.error());
  if (!said) {
    return Error(Errc::not_ready, said.error().message(), said.error().hint());
  }
  return said->ready ? ok() : Result<void>(not_ready(*said));
}

Json version(const std::string& asked) {
  return {{"cniVersion", asked.empty() ? newest_version : asked}, {"supportedVersions", supported_versions}};
}

}  // namespace mooring::cni
