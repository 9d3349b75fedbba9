#include "mooring/http/url.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace mooring::http {
namespace {

constexpr std::size_t max_characters = 2048;
constexpr std::string_view plain = "http://";
constexpr std::string_view secure = "https://";

// Repeats what was wrong, not the URL: it may carry a secret.
Error refused(std::string_view cause) {
  return Error(Errc::invalid_argument, fmt::format("reading a URL: {}", cause),
               "write it as https://hooks.example/path or http://10.0.0.9:8080/path");
}

bool has_port(std::string_view authority) {
  const auto colon = authority.rfind(':');
  return colon != authority.npos && !authority.ends_with(']');
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  if (text.size() > max_characters) {
    return refused(fmt::format("{} characters, at most {}", text.size(), max_characters));
  }
  const bool with_tls = text.starts_with(secure);
  if (!with_tls && !text.starts_with(plain)) {
    return refused("neither http:// nor https://");
  }
  if (std::any_of(text.begin(), text.end(), [](char c) { return c <= ' ' || c > '~'; })) {
    return refused("a character that belongs percent-encoded (space, control, not ASCII)");
  }
  if (text.find('#') != text.npos) {
    return refused("a fragment (#…) is not sent to a server");
  }
  const std::string_view rest = text.substr(with_tls ? secure.size() : plain.size());
  const auto end = rest.find_first_of("/?");
  const std::string authority(rest.substr(0, end));
  if (authority.find('@') != authority.npos) {
    return refused("a user name or password in it would be shown to whoever lists webhooks");
  }
  const std::string port = has_port(authority) ? "" : with_tls ? ":443" : ":80";
  auto endpoint = Endpoint::parse(std::string(plain) + authority + port);
  if (!endpoint) {
    const std::string cause = endpoint.error().message();
    return refused(cause.substr(cause.rfind("\": ") + 3));
  }
  Url url;
  url.endpoint_ = with_tls ? Endpoint::tls(endpoint->host(), endpoint->port()) : *endpoint;
  if (end != rest.npos) {
    url.target_ = (rest[end] == '?' ? "/" : "") + std::string(rest.substr(end));
  }
  return url;
}

}  // namespace mooring::http
