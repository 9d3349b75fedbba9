// Completion in real shells, with the real mooringctl and the real controller. (Tests may run other programs; ours
// never do.)
#include <array>
#include <cstdio>
#include <memory>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "support/controller_process.hpp"

using namespace mooring::tests;

namespace {

// What the command says, without newlines at the end.
std::string said_by(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), &::pclose);
  REQUIRE(pipe != nullptr);
  std::string text;
  std::array<char, 4096> part{};
  while (const std::size_t count = std::fread(part.data(), 1, part.size(), pipe.get())) {
    text.append(part.data(), count);
  }
  while (!text.empty() && text.back() == '\n') {
    text.pop_back();
  }
  return text;
}

// `script` with {0}: the folder of the program, {1}: the controller's socket, {2}: the line.
std::string run_in(const std::string& shell, const ControllerProcess& controller, fmt::string_view script,
                   const std::string& line) {
  const std::string text =
      fmt::format(fmt::runtime(script), MOORING_BINARY_DIR "/ipam-controller", controller.socket_path(), line);
  return said_by(fmt::format("{} {} 2>&1", shell, controller.folder().file("complete", text, 0600)));
}

// What bash would offer for that line, joined by blanks.
std::string offered(const ControllerProcess& controller, const std::string& line) {
  return run_in("bash --norc", controller, R"(
export PATH="{0}:$PATH" MOORING_SERVER=unix:{1}
source <(mooringctl completion bash)
COMP_LINE='{2}'
COMP_POINT=${{#COMP_LINE}}
[[ $(complete -p mooringctl) == *"-F _mooringctl mooringctl" ]] || echo "not registered"
_mooringctl
echo "${{COMPREPLY[*]}}"
)",
                line);
}

// The same of fish, which is asked as its tab key asks it.
std::string offered_by_fish(const ControllerProcess& controller, const std::string& line) {
  return run_in("fish --no-config", controller, R"(
set -gx PATH {0} $PATH
set -gx MOORING_SERVER unix:{1}
mooringctl completion fish | source
complete -C '{2}' | string join ' '
)",
                line);
}

// The same of zsh: the function as compsys calls it, with the words of the line; what it adds is printed.
std::string offered_by_zsh(const ControllerProcess& controller, const std::string& line) {
  return run_in("zsh -f", controller, R"(
export PATH="{0}:$PATH" MOORING_SERVER=unix:{1}
compdef() {{ [[ "$*" == "_mooringctl mooringctl" ]] || echo "not registered" }}
compadd() {{ while [[ "$1" != -- ]] shift; shift; (( $# )) && echo "$*" }}
_files() {{ echo FILES }}
source <(mooringctl completion zsh)
words=("${{(@s: :)${{:-{2}}}}}")
CURRENT=${{#words}}
_mooringctl
)",
                line);
}

}  // namespace

TEST_CASE("completion: bash offers commands, kinds, options, names and values") {
  ControllerProcess controller;
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  REQUIRE(ask(client, "POST", "/v1/bindings", {{"namespace", "shop"}, {"hostname", "db-0"}}).status == 201);
  REQUIRE(ask(client, "POST", "/v1/bindings", {{"namespace", "shop"}, {"hostname", "db-1"}}).status == 201);
  REQUIRE(ask(client, "POST", "/v1/subnets", {{"name", "six"}, {"vni", 6}, {"cidr6", "fd00:6::/64"}}).status == 201);
  REQUIRE(ask(client, "POST", "/v1/extra-addresses",
              {{"address", "fd00:6::9"}, {"namespace", "shop"}, {"hostnames", {"lb-*"}}})
              .status == 201);
  for (const auto& [line, answer] :
       {std::pair("mooringctl des", "describe"), std::pair("mooringctl get po", "pool pools port ports"),
        std::pair("mooringctl get pool ", "p1"), std::pair("mooringctl describe binding shop/", "shop/db-0 shop/db-1"),
        std::pair("mooringctl delete binding shop/db-0 shop/db-", "shop/db-0 shop/db-1"),
        std::pair("mooringctl -o yaml get node ", "h1"), std::pair("mooringctl get ports --node ", "h1"),
        std::pair("mooringctl get ports --node=", "h1"), std::pair("mooringctl get ports --no", "--node"),
        std::pair("mooringctl get ports -n s", "shop"), std::pair("mooringctl get ports -o y", "yaml"),
        std::pair("mooringctl create pool x --subnet ", "s1 six"),
        std::pair("mooringctl create pool x --strategy l", "lowest"),
        std::pair("mooringctl extra-address move default/fd00:6", "6::9"),
        std::pair("mooringctl completion ", "bash fish zsh"), std::pair("mooringctl get nothing x", ""),
        std::pair("mooringctl block le", "lease")}) {
    CHECK(offered(controller, line) == answer);
  }
}

TEST_CASE("completion: a controller that is away offers no names, and nothing is printed") {
  ControllerProcess controller;
  CHECK(offered(controller, "mooringctl get pool ").empty());
  CHECK(offered(controller, "mooringctl get poo") == "pool pools");
}

TEST_CASE("completion: fish and zsh offer the same") {
  ControllerProcess controller;
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  REQUIRE(ask(client, "POST", "/v1/bindings", {{"namespace", "shop"}, {"hostname", "db-0"}}).status == 201);
  for (const auto& [line, answer] :
       {std::pair("mooringctl des", "describe"), std::pair("mooringctl get pool ", "p1"),
        std::pair("mooringctl describe binding shop/", "shop/db-0"), std::pair("mooringctl get ports --node ", "h1"),
        std::pair("mooringctl plan pool de", "delete")}) {
    CHECK(offered(controller, line) == answer);
    CHECK(offered_by_fish(controller, line) == answer);
    CHECK(offered_by_zsh(controller, line) == answer);
  }
}
