// node: what an operator decides about a machine: it is gone, it may come back, what it gave up may go.
// gateway: it shall take nothing new, it may again.
#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "ipam-controller/cli/commands.hpp"
#include "mooring/http/message.hpp"

namespace mooring::ctl {
namespace {

struct Words {
  std::string name;
  bool fence = false;
  bool force = false;
};

std::string path_of(const Words& words) {
  return "/v1/nodes/" + http::percent_encoded(words.name);
}

Result<void> remove(ControllerSession& session, Invocation& invocation, const Words& words) {
  const std::string flags = words.fence ? "?fence=true" : words.force ? "?force=true" : "";
  const auto gone = session.remove(path_of(words) + flags);
  if (!gone) {
    return gone.error();
  }
  invocation.out << (words.fence ? fmt::format("node {} fenced: its ports are released, its machine may not register\n",
                                               words.name)
                                 : fmt::format("node {} deleted\n", words.name));
  return ok();
}

Result<void> unfence(ControllerSession& session, Invocation& invocation, const Words& words) {
  const auto done = session.post(path_of(words) + ":unfence", Json::object());
  if (!done) {
    return done.error();
  }
  invocation.out << fmt::format("node {} unfenced: its machine may register again\n", words.name);
  return ok();
}

Result<void> release_held(ControllerSession& session, Invocation& invocation, const Words& words) {
  const auto done = session.post(path_of(words) + ":release-held", Json::object());
  if (!done) {
    return done.error();
  }
  if (field_at(*done, "released") == 0) {
    invocation.out << fmt::format("nothing of node {} is held\n", words.name);
  } else {
    invocation.out << fmt::format("{} held releases of node {} may go: the agent asks again within seconds\n",
                                  cell_of(*done, "released"), words.name);
  }
  return ok();
}

using Command = Result<void> (*)(ControllerSession&, Invocation&, const Words&);

CLI::App* add(CLI::App& node, Invocation& invocation, const std::shared_ptr<Words>& words, const char* name,
              const char* description, Command run) {
  CLI::App* command = node.add_subcommand(name, description);
  command->add_option("NAME", words->name, "the node")->required()->type_name("");
  command->fallthrough();
  command->callback([&invocation, words, run] {
    invocation.action = [&invocation, words, run](ControllerSession& session) {
      return run(session, invocation, *words);
    };
  });
  return command;
}

// A gateway itself is asked, by way of the controller, and keeps it.
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
  auto told = session.post("/v1/gateways/" + http::percent_encoded(words.name) + ":query", body);
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

using GatewayCommand = Result<void> (*)(ControllerSession&, Invocation&, const GatewayWords&);

CLI::App* add_verb(CLI::App& gateway, Invocation& invocation, const std::shared_ptr<GatewayWords>& words,
                   const char* name, const char* description, GatewayCommand run) {
  CLI::App* command = gateway.add_subcommand(name, description);
  command->add_option("NAME", words->name, "the gateway")->required()->type_name("");
  command->fallthrough();
  command->callback([&invocation, words, run] {
    invocation.action = [&invocation, words, run](ControllerSession& session) {
      return run(session, invocation, *words);
    };
  });
  return command;
}

void add_gateway(CLI::App& app, Invocation& invocation) {
  const auto words = std::make_shared<GatewayWords>();
  CLI::App* gateway = app.add_subcommand("gateway", "decide about a gateway: drain, undrain");
  gateway->require_subcommand(1);
  gateway->footer(R"(Examples:
  mooringctl gateway drain gw1
  mooringctl gateway undrain gw1)");
  CLI::App* drained =
      add_verb(*gateway, invocation, words, "drain",
               "nodes and machines go to other gateways; what it still gets it forwards", &drain_gateway);
  drained->add_flag("--force", words->force, "also if no other gateway of its network takes traffic");
  add_verb(*gateway, invocation, words, "undrain", "it takes traffic again", &undrain_gateway);
}

}  // namespace

// And of gateways.
void add_node(CLI::App& app, Invocation& invocation) {
  const auto words = std::make_shared<Words>();
  CLI::App* node = app.add_subcommand("node", "decide about a machine: delete, fence, unfence, let held releases go");
  node->require_subcommand(1);
  node->footer(R"(Examples:
  mooringctl node delete h7
  mooringctl node delete h7 --fence
  mooringctl node unfence h7
  mooringctl node release-held h7)");
  CLI::App* gone =
      add(*node, invocation, words, "delete", "a node that is gone; refused while it is heard from", &remove);
  auto* fence = gone->add_flag("--fence", words->fence, "release its ports, and keep its machine from coming back");
  gone->add_flag("--force", words->force, "release its ports; it may register again")->excludes(fence);
  add(*node, invocation, words, "unfence", "let a fenced machine register again", &unfence);
  add(*node, invocation, words, "release-held", "let go what so many ports at once were held for", &release_held);
  add_gateway(app, invocation);
}

}  // namespace mooring::ctl
