// mooringctl create list and feed, against a real controller that goes and comes back.
#include <future>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "support/controller_process.hpp"
#include "support/ctl_run.hpp"

using namespace mooring;
using namespace mooring::tests;
using Catch::Contains;

namespace {

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string must(const ControllerProcess& controller, const std::vector<std::string>& arguments) {
  const CtlOutcome outcome = run_ctl(controller, arguments);
  INFO(outcome.err);
  REQUIRE(outcome.status == 0);
  return outcome.out;
}

void allocate(const ControllerProcess& controller, const std::string& hostname) {
  auto client = controller.client();
  REQUIRE(ask(client, "POST", "/v1/ports:allocate", allocate_body("c-" + hostname, hostname)).status == 200);
}

}  // namespace

TEST_CASE("ctl lists: made, shown, applied and deleted as other objects") {
  ControllerProcess controller;
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  CHECK(must(controller,
             {"create", "list", "shop", "--for-namespace", "shop", "--for-hostname", "web-*,api-*", "--for-label",
              "tier=front", "--address", "192.0.2.0/25", "--address", "192.0.2.128/25", "--note", "the shop"}) ==
        "list shop created: network default, selector hostnames=web-*,api-* labels=tier=front namespaces=shop, "
        "addresses 192.0.2.0-192.0.2.255\n");
  CHECK_THAT(must(controller, {"get", "lists"}), Contains("NAME   NETWORK") && Contains("192.0.2.0-192.0.2.255"));
  CHECK_THAT(must(controller, {"describe", "list", "shop"}), Contains("the shop"));
  const std::string file = controller.folder().file(
      "list.yaml", "kind: list\nspec:\n  name: office\n  addresses: [198.51.100.0/24]\n", 0600);
  CHECK(must(controller, {"apply", "-f", file}) == "list office created\n");
  CHECK(must(controller, {"apply", "-f", file}) == "list office unchanged\n");
  CHECK(must(controller, {"delete", "list", "office"}) == "list office deleted\n");
  const CtlOutcome nothing = run_ctl(controller, {"create", "list", "none"});
  CHECK(nothing.status == 2);
  CHECK_THAT(nothing.err, Contains("it selects nothing"));
}

TEST_CASE("ctl feed: each format, once") {
  ControllerProcess controller;
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  must(controller, {"create", "list", "web", "--for-hostname", "web-*"});
  allocate(controller, "web-0");
  CHECK(must(controller, {"feed", "web", "--format", "plain"}) == "10.0.0.2/32\n");
  CHECK(Json::parse(must(controller, {"feed", "web"})).at("cidrs") == Json{"10.0.0.2/32"});
  CHECK_THAT(must(controller, {"feed", "web", "--format", "haproxy"}), Contains("\n10.0.0.2/32 web\n"));
  CHECK_THAT(must(controller, {"feed", "web", "--format", "nftables", "--table", "filter"}),
             Contains("add set inet filter list-web-v4 "));
  const CtlOutcome missing = run_ctl(controller, {"feed", "nobody"});
  CHECK(missing.status == 1);
  CHECK_THAT(missing.err, Contains("list 'nobody' does not exist"));
  CHECK(run_ctl(controller, {"feed", "web", "--format", "xml"}).status == 2);
  CHECK(run_ctl(controller, {"feed", "../web"}).status == 2);
}

TEST_CASE("ctl feed --watch --file: follows over a controller that is killed, and leaves the file when the list goes") {
  ControllerProcess controller;
  controller.start();
  const std::string file = controller.folder().path("web.list");
  {
    auto client = controller.client();
    make_small_world(client);
  }
  must(controller, {"create", "list", "web", "--for-hostname", "web-*"});
  auto watching = std::async(std::launch::async, [&] {
    return run_ctl(controller, {"--timeout", "4", "feed", "web", "--format", "plain", "--file", file, "--watch"});
  });
  CHECK(eventually([&] { return ::access(file.c_str(), F_OK) == 0; }));
  struct stat there {};
  REQUIRE(::stat(file.c_str(), &there) == 0);
  CHECK((there.st_mode & 0777U) == 0644U);
  REQUIRE(::chmod(file.c_str(), 0640) == 0);
  allocate(controller, "web-0");
  CHECK(eventually([&] { return content_of(file) == "10.0.0.2/32\n"; }));
  REQUIRE(::stat(file.c_str(), &there) == 0);
  CHECK((there.st_mode & 0777U) == 0640U);
  controller.kill_now();
  controller.start();
  allocate(controller, "web-1");
  CHECK(eventually([&] { return content_of(file) == "10.0.0.2/31\n"; }, std::chrono::seconds(30)));
  must(controller, {"delete", "list", "web"});
  const CtlOutcome ended = watching.get();
  CHECK(ended.status == 1);
  CHECK_THAT(ended.err, Contains("list 'web' does not exist"));
  CHECK(content_of(file) == "10.0.0.2/31\n");
}
