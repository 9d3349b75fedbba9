// Who may do what: socket, no token, wrong token, node token, admin token, at every kind of door.
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "support/controller_process.hpp"

using namespace mooring;
using namespace mooring::tests;

TEST_CASE("auth: the matrix of doors and tokens") {
  ControllerProcess controller;
  const auto& folder = controller.folder();
  for (const std::string& option :
       {std::string("--node-silence-seconds"), std::string("0"), std::string("--listen-tcp"),
        std::string("127.0.0.1:0"), std::string("--node-token-file"), folder.file("node", "node-token\n", 0600),
        std::string("--admin-token-file"), folder.file("admin", "admin-token\n", 0600)}) {
    controller.add_option(option);
  }
  controller.start();
  auto socket = controller.client();
  auto nobody = controller.tcp_client("");
  auto stranger = controller.tcp_client("wrong-token");
  auto node = controller.tcp_client("node-token");
  auto admin = controller.tcp_client("admin-token");

  // What the use case answers to someone who was let in.
  struct Door {
    const char* method;
    const char* target;
    int inside;
    bool for_nodes;
  };
  for (const Door& door :
       {Door{"GET", "/v1/version", 200, true},         Door{"PUT", "/v1/nodes/h1", 400, true},
        Door{"PUT", "/v1/gateways/gw1", 400, true},    Door{"POST", "/v1/gateways/gw1:report", 400, true},
        Door{"POST", "/v1/ports:allocate", 400, true}, Door{"POST", "/v1/ports:confirm", 400, true},
        Door{"POST", "/v1/ports:release", 400, true},  Door{"GET", "/v1/watch", 400, true},
        Door{"POST", "/v1/answers/1", 400, true},      Door{"GET", "/v1/networks", 200, false},
        Door{"POST", "/v1/networks", 400, false},      Door{"GET", "/v1/networks/default", 200, false},
        Door{"DELETE", "/v1/networks/x", 404, false},  Door{"GET", "/v1/subnets", 200, false},
        Door{"POST", "/v1/subnets", 400, false},       Door{"DELETE", "/v1/subnets/x", 404, false},
        Door{"GET", "/v1/pools", 200, false},          Door{"POST", "/v1/pools", 400, false},
        Door{"DELETE", "/v1/pools/x", 404, false},     Door{"GET", "/v1/bindings", 200, false},
        Door{"POST", "/v1/bindings", 400, false},      Door{"DELETE", "/v1/bindings/a/b/c/0", 404, false},
        Door{"GET", "/v1/ports", 200, false},          Door{"DELETE", "/v1/ports/x", 404, false},
        Door{"GET", "/v1/nodes", 200, false},          Door{"DELETE", "/v1/nodes/x", 404, false},
        Door{"POST", "/v1/nodes/x:query", 400, false}, Door{"GET", "/v1/gateways", 200, false},
        Door{"DELETE", "/v1/gateways/x", 404, false},  Door{"POST", "/v1/gateways/x:query", 400, false}}) {
    INFO(door.method << " " << door.target);
    CHECK(ask(socket, door.method, door.target).status == door.inside);
    CHECK(ask(admin, door.method, door.target).status == door.inside);
    CHECK(ask(node, door.method, door.target).status == (door.for_nodes ? door.inside : 403));
    CHECK(ask(nobody, door.method, door.target).status == 401);
    CHECK(ask(stranger, door.method, door.target).status == 401);
  }
  // Strangers do not even learn which doors there are.
  CHECK(ask(nobody, "GET", "/v1/nothing").status == 401);
  CHECK(ask(nobody, "PATCH", "/v1/networks").status == 401);
  CHECK(ask(node, "GET", "/v1/nothing").status == 404);
  const JsonAnswer refused = ask(nobody, "GET", "/v1/networks");
  CHECK(refused.body["title"] == "unauthorized");
  CHECK(refused.response.header("www-authenticate") == "Bearer");
  CHECK(ask(node, "GET", "/v1/networks").body["title"] == "permission-denied");
  // No secret in the log.
  CHECK(controller.log().find("-token\"") == std::string::npos);
  CHECK(controller.log().find("wrong-token") == std::string::npos);
}

TEST_CASE("auth: with a node token alone, TCP opens nothing else") {
  ControllerProcess controller;
  controller.add_option("--listen-tcp");
  controller.add_option("127.0.0.1:0");
  controller.add_option("--node-token-file");
  controller.add_option(controller.folder().file("node", "node-token\n", 0600));
  controller.start();
  auto node = controller.tcp_client("node-token");
  auto nobody = controller.tcp_client("");
  CHECK(ask(node, "GET", "/v1/version").status == 200);
  CHECK(ask(node, "GET", "/v1/networks").status == 403);
  CHECK(ask(nobody, "GET", "/v1/networks").status == 401);
}

TEST_CASE("auth: the unix socket is its owner's alone") {
  ControllerProcess controller;
  controller.start();
  struct stat found {};
  REQUIRE(::stat(controller.socket_path().c_str(), &found) == 0);
  CHECK((found.st_mode & 0777U) == 0600U);
}
