#include "ipam-controller/cli/controller_session.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <pwd.h>
#include <unistd.h>
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

// Who sits here, for the ledger: whoever became root by sudo is still named.
std::string user_name() {
  if (const char* before_sudo = std::getenv("SUDO_USER"); before_sudo != nullptr && *before_sudo != '\0') {
    return before_sudo;
  }
  const passwd* entry = ::getpwuid(::geteuid());
  return entry != nullptr ? entry->pw_name : fmt::format("uid {}", ::geteuid());
}

http::Headers if_match_header(std::optional<std::uint64_t> revision) {
  http::Headers headers;
  if (revision) {
    headers.emplace_back("If-Match", fmt::format("\"{}\"", *revision));
  }
  return headers;
}

}  // namespace

ControllerSession::ControllerSession(http::BlockingClient client, const SessionOptions& options)
    : client_(std::move(client)), timeout_(options.timeout), dry_run_(options.dry_run) {
  of_changes_.emplace_back("Mooring-User", user_name());
  if (!options.reason.empty()) {
    of_changes_.emplace_back("Mooring-Reason", options.reason);
  }
}

Result<ControllerSession> ControllerSession::open(const SessionOptions& options) {
  const auto endpoint = http::Endpoint::parse(options.server);
  if (!endpoint) {
    return endpoint.error();
  }
  if (options.reason.find_first_of("\r\n") != std::string::npos) {
    return Error(Errc::invalid_argument, "reading --reason: it has more than one line", "write it on one");
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
  return ControllerSession(http::BlockingClient(*found, std::move(token)), options);
}

Result<Json> ControllerSession::ask(std::string_view method, const std::string& target, const std::string& body,
                                    const http::Headers& headers) {
  http::Headers all = headers;
  std::string asked = target;
  if (method != "GET") {
    all.insert(all.end(), of_changes_.begin(), of_changes_.end());
    if (dry_run_ && asked.find("dry_run=") == std::string::npos) {
      asked += asked.find('?') == std::string::npos ? "?dry_run=true" : "&dry_run=true";
    }
  }
  const auto response = client_.request(std::string(method), asked, body, http::after(timeout_), all);
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

Result<http::Response> ControllerSession::fetch(const std::string& target, const std::string& etag) {
  constexpr int not_modified = 304;
  http::Headers headers;
  if (!etag.empty()) {
    headers.emplace_back("If-None-Match", etag);
  }
  auto response = client_.request("GET", target, "", http::after(timeout_), headers);
  if (!response) {
    return explained(response.error());
  }
  if (!response->ok() && response->status != not_modified) {
    return explained(ipam_api::error_from_problem(response->status, response->body));
  }
  return response;
}

Result<Json> ControllerSession::post(const std::string& target, const Json& body) {
  return ask("POST", target, body.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Result<Json> ControllerSession::put(const std::string& target, const Json& body,
                                    std::optional<std::uint64_t> if_match) {
  return ask("PUT", target, body.dump(-1, ' ', false, Json::error_handler_t::replace), if_match_header(if_match));
}

Result<Json> ControllerSession::remove(const std::string& target, std::optional<std::uint64_t> if_match) {
  return ask("DELETE", target, "", if_match_header(if_match));
}

Result<void> ControllerSession::begin_stream(const std::string& method, const std::string& target,
                                             const std::string& body) {
  const http::Headers headers = method == "GET" ? http::Headers() : of_changes_;
  if (const auto sent = client_.send(method, target, body, http::after(timeout_), headers); !sent) {
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

Result<std::string> ControllerSession::next_line(std::chrono::milliseconds patience) {
  return client_.next_line(http::after(patience));
}

}  // namespace mooring::ctl
