#include "ipam-controller/cli/controller_session.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include <fmt/format.h>

#include "mooring/ipam_api/messages.hpp"

namespace mooring::ctl {
namespace {

constexpr std::string_view away_hint =
    "is mooring-controller running there? Another place is given by --server or MOORING_SERVER";
constexpr std::string_view token_hint = "give a token with --token-file or MOORING_TOKEN_FILE";

Result<std::string> token_in(const std::string& path) {
  std::ifstream file(path);
  std::string token;
  if (!file) {
    return Error(Errc::invalid_argument, fmt::format("reading the token file {}: {}", path, std::strerror(errno)),
                 std::string(token_hint));
  }
  file >> token;
  if (token.empty()) {
    return Error(Errc::invalid_argument, fmt::format("reading the token file {}: it is empty", path));
  }
  return token;
}

// The controller's hints are for callers of its API; where mooringctl has options for it, it names them.
Error explained(const Error& error) {
  if (error.code() == Errc::unauthorized) {
    return Error(error.code(), error.message(), std::string(token_hint));
  }
  if (!error.hint().empty()) {
    return error;
  }
  if (error.code() == Errc::unavailable || error.code() == Errc::timeout) {
    return Error(error.code(), error.message(), std::string(away_hint));
  }
  return error;
}

}  // namespace

Result<ControllerSession> ControllerSession::open(const SessionOptions& options) {
  const auto endpoint = http::Endpoint::parse(options.server);
  if (!endpoint) {
    return endpoint.error();
  }
  const auto found = http::resolved(*endpoint);
  if (!found) {
    return explained(found.error());
  }
  std::string token;
  if (!options.token_file.empty()) {
    auto read = token_in(options.token_file);
    if (!read) {
      return read.error();
    }
    token = std::move(*read);
  }
  return ControllerSession(http::BlockingClient(*found, std::move(token)), options.timeout);
}

Result<Json> ControllerSession::ask(std::string_view method, const std::string& target, const std::string& body,
                                    const http::Headers& headers) {
  const auto response = client_.request(std::string(method), target, body, http::after(timeout_), headers);
  if (!response) {
    return explained(response.error());
  }
  if (!response->ok()) {
    return explained(ipam_api::error_from_problem(response->status, response->body));
  }
  if (response->body.empty()) {
    return Json::object();
  }
  return ipam_api::parse_json(fmt::format("the answer to {} {}", method, target), response->body);
}

Result<Json> ControllerSession::get(const std::string& target) {
  return ask("GET", target, "");
}

Result<Json> ControllerSession::post(const std::string& target, const Json& body) {
  return ask("POST", target, body.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Result<Json> ControllerSession::put(const std::string& target, const Json& body,
                                    std::optional<std::uint64_t> if_match) {
  http::Headers headers;
  if (if_match) {
    headers.emplace_back("If-Match", fmt::format("\"{}\"", *if_match));
  }
  return ask("PUT", target, body.dump(-1, ' ', false, Json::error_handler_t::replace), headers);
}

Result<Json> ControllerSession::remove(const std::string& target) {
  return ask("DELETE", target, "");
}

Result<void> ControllerSession::begin_stream(const std::string& method, const std::string& target,
                                             const std::string& body) {
  if (const auto sent = client_.send(method, target, body, http::after(timeout_)); !sent) {
    return explained(sent.error());
  }
  const auto head = client_.receive_head(http::after(timeout_));
  if (!head) {
    return explained(head.error());
  }
  if (!head->ok()) {
    return explained(ipam_api::error_from_problem(head->status, head->body));
  }
  return ok();
}

Result<http::Response> ControllerSession::begin_download(const std::string& target, std::chrono::seconds patience) {
  if (const auto sent = client_.send("GET", target, "", http::after(timeout_)); !sent) {
    return explained(sent.error());
  }
  auto head = client_.receive_head(http::after(patience));
  if (!head) {
    return explained(head.error());
  }
  if (!head->ok()) {
    return explained(ipam_api::error_from_problem(head->status, head->body));
  }
  return head;
}

Result<std::string> ControllerSession::next_bytes() {
  return client_.next_bytes(http::after(timeout_));
}

Result<std::string> ControllerSession::next_line(std::chrono::milliseconds patience) {
  return client_.next_line(http::after(patience));
}

}  // namespace mooring::ctl
