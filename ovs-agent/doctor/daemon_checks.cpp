// The programs: the agent, its checkpoint, the controller and its clock.
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "mooring/directory/checkpoint.hpp"
#include "mooring/http/blocking_client.hpp"
#include "mooring/ipam_api/json_fields.hpp"
#include "ovs-agent/app/underlay_mtu.hpp"
#include "ovs-agent/doctor/examination.hpp"

namespace mooring::agent::doctor {
namespace {

using ipam_api::Json;

constexpr std::chrono::milliseconds patience{3000};
constexpr std::int64_t skew_to_look_at_ms = 2'000;

std::string text_at(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::uint32_t Examination::largest_mtu_bytes() const {
  std::uint32_t largest = 0;
  for (const auto family : {net::Family::v4, net::Family::v6}) {
    for (const auto& [name, subnet] : directory.subnets(family)) {
      const bool derived = subnet.mtu_from_underlay && vtep_mtu_bytes != 0;
      const std::uint32_t fits = vtep_mtu_bytes - std::min(vtep_mtu_bytes, vxlan_overhead_bytes);
      largest = std::max(largest, derived ? fits : subnet.mtu_bytes);
    }
  }
  return largest;
}

void read_checkpoint(Examination& node) {
  const auto image = directory::load_checkpoint(node.config.checkpoint());
  if (!image) {
    node.findings.warn("checkpoint", image.error().text(),
                       "without it a restart while the controller is away knows nobody: is the agent running, and has "
                       "it reached the controller?");
    return;
  }
  node.knows_directory = node.directory.restore(*image);
  if (!node.knows_directory) {
    node.findings.warn("checkpoint", node.config.checkpoint() + " contradicts its own digest",
                       "the agent will ask the controller for everything; delete the file if this stays");
    return;
  }
  node.findings.ok("checkpoint", fmt::format("{} ports, {} nodes, {} gateways at revision {}",
                                             node.directory.port_count(), node.directory.nodes().size(),
                                             node.directory.gateways().size(), node.directory.revision()));
}

void check_agent(Examination& node) {
  http::BlockingClient client(http::Endpoint::unix_socket(node.config.socket));
  const auto answer = client.request("GET", "/v1/status", "", http::after(patience));
  if (!answer || !answer->ok()) {
    node.findings.fail("agent",
                       fmt::format("{} does not answer{}", node.config.socket,
                                   answer ? fmt::format(": HTTP {}", answer->status) : ": " + answer.error().text()),
                       "systemctl start mooring-agent; existing pods go on without it, new ones wait");
    return;
  }
  const auto status = ipam_api::parse_json("the agent's status", answer->body);
  if (!status || !status->is_object()) {
    node.findings.fail("agent", "its status cannot be read", "is it another program, or another version?");
    return;
  }
  if (text_at(*status, "node") != node.config.name) {
    node.findings.warn(
        "agent",
        fmt::format("it serves node '{}', the doctor was told '{}'", text_at(*status, "node"), node.config.name),
        "give the doctor the agent's own --config");
  }
  const auto reasons = status->find("reasons");
  if (reasons != status->end() && reasons->is_array() && !reasons->empty()) {
    for (const Json& reason : *reasons) {
      node.findings.fail("agent", reason.is_string() ? reason.get<std::string>() : reason.dump(),
                         "mooring-agent's log says more");
    }
  } else {
    node.findings.ok("agent", fmt::format("ready, version {}, datapath {}", text_at(*status, "version"),
                                          text_at(*status, "datapath")));
  }
  const auto flows = client.request("GET", "/v1/flows", "", http::after(patience));
  if (flows && flows->ok()) {
    node.agents_flows = flows->body;
  }
}

void check_controller(Examination& node) {
  using Clock = std::chrono::system_clock;
  http::BlockingClient client(node.config.controller, node.config.token);
  const auto before = Clock::now();
  const auto answer = client.request("GET", "/v1/version", "", http::after(patience));
  const auto after = Clock::now();
  const std::string where = node.config.controller.str();
  if (!answer) {
    node.findings.fail("controller", fmt::format("{}: {}", where, answer.error().text()),
                       "existing pods go on, new ones wait: start it, or look at the way there and --controller");
    return;
  }
  if (!answer->ok()) {
    node.findings.fail("controller", fmt::format("{} answers HTTP {}", where, answer->status),
                       answer->status == 401 || answer->status == 403
                           ? "the node token is not the controller's: --token-file"
                           : "is this a mooring-controller?");
    return;
  }
  const auto version = ipam_api::parse_json("the controller's answer", answer->body);
  node.findings.ok("controller",
                   fmt::format("{} answers in {:.1f} ms, version {}", where,
                               std::chrono::duration<double, std::milli>(after - before).count(),
                               version && version->is_object() ? text_at(*version, "version") : "unknown"));
  if (!version || !version->is_object() || !version->contains("time_ms") || !version->at("time_ms").is_number()) {
    return;  // a controller of the version before does not tell its time
  }
  const auto middle = before + (after - before) / 2;
  const auto here = std::chrono::duration_cast<std::chrono::milliseconds>(middle.time_since_epoch()).count();
  const std::int64_t skew = here - version->at("time_ms").get<std::int64_t>();
  const std::string text = fmt::format("this node's clock is {:.3f} s {} the controller's",
                                       std::abs(static_cast<double>(skew)) / 1000, skew < 0 ? "behind" : "ahead of");
  if (std::abs(skew) > skew_to_look_at_ms) {
    node.findings.warn("clock", text,
                       "nothing in Mooring compares clocks of two machines, but logs and people do: chrony");
  } else {
    node.findings.ok("clock", text);
  }
}

}  // namespace mooring::agent::doctor
