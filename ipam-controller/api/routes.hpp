// The doors of the controller: path pattern x method -> use case (docs/api/rest.md). Each kind of object has a file
// with its routes; api.cpp puts them together.
//
// Threading: Ipam's thread.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ipam-controller/api/access.hpp"
#include "ipam-controller/api/watch_hub.hpp"
#include "ipam-controller/api/when_done.hpp"
#include "ipam-controller/app/ipam.hpp"
#include "mooring/http/server.hpp"
#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::controller {

// What use cases work with; outlives every call.
struct Services {
  Ipam& ipam;
  WatchHub& hub;
};

// One request that was let in. Lives until its use case is done.
struct Call {
  const http::Request& request;
  std::vector<std::string> parameters;  // what stands for {…} in the pattern, in order; never empty texts
};

using Answered = Result<http::Answer>;
using UseCase = asio::awaitable<Answered> (*)(Services& services, const Call& call);

struct Route {
  std::string_view method;
  // Segments; "{name}" takes any text without ':', "{name}:verb" needs the verb.
  std::string_view pattern;
  Access needs;
  UseCase run;
};

std::span<const Route> network_routes();
std::span<const Route> subnet_routes();
std::span<const Route> pool_routes();
std::span<const Route> binding_routes();
std::span<const Route> port_routes();
std::span<const Route> node_routes();   // nodes and gateways
std::span<const Route> watch_routes();  // version, watch, answers

// --- what the use cases share
// -----------------------------------------------------------------------------------------

// The body as JSON; an error says what was wrong with it.
Result<ipam_api::Json> body_of(const Call& call);
Answered answered(int status, const ipam_api::Json& body);
// 201 with the object and its place.
Answered created(const std::string& location, const ipam_api::Json& body);
// {} or the error.
Answered done_or(const Result<void>& result);
// Query parameters other than those are refused and named.
Result<void> only_parameters(const Call& call, std::initializer_list<std::string_view> known);
// ?force=true|false, absent = false.
Result<bool> force_of(const Call& call);

// Looks at the committed state. The reader gives back JSON or an error.
using Look = std::function<Result<ipam_api::Json>(const State& state)>;
asio::awaitable<Answered> look_at(Services& services, Look look);
// The same for a list: {"items": […], "revision": N}.
using LookAtAll = std::function<ipam_api::Json(const State& state)>;
asio::awaitable<Answered> list_of(Services& services, LookAtAll look);

// "network 'x' does not exist", with the way to see which do.
Error no_such(std::string_view kind, std::string_view collection, std::string_view name);

}  // namespace mooring::controller
