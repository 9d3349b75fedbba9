#include "ipam-controller/api/routes.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace mooring::controller {

using ipam_api::Json;

namespace {

void add_etag(http::Response& response, const Json& object) {
  if (const auto it = object.find("revision"); it != object.end()) {
    response.headers.emplace_back("ETag", fmt::format("\"{}\"", it->dump()));
  }
}

}  // namespace

Result<Json> body_of(const Call& call) {
  return ipam_api::parse_json("the request body", call.request.body);
}

Answered answered(int status, const Json& body) {
  return http::Answer(http::json(status, body.dump(-1, ' ', false, Json::error_handler_t::replace)));
}

Answered answered_text(int status, std::string json) {
  return http::Answer(http::json(status, std::move(json)));
}

Answered created(const std::string& location, const Json& body) {
  constexpr int created_status = 201;
  http::Response response = http::json(created_status, body.dump(-1, ' ', false, Json::error_handler_t::replace));
  response.headers.emplace_back("Location", location);
  add_etag(response, body);
  return http::Answer(std::move(response));
}

Answered done_or(const Result<void>& result) {
  if (!result) {
    return result.error();
  }
  return answered(200, Json::object());
}

Result<void> only_parameters(const Call& call, const std::vector<std::string_view>& known) {
  for (const auto& [name, value] : call.request.query) {
    const bool of_changes = name == "dry_run" && call.request.method != "GET";
    if (!of_changes && std::find(known.begin(), known.end(), name) == known.end()) {
      return Error(Errc::invalid_argument, fmt::format("query parameter '{}' is not known here", name),
                   known.empty() ? "it takes none"
                                 : fmt::format("known parameters: {}", fmt::join(known.begin(), known.end(), ", ")));
    }
  }
  return ok();
}

Result<bool> force_of(const Call& call) {
  const auto known = only_parameters(call, {"force"});
  return known ? flag_of(call, "force") : Result<bool>(known.error());
}

Result<bool> flag_of(const Call& call, std::string_view name) {
  const std::string_view value = call.request.parameter(name);
  if (value == "true") {
    return true;
  }
  if (value.empty() || value == "false") {
    return false;
  }
  return Error(Errc::invalid_argument, fmt::format("{} is '{}', expected true or false", name, value));
}

Answered with_etag(const Json& object, bool) {
  http::Response response = http::json(200, object.dump(-1, ' ', false, Json::error_handler_t::replace));
  add_etag(response, object);
  return http::Answer(std::move(response));
}

Result<void> no_if_match(const Call& call) {
  if (call.request.header("if-match").empty()) {
    return ok();
  }
  return Error(Errc::invalid_argument,
               fmt::format("If-Match says nothing to {} {}", call.request.method, call.request.path),
               "it is for PUT and DELETE of one object");
}

Result<Caller> plain_caller_of(const Call& call) {
  const auto known = only_parameters(call, {});
  return known ? caller_of(call) : Result<Caller>(known.error());
}

Result<Caller> caller_of(const Call& call) {
  constexpr std::size_t max_reason_bytes = 500;
  Caller caller;
  caller.actor.kind = call.access == Access::admin ? Actor::Kind::person : Actor::Kind::node;
  caller.actor.from = call.request.peer.str();
  const std::string_view user = call.request.header("mooring-user");
  caller.actor.name = user.empty() ? std::string(to_string(call.access)) : std::string(user);
  caller.reason = call.request.header("mooring-reason");
  if (caller.reason.size() > max_reason_bytes || caller.actor.name.size() > 253) {
    return Error(Errc::invalid_argument, "Mooring-Reason or Mooring-User is too long",
                 fmt::format("at most {} and 253 bytes", max_reason_bytes));
  }
  const std::string_view dry_run = call.request.parameter("dry_run");
  if (!dry_run.empty() && dry_run != "true" && dry_run != "false") {
    return Error(Errc::invalid_argument, fmt::format("dry_run is '{}', expected true or false", dry_run));
  }
  caller.dry_run = dry_run == "true";
  std::string_view match = call.request.header("if-match");
  if (!match.empty() && match != "*") {
    if (match.size() >= 2 && match.front() == '"' && match.back() == '"') {
      match = match.substr(1, match.size() - 2);
    }
    Revision revision = 0;
    const auto [end, error] = std::from_chars(match.data(), match.data() + match.size(), revision);
    if (error != std::errc{} || end != match.data() + match.size()) {
      return Error(Errc::invalid_argument, fmt::format("If-Match '{}' is not a revision", match),
                   "send the object's ETag: If-Match: \"41\"");
    }
    caller.if_match = revision;
  }
  return caller;
}

Json Page::json() const {
  Json json = {{"items", items_}};
  if (more_) {
    json["continue"] = last_;
  }
  return json;
}

asio::awaitable<Answered> look_at(Services& services, Look look) {
  const Start<Json> start = [&services, look = std::move(look)](Callback<Json> done) {
    services.ipam.read([look, done = std::move(done)](const State& state, Revision) { done(look(state)); });
  };
  const Result<Json> found = co_await when_done(start);
  if (!found) {
    co_return found.error();
  }
  co_return with_etag(*found);
}

asio::awaitable<Answered> list_of(Services& services, LookAtAll look) {
  const Start<Json> start = [&services, look = std::move(look)](Callback<Json> done) {
    services.ipam.read([look, done = std::move(done)](const State& state, Revision revision) {
      Json page = look(state).json();
      page["revision"] = revision;
      done(std::move(page));
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
