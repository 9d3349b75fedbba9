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
#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::ctl {

using ipam_api::Json;

struct SessionOptions {
  std::string server = "unix:/run/mooring/controller.sock";
  std::string token_file;  // "" = none
  std::chrono::seconds timeout{10};
};

class ControllerSession {
 public:
  // Reads the token file and looks a host name up; connects only with the first call.
  static Result<ControllerSession> open(const SessionOptions& options);

  Result<Json> get(const std::string& target);
  Result<Json> post(const std::string& target, const Json& body);
  // `if_match`: the object must still be at that revision.
  Result<Json> put(const std::string& target, const Json& body, std::optional<std::uint64_t> if_match);
  Result<Json> remove(const std::string& target);

  // Answers of lines (the watch stream): after begin_stream(), one line after the other.
  Result<void> begin_stream(const std::string& target) { return begin_stream("GET", target, ""); }
  Result<void> begin_stream(const std::string& method, const std::string& target, const std::string& body);
  Result<std::string> next_line(std::chrono::milliseconds patience);

  // An answer of bytes: after begin_download(), which gives its head, some of them at a time; "" is the end.
  Result<http::Response> begin_download(const std::string& target, std::chrono::seconds patience);
  Result<std::string> next_bytes();

  std::string endpoint() const { return client_.endpoint().str(); }

 private:
  ControllerSession(http::BlockingClient client, std::chrono::seconds timeout)
      : client_(std::move(client)), timeout_(timeout) {}
  Result<Json> ask(std::string_view method, const std::string& target, const std::string& body,
                   const http::Headers& headers = {});

  http::BlockingClient client_;
  std::chrono::seconds timeout_;
};

}  // namespace mooring::ctl
