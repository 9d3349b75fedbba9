#include "ipam-controller/api/api.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "ipam-controller/api/audit.hpp"
#include "ipam-controller/api/explain.hpp"
#include "ipam-controller/api/plans.hpp"
#include "ipam-controller/api/problem.hpp"
#include "ipam-controller/api/trace.hpp"
#include "ipam-controller/observe/observatory.hpp"

namespace mooring::controller {
namespace {

// Takes the first segment off `path`.
std::string_view next_segment(std::string_view& path) {
  const auto slash = path.find('/');
  const std::string_view segment = path.substr(0, slash);
  path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  return segment;
}

// What a request may do is decided before its body is looked at.
struct FoundRoute {
  const Route* route = nullptr;
  std::vector<std::string> parameters;
  std::string allowed;  // methods of the path, when the method is none of them
};

FoundRoute find_route(const std::vector<Route>& routes, const http::Request& request) {
  FoundRoute found;
  for (const Route& route : routes) {
    PathMatch match = match_path(route.pattern, request.path);
    if (!match.fits) {
      continue;
    }
    if (route.method == request.method) {
      found.route = &route;
      found.parameters = std::move(match.parameters);
      return found;
    }
    found.allowed += (found.allowed.empty() ? "" : ", ") + std::string(route.method);
  }
  return found;
}

int status_of(const http::Answer& answer) {
  const auto* response = std::get_if<http::Response>(&answer.value);
  return response != nullptr ? response->status : std::get<http::Stream>(answer.value).status;
}

}  // namespace

PathMatch match_path(std::string_view pattern, std::string_view path) {
  PathMatch match;
  // A trailing or double slash would be an empty segment: no pattern has one.
  while (!pattern.empty() && !path.empty()) {
    const bool last_of_pattern = pattern.find('/') == std::string_view::npos;
    const bool last_of_path = path.find('/') == std::string_view::npos;
    if (last_of_pattern != last_of_path) {
      return {};
    }
    const std::string_view expected = next_segment(pattern);
    std::string_view segment = next_segment(path);
    if (!expected.starts_with('{')) {
      if (expected != segment) {
        return {};
      }
    } else {
      const std::string_view verb = expected.substr(expected.find('}') + 1);  // "" or ":verb"
      if (!segment.ends_with(verb)) {
        return {};
      }
      segment.remove_suffix(verb.size());
      if (segment.empty() || segment.find(':') != std::string_view::npos) {
        return {};
      }
      match.parameters.emplace_back(segment);
    }
    match.fits = last_of_pattern;
  }
  return match.fits && pattern.empty() && path.empty() ? match : PathMatch{};
}

std::vector<Route> all_routes() {
  std::vector<Route> routes;
  for (const auto part :
       {topology_routes(), vip_routes(),   policy_routes(),      block_routes(),   binding_routes(),
        import_routes(),   apply_routes(), port_routes(),        node_routes(),    node_evidence_routes(),
        fsck_routes(),     trace_routes(), watch_routes(),       audit_routes(),   explain_routes(),
        plan_routes(),     event_routes(), webhook_routes(),     metrics_routes(), backup_routes(),
        restore_routes(),  list_routes(),  access_rule_routes(), sighting_routes()}) {
    routes.insert(routes.end(), part.begin(), part.end());
  }
  return routes;
}

std::string routes_text() {
  std::string text;
  for (const Route& route : all_routes()) {
    text += fmt::format("{} {} {}\n", route.method, route.pattern, to_string(route.needs));
  }
  return text;
}

Api::Api(Services services, Tokens tokens) : services_(services), tokens_(std::move(tokens)), routes_(all_routes()) {}

std::size_t Api::body_bytes_of(const http::Request& head) const {
  const Result<Access> caller = access_of(head, tokens_);
  const FoundRoute found = caller ? find_route(routes_, head) : FoundRoute();
  const bool may = found.route != nullptr && *caller >= found.route->needs;
  return may && found.route->large_body ? large_body_bytes : 0;
}

asio::awaitable<http::Answer> Api::answer(http::Request request) {
  const std::string method = request.method;
  std::string_view route;
  http::Answer answer = co_await answer_by_route(std::move(request), route);
  services_.observatory.metrics().http_request(method, route, status_of(answer));
  co_return answer;
}

asio::awaitable<http::Answer> Api::answer_by_route(http::Request request, std::string_view& route) {
  const Result<Access> caller = access_of(request, tokens_);
  if (!caller) {
    spdlog::warn("api: {} {} from {}: {}", request.method, request.path, request.peer.str(), caller.error().message());
    co_return problem(caller.error());
  }
  FoundRoute found = find_route(routes_, request);
  if (found.route == nullptr) {
    if (!found.allowed.empty()) {
      co_return method_not_allowed(request.method, request.path, found.allowed);
    }
    const Error nothing(Errc::not_found, fmt::format("there is nothing at {}", request.path), "see docs/api/rest.md");
    co_return problem(nothing);
  }
  route = found.route->pattern;
  if (*caller < found.route->needs) {
    const Error refused(
        Errc::permission_denied,
        fmt::format("{} {} needs the {} token", request.method, request.path, to_string(found.route->needs)),
        *caller == Access::node ? "a node token is for what nodes and gateways call"
                                : "a feed token is for feeds alone");
    spdlog::warn("api: from {}: {}", request.peer.str(), refused.message());
    co_return problem(refused);
  }
  const Call call{request, std::move(found.parameters), *caller};
  Answered result = co_await found.route->run(services_, call);
  if (!result) {
    if (result.error().info().http_status >= 500 && result.error().code() != Errc::unavailable) {
      spdlog::error("api: {} {}: {}", request.method, request.path, result.error().text());
    }
    co_return problem(result.error());
  }
  co_return std::move(*result);
}

}  // namespace mooring::controller
