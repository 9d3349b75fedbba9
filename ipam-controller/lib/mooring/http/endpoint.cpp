#include "mooring/http/endpoint.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <sys/un.h>

#include <fmt/format.h>

namespace mooring::http {
namespace {

constexpr std::string_view unix_scheme = "unix:";
constexpr std::string_view http_scheme = "http://";
constexpr std::string_view https_scheme = "https://";
constexpr std::string_view forms = "write it as unix:/run/mooring/controller.sock or http://127.0.0.1:7480";

Error refused(std::string_view text, std::string_view cause) {
  return Error(Errc::invalid_argument, fmt::format("reading the endpoint \"{}\": {}", text, cause), std::string(forms));
}

bool is_ipv6(const std::string& host) {
  in6_addr ignored;
  return inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

bool is_host(const std::string& host) {
  return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  });
}

}  // namespace

Endpoint Endpoint::unix_socket(std::string path) {
  Endpoint endpoint;
  endpoint.kind_ = Kind::unix_socket;
  endpoint.path_ = std::move(path);
  return endpoint;
}

Endpoint Endpoint::tcp(std::string host, std::uint16_t port) {
  Endpoint endpoint;
  endpoint.kind_ = Kind::tcp;
  endpoint.host_ = std::move(host);
  endpoint.port_ = port;
  return endpoint;
}

Endpoint Endpoint::tls(std::string host, std::uint16_t port) {
  Endpoint endpoint = tcp(std::move(host), port);
  endpoint.kind_ = Kind::tls;
  return endpoint;
}

Result<Endpoint> Endpoint::parse(std::string_view text) {
  if (text.starts_with(unix_scheme)) {
    const std::string_view path = text.substr(unix_scheme.size());
    if (!path.starts_with('/') || path.find('\0') != path.npos) {
      return refused(text, "the path of a unix socket must be absolute");
    }
    if (path.size() >= sizeof(sockaddr_un::sun_path)) {
      return refused(text, fmt::format("the path has {} bytes, unix sockets allow {}", path.size(),
                                       sizeof(sockaddr_un::sun_path) - 1));
    }
    return unix_socket(std::string(path));
  }
  if (text.starts_with(https_scheme)) {
    return refused(text, "TLS is not supported by this version");
  }
  if (!text.starts_with(http_scheme)) {
    return refused(text, "neither unix: nor http://");
  }
  std::string_view rest = text.substr(http_scheme.size());
  if (rest.ends_with('/')) {
    rest.remove_suffix(1);
  }
  const std::size_t colon = rest.rfind(':');
  if (colon == rest.npos || rest.ends_with(']')) {
    return refused(text, "the port is missing");
  }
  std::string host(rest.substr(0, colon));
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (!is_ipv6(host)) {
      return refused(text, fmt::format("\"{}\" is no IPv6 address", host));
    }
  } else if (!is_host(host)) {
    return refused(text, fmt::format("\"{}\" is no host name", host));
  }
  const std::string_view digits = rest.substr(colon + 1);
  unsigned port = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (failure != std::errc() || end != digits.data() + digits.size() || port == 0 || port > 65535) {
    return refused(text, fmt::format("\"{}\" is no port (1..65535)", digits));
  }
  return tcp(std::move(host), static_cast<std::uint16_t>(port));
}

std::string Endpoint::str() const {
  if (kind_ == Kind::unix_socket) {
    return std::string(unix_scheme) + path_;
  }
  return std::string(kind_ == Kind::tls ? https_scheme : http_scheme) + authority();
}

std::string Endpoint::authority() const {
  if (kind_ == Kind::unix_socket) {
    return "localhost";
  }
  return is_ipv6(host_) ? fmt::format("[{}]:{}", host_, port_) : fmt::format("{}:{}", host_, port_);
}

}  // namespace mooring::http
