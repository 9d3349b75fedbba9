// gateway: it shall take nothing new, it may again. The gateway itself is asked, by way of the controller, and keeps
// it.
#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "ipam-controller/cli/named_verb.hpp"
#include "mooring/http/message.hpp"

namespace mooring::ctl {
namespace {

struct GatewayWords {
  std::string name;
  bool force = false;
};

Result<Json> tell_gateway(ControllerSession& session, const GatewayWords& words, const char* question) {
  Json body = {{"question", question}};
  body["arguments"] = Json::object();
  if (words.force) {
    body["arguments"]["force"] = true;
  }
  const std::string path = "/v1/gateways/" + http::percent_encoded(words.name);
  if (const auto known = session.get(path); !known) {  // else a wrong name would seem to be a gateway that is silent
    return known.error();
  }
  auto told = session.post(path + ":query", body);
  if (told && (*told)["answer"].contains("detail")) {  // the gateway's own refusal
    return Error(Errc::in_use, cell_of((*told)["answer"], "detail"), cell_of((*told)["answer"], "hint"));
  }
  return told;
}

Result<void> drain_gateway(ControllerSession& session, Invocation& invocation, const GatewayWords& words) {
  const auto done = tell_gateway(session, words, "drain");
  if (!done) {
    return done.error();
  }
  std::string others;
  for (const Json& other : (*done)["answer"]["live_gateways"]) {
    others += (others.empty() ? "" : ", ") + other.get<std::string>();
  }
  invocation.out << (others.empty()
                         ? fmt::format("gateway {} is marked; it goes on while it is the only one\n", words.name)
                         : fmt::format("gateway {} is drained: nodes go to {} within a second\n", words.name, others));
  return ok();
}

Result<void> undrain_gateway(ControllerSession& session, Invocation& invocation, const GatewayWords& words) {
  const auto done = tell_gateway(session, words, "undrain");
  if (!done) {
    return done.error();
  }
  invocation.out << fmt::format("gateway {} takes traffic again\n", words.name);
  return ok();
}

}  // namespace

void add_gateway(CLI::App& app, Invocation& invocation) {
  const auto words = std::make_shared<GatewayWords>();
  CLI::App* gateway = app.add_subcommand("gateway", "decide about a gateway: drain, undrain");
  gateway->require_subcommand(1);
  gateway->footer(R"(Examples:
  mooringctl gateway drain gw1
  mooringctl gateway undrain gw1)");
  CLI::App* drained =
      add_named_verb(*gateway, invocation, words, "drain", "the gateway",
                     "nodes and machines go to other gateways; what it still gets it forwards", &drain_gateway);
  drained->add_flag("--force", words->force, "also if no other gateway of its network takes traffic");
  add_named_verb(*gateway, invocation, words, "undrain", "the gateway", "it takes traffic again", &undrain_gateway);
}

}  // namespace mooring::ctl
