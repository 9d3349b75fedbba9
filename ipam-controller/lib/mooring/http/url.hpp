// "https://hooks.example:8443/mooring?team=net": where a webhook goes.
// Threading: values.
#pragma once

#include <string>
#include <string_view>

#include "mooring/base/error.hpp"
#include "mooring/http/endpoint.hpp"

namespace mooring::http {

class Url {
 public:
  Url() = default;
  // http:// or https://, a host (name, IPv4, [IPv6]), perhaps a port (80, 443), perhaps path and query. Refused: user
  // names and passwords, fragments, spaces and control characters, more than 2048 characters.
  static Result<Url> parse(std::string_view text);

  const Endpoint& endpoint() const { return endpoint_; }
  const std::string& target() const { return target_; }  // "/mooring?team=net"; "/" if there is none
  std::string str() const { return endpoint_.str() + target_; }
  bool operator==(const Url&) const = default;

 private:
  Endpoint endpoint_;
  std::string target_ = "/";
};

}  // namespace mooring::http
