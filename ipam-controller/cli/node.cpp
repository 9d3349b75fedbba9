// node: what an operator decides about a machine: it is gone, it may come back, what it gave up may go.
#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "ipam-controller/cli/named_verb.hpp"
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

}  // namespace

void add_node(CLI::App& app, Invocation& invocation) {
  const auto words = std::make_shared<Words>();
  CLI::App* node = app.add_subcommand("node", "decide about a machine: delete, fence, unfence, let held releases go");
  node->require_subcommand(1);
  node->footer(R"(Examples:
  mooringctl node delete h7
  mooringctl node delete h7 --fence
  mooringctl node unfence h7
  mooringctl node release-held h7)");
  CLI::App* gone = add_named_verb(*node, invocation, words, "delete", "the node",
                                  "a node that is gone; refused while it is heard from", &remove);
  auto* fence = gone->add_flag("--fence", words->fence, "release its ports, and keep its machine from coming back");
  gone->add_flag("--force", words->force, "release its ports; it may register again")->excludes(fence);
  add_named_verb(*node, invocation, words, "unfence", "the node", "let a fenced machine register again", &unfence);
  add_named_verb(*node, invocation, words, "release-held", "the node",
                 "let go what so many ports at once were held for", &release_held);
}

}  // namespace mooring::ctl
