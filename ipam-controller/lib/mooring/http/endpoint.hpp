// Where a server listens: a unix socket, or HOST:PORT over TCP, in the clear or with TLS.
// Threading: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mooring/base/error.hpp"

namespace mooring::http {

class Endpoint {
 public:
  enum class Kind { unix_socket, tcp, tls };

  Endpoint() = default;
  static Endpoint unix_socket(std::string path);
  static Endpoint tcp(std::string host, std::uint16_t port);
  // Client dials it (ClientOptions::trust); BlockingClient does not.
  static Endpoint tls(std::string host, std::uint16_t port);
  // "unix:/run/mooring/controller.sock", "http://127.0.0.1:7480", "http://[::1]:7480", "http://controller.example:7480"
  // (a trailing "/" is accepted; any other path, "https://" and a missing port are refused).
  static Result<Endpoint> parse(std::string_view text);

  Kind kind() const { return kind_; }
  const std::string& path() const { return path_; }  // unix_socket
  const std::string& host() const { return host_; }  // tcp, tls: a name or an address without brackets
  std::uint16_t port() const { return port_; }       // tcp, tls
  // As parse() reads it.
  std::string str() const;
  // The value of the Host header.
  std::string authority() const;
  bool operator==(const Endpoint&) const = default;

 private:
  Kind kind_ = Kind::unix_socket;
  std::string path_;
  std::string host_;
  std::uint16_t port_ = 0;
};

// Replaces a host name by its first address, by the system's resolver; blocks. Apart from BlockingClient, which takes
// addresses only, so that the CNI plugin can be linked statically without a resolver.
Result<Endpoint> resolved(const Endpoint& endpoint);

}  // namespace mooring::http
