// mooringctl's conversation with the controller: JSON in, JSON out, problems as errors.
// Threading: one thread; calls block, each within the time-out.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mooring/base/error.hpp"
#include "mooring/http/blocking_client.hpp"
#include "mooring/http/message.hpp"
#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::ctl {

using ipam_api::Json;

struct SessionOptions {
  std::string server = "unix:/run/mooring/controller.sock";
  std::string token_file;  // "" = none
  std::chrono::seconds timeout{10};
  bool dry_run = false;  // every change is only tried
  std::string reason;    // of the changes, for the ledger
};

class ControllerSession {
 public:
  // Reads the token file and looks a host name up; connects only with the first call.
  static Result<ControllerSession> open(const SessionOptions& options);

  Result<Json> get(const std::string& target);
  // The answer as it is; 304 (and no body) while it is still the one that `etag`, with its quotes, stands for.
  Result<http::Response> fetch(const std::string& target, const std::string& etag);
  Result<Json> post(const std::string& target, const Json& body);
  // `if_match`: the object must still be at that revision.
  Result<Json> put(const std::string& target, const Json& body, std::optional<std::uint64_t> if_match);
  Result<Json> remove(const std::string& target, std::optional<std::uint64_t> if_match = std::nullopt);

  // Answers of lines (the watch stream): after begin_stream(), one line after the other.
  Result<void> begin_stream(const std::string& target) { return begin_stream("GET", target, ""); }
  Result<void> begin_stream(const std::string& method, const std::string& target, const std::string& body);
  Result<std::string> next_line(std::chrono::milliseconds patience);

  std::string endpoint() const { return client_.endpoint().str(); }
  bool dry_run() const { return dry_run_; }

 private:
  ControllerSession(http::BlockingClient client, const SessionOptions& options);
  Result<Json> ask(std::string_view method, const std::string& target, const std::string& body,
                   const http::Headers& headers = {});

  http::BlockingClient client_;
  std::chrono::seconds timeout_;
  bool dry_run_;
  http::Headers of_changes_;  // who and why
};

}  // namespace mooring::ctl
