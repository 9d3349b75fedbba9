// How the program starts, refuses to start, and ends.
#include <catch2/catch.hpp>

#include "support/controller_process.hpp"

using namespace mooring;
using namespace mooring::tests;
using Catch::Contains;

TEST_CASE("main: SIGTERM and SIGINT end it cleanly and take the socket along") {
  for (const int signal : {SIGTERM, SIGINT}) {
    ControllerProcess controller;
    controller.start();
    CHECK(std::filesystem::exists(controller.socket_path()));
    CHECK(controller.terminate(signal) == 0);
    CHECK_FALSE(std::filesystem::exists(controller.socket_path()));
    CHECK_THAT(controller.log(), Contains(" ended\n"));
  }
}

TEST_CASE("main: what it cannot start with is said once, with the way out") {
  SECTION("TCP without a token file, loopback or not") {
    for (const char* address : {"0.0.0.0:0", "127.0.0.1:0"}) {
      ControllerProcess controller({"--listen-tcp", address});
      CHECK(controller.start_and_wait() == 2);
      CHECK_THAT(controller.log(), Contains("--listen-tcp") && Contains(address) && Contains("--node-token-file"));
    }
  }
  SECTION("a token file that others can read") {
    ControllerProcess controller;
    controller.add_option("--node-token-file");
    controller.add_option(controller.folder().file("t", "x\n", 0644));
    CHECK(controller.start_and_wait() == 2);
    CHECK_THAT(controller.log(), Contains("chmod 0600 " + controller.folder().path("t")));
  }
  SECTION("a store that is no database") {
    ControllerProcess controller;
    controller.folder().file("c.db", "this is no database, and long enough to be looked at as one", 0600);
    CHECK(controller.start_and_wait() == 1);
    CHECK_THAT(controller.log(), Contains("option --store: ") && Contains(controller.store_path()));
    CHECK(std::filesystem::file_size(controller.store_path()) == 59);  // left as it was
  }
  SECTION("a store that another controller uses") {
    ControllerProcess first;
    first.start();
    ControllerProcess second;
    second.use_store(first.store_path());
    CHECK(second.start_and_wait() == 1);
    CHECK_THAT(second.log(),
               Contains("option --store: ") && Contains(first.store_path()) && Contains("another mooring-controller"));
    auto client = first.client();
    CHECK(ask(client, "GET", "/v1/version").status == 200);
  }
  SECTION("a socket that another process answers on") {
    ControllerProcess first;
    first.start();
    ControllerProcess second;
    std::filesystem::create_symlink(first.socket_path(), second.socket_path());
    CHECK(second.start_and_wait() == 1);
    CHECK_THAT(second.log(), Contains("option --listen-unix"));
  }
  SECTION("a port that is taken") {
    ControllerProcess first;
    const std::string token = first.folder().file("t", "secret\n", 0600);
    for (const char* option : {"--listen-tcp", "127.0.0.1:0", "--admin-token-file", token.c_str()}) {
      first.add_option(option);
    }
    first.start();
    ControllerProcess second(
        {"--admin-token-file", token, "--listen-tcp", "127.0.0.1:" + std::to_string(first.tcp_port())});
    CHECK(second.start_and_wait() == 1);
    CHECK_THAT(second.log(), Contains("option --listen-tcp"));
    CHECK_FALSE(std::filesystem::exists(second.socket_path()));
  }
}

TEST_CASE("main: a socket file of a dead controller is replaced") {
  ControllerProcess controller;
  controller.start();
  controller.kill_now();
  REQUIRE(std::filesystem::exists(controller.socket_path()));
  controller.start();
  auto client = controller.client();
  CHECK(ask(client, "GET", "/v1/version").status == 200);
}
