// Error -> HTTP, only here: application/problem+json (docs/api/rest.md), the status from the error table.
// Threading: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "mooring/base/error.hpp"
#include "mooring/http/message.hpp"

namespace mooring::controller {

// 401 carries WWW-Authenticate.
http::Response problem(const Error& error);

// 405 with `Allow`; `allowed` like "GET, POST".
http::Response method_not_allowed(std::string_view method, std::string_view path, const std::string& allowed);

}  // namespace mooring::controller
