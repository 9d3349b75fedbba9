// Completion in a real bash, with the real mooringctl and the real controller.
#include <array>
#include <cstdio>
#include <memory>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "support/controller_process.hpp"

using namespace mooring::tests;

namespace {

// What bash would offer for that line, joined by blanks.
std::string offered(const ControllerProcess& controller, const std::string& line) {
  const std::string script =
      controller.folder().file("complete.sh",
                               fmt::format(R"(
export PATH="{0}:$PATH" MOORING_SERVER=unix:{1}
source <(mooringctl completion bash)
COMP_LINE='{2}'
COMP_POINT=${{#COMP_LINE}}
[[ $(complete -p mooringctl) == *"-F _mooringctl mooringctl" ]] || echo "not registered"
_mooringctl
echo "${{COMPREPLY[*]}}"
)",
                                           MOORING_BINARY_DIR "/ipam-controller", controller.socket_path(), line),
                               0600);
  const std::string command = fmt::format("bash --norc {} 2>&1", script);
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
