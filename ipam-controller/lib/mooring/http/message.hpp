// One HTTP request and one answer, as the rest of Mooring sees them. No framing here: that is server.hpp, client.hpp.
//
// All types have constructors on purpose: g++ 12 miscompiles aggregate temporaries inside `co_await` statements.
// Threading: values.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mooring/base/error.hpp"

namespace mooring::http {

// (name, value). Names are lower case in what was received; any case in what is sent.
using Headers = std::vector<std::pair<std::string, std::string>>;

// Who is at the other end of a connection.
class Peer {
 public:
  Peer() = default;
  bool unix_socket = false;
  std::uint32_t uid = 0;  // SO_PEERCRED, at the time of connect(); only with unix_socket
  std::int32_t pid = 0;   // the same
  std::string address;    // TCP: "127.0.0.1:43210"; unix: ""
  // For logs: "pid 12 uid 0" or "127.0.0.1:43210".
  std::string str() const;
};

class Request {
 public:
  Request() = default;
  std::string method;                        // "GET"; upper case as sent
  std::string path;                          // "/v1/ports:allocate"; percent-decoded, without the query
  std::map<std::string, std::string> query;  // percent-decoded; the last of several of one name wins
  Headers headers;
  std::string body;
  Peer peer;

  // The value of a header (lower-case name), or "".
  std::string_view header(std::string_view lower_case_name) const;
  // The value of a query parameter, or "".
  std::string_view parameter(std::string_view name) const;
  // The token of "Authorization: Bearer TOKEN", or "". Compare it in constant time: same_secret().
  std::string_view bearer_token() const;
};

class Response {
 public:
  Response() = default;
  Response(int status_, std::string content_type_, std::string body_)
      : status(status_), content_type(std::move(content_type_)), body(std::move(body_)) {}

  int status = 200;
  std::string content_type;
  std::string body;
  Headers headers;  // beyond content-type and content-length, which the library writes

  bool ok() const { return status >= 200 && status < 300; }
  std::string_view header(std::string_view lower_case_name) const;
};

// `body` is JSON text already: json(200, value.dump()).
Response json(int status, std::string body);
Response text(int status, std::string body);
// application/problem+json (docs/api/rest.md) with the status of the error's row.
Response problem(const Error& error);

// Compares without telling by its duration where the two differ. Two empty secrets are *not* the same: an unset token
// must never open a door.
bool same_secret(std::string_view left, std::string_view right);

// Percent-encoding for one path segment or one query value.
std::string percent_encoded(std::string_view text);
Result<std::string> percent_decoded(std::string_view text);

}  // namespace mooring::http
