// Who may ask for what. On the unix socket: whoever can open it is an admin (its mode is 0600). On TCP: a bearer token,
// of those who follow feeds for these alone, of nodes for what nodes and gateways call, of admins for everything.
// Threading: values.
#pragma once

#include <string>
#include <string_view>

#include "mooring/base/error.hpp"
#include "mooring/http/message.hpp"

namespace mooring::controller {

// Each may what those before it may.
enum class Access { feed, node, admin };
std::string_view to_string(Access access);

// "" = no such token, and so nobody who could use it.
struct Tokens {
  std::string node;
  std::string admin;
  std::string feed{};
};

// Reads a token: the file's text without white space around it. The file must be a regular one that only its owner can
// read (mode 0600 or less) and hold one token of visible ASCII characters, at most 4096. Errors name the file and the
// way out.
Result<std::string> read_token_file(const std::string& path);

// What the caller may do. Errc::unauthorized: no token, or none of ours. Compared in constant time.
Result<Access> access_of(const http::Request& request, const Tokens& tokens);

}  // namespace mooring::controller
