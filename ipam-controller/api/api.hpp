// The controller's HTTP interface: finds the route, checks who asks, runs the use case, turns errors into problems.
//
// Threading: Ipam's thread. Must outlive the server that it answers for.
#pragma once

#include <string>
#include <vector>

#include "ipam-controller/api/access.hpp"
#include "ipam-controller/api/routes.hpp"

namespace mooring::controller {

class Api {
 public:
  // `tokens` are for TCP; with none, nobody gets in there.
  Api(Services services, Tokens tokens);

  // The order of refusals: 401 (who are you?), 404, 405, 403 (not for you), then what the use case finds.
  asio::awaitable<http::Answer> answer(http::Request request);
  // For http::Limits: how large a body this request may have. Those who may not ask do not get to send much.
  std::size_t body_bytes_of(const http::Request& head) const;

 private:
  // `route`: the pattern that fitted, or "".
  asio::awaitable<http::Answer> answer_by_route(http::Request request, std::string_view& route);

  Services services_;
  Tokens tokens_;
  std::vector<Route> routes_;
};

// Everything that the controller answers to.
std::vector<Route> all_routes();
// The same as "METHOD PATTERN feed|node|admin" lines: --print-routes, which the tests hold docs/api/openapi.yaml to.
std::string routes_text();

// The parameters if `path` fits `pattern`, see Route::pattern.
struct PathMatch {
  bool fits = false;
  std::vector<std::string> parameters;
};
PathMatch match_path(std::string_view pattern, std::string_view path);

}  // namespace mooring::controller
