#include "ipam-controller/api/routes.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace mooring::controller {

using ipam_api::Json;

Result<Json> body_of(const Call& call) {
  return ipam_api::parse_json("the request body", call.request.body);
}

Answered answered(int status, const Json& body) {
  return http::Answer(http::json(status, body.dump(-1, ' ', false, Json::error_handler_t::replace)));
}

Answered created(const std::string& location, const Json& body) {
  constexpr int created_status = 201;
  http::Response response = http::json(created_status, body.dump(-1, ' ', false, Json::error_handler_t::replace));
  response.headers.emplace_back("Location", location);
  return http::Answer(std::move(response));
}

Answered done_or(const Result<void>& result) {
  if (!result) {
    return result.error();
  }
  return answered(200, Json::object());
}

Result<void> only_parameters(const Call& call, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : call.request.query) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return Error(Errc::invalid_argument, fmt::format("query parameter '{}' is not known here", name),
                   known.size() == 0
                       ? "it takes none"
                       : fmt::format("known parameters: {}", fmt::join(known.begin(), known.end(), ", ")));
    }
  }
  return ok();
}

Result<bool> force_of(const Call& call) {
  if (const auto known = only_parameters(call, {"force"}); !known) {
    return known.error();
  }
  const std::string_view value = call.request.parameter("force");
  if (value == "true") {
    return true;
  }
  if (value.empty() || value == "false") {
    return false;
  }
  return Error(Errc::invalid_argument, fmt::format("force is '{}', expected true or false", value));
}

asio::awaitable<Answered> look_at(Services& services, Look look) {
  const Start<Json> start = [&services, look = std::move(look)](Callback<Json> done) {
    services.ipam.read([look, done = std::move(done)](const State& state, Revision) { done(look(state)); });
  };
  const Result<Json> found = co_await when_done(start);
  if (!found) {
    co_return found.error();
  }
  co_return answered(200, *found);
}

asio::awaitable<Answered> list_of(Services& services, LookAtAll look) {
  const Start<Json> start = [&services, look = std::move(look)](Callback<Json> done) {
    services.ipam.read([look, done = std::move(done)](const State& state, Revision revision) {
      done(Json{{"items", look(state)}, {"revision", revision}});
    });
  };
  const Result<Json> found = co_await when_done(start);
  if (!found) {
    co_return found.error();
  }
  co_return answered(200, *found);
}

Error no_such(std::string_view kind, std::string_view collection, std::string_view name) {
  return Error(Errc::not_found, fmt::format("{} '{}' does not exist", kind, name),
               fmt::format("GET /v1/{} lists those that do", collection));
}

}  // namespace mooring::controller
