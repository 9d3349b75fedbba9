// Finding the route of a path.
#include <catch2/catch.hpp>

#include "ipam-controller/api/api.hpp"
#include "ipam-controller/api/problem.hpp"

using namespace mooring;
using namespace mooring::controller;

TEST_CASE("api: paths and patterns") {
  struct Case {
    const char* pattern;
    const char* path;
    bool fits;
    std::vector<std::string> parameters;
  };
  for (const Case& c : {Case{"/v1/networks", "/v1/networks", true, {}},
                        Case{"/v1/networks", "/v1/networks/", false, {}},
                        Case{"/v1/networks", "/v1/network", false, {}},
                        Case{"/v1/networks", "/v1/networks/a", false, {}},
                        Case{"/v1/networks", "/v1", false, {}},
                        Case{"/v1/networks", "", false, {}},
                        Case{"/v1/networks", "/", false, {}},
                        Case{"/v1/networks", "//v1/networks", false, {}},
                        Case{"/v1/networks", "v1/networks", false, {}},
                        Case{"/v1/networks/{name}", "/v1/networks/a", true, {"a"}},
                        Case{"/v1/networks/{name}", "/v1/networks/", false, {}},
                        Case{"/v1/networks/{name}", "/v1/networks", false, {}},
                        Case{"/v1/networks/{name}", "/v1/networks/a/b", false, {}},
                        Case{"/v1/networks/{name}", "/v1/networks/a/", false, {}},
                        Case{"/v1/nodes/{name}", "/v1/nodes/h1:query", false, {}},
                        Case{"/v1/nodes/{name}:query", "/v1/nodes/h1:query", true, {"h1"}},
                        Case{"/v1/nodes/{name}:query", "/v1/nodes/h1", false, {}},
                        Case{"/v1/nodes/{name}:query", "/v1/nodes/:query", false, {}},
                        Case{"/v1/nodes/{name}:query", "/v1/nodes/h1:query:query", false, {}},
                        Case{"/v1/ports:allocate", "/v1/ports:allocate", true, {}},
                        Case{"/v1/ports:allocate", "/v1/ports:free", false, {}},
                        Case{"/v1/b/{a}/{b}/{c}", "/v1/b/x/y/z", true, {"x", "y", "z"}},
                        Case{"/v1/b/{a}/{b}/{c}", "/v1/b/x//z", false, {}}}) {
    INFO(c.pattern << " " << c.path);
    const PathMatch match = match_path(c.pattern, c.path);
    CHECK(match.fits == c.fits);
    CHECK(match.parameters == c.parameters);
  }
}

TEST_CASE("api: no two routes answer the same method and path") {
  std::vector<Route> routes;
  for (const auto part : {topology_routes(), policy_routes(), block_routes(), binding_routes(), port_routes(),
                          node_routes(), watch_routes()}) {
    routes.insert(routes.end(), part.begin(), part.end());
  }
  CHECK(routes.size() > 30);
  for (std::size_t i = 0; i < routes.size(); ++i) {
    for (std::size_t j = i + 1; j < routes.size(); ++j) {
      INFO(routes[i].method << " " << routes[i].pattern);
      CHECK_FALSE((routes[i].method == routes[j].method && routes[i].pattern == routes[j].pattern));
    }
  }
}

TEST_CASE("api: problems") {
  const http::Response refused = problem(Error(Errc::exhausted, "pool p: 0 of 4 free", "add a range"));
  CHECK(refused.status == 409);
  CHECK(refused.content_type == "application/problem+json");
  const Error read = ipam_api::error_from_problem(refused.status, refused.body);
  CHECK(read.code() == Errc::exhausted);
  CHECK(read.hint() == "add a range");

  CHECK(problem(Error(Errc::unauthorized, "who?")).header("www-authenticate") == "Bearer");
  // What a client sent may be no UTF-8; the problem is JSON all the same.
  CHECK(ipam_api::parse_json("body", problem(Error(Errc::not_found, "nothing at \xff\xfe")).body).has_value());

  const http::Response method = method_not_allowed("PUT", "/v1/networks", "GET, POST");
  CHECK(method.status == 405);
  CHECK(method.header("allow") == "GET, POST");
  CHECK(ipam_api::parse_json("body", method.body).value()["status"] == 405);
}
