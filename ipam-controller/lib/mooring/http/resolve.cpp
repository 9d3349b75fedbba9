// Alone in its file: getaddrinfo must not reach programs that are linked statically (endpoint.hpp says why).
#include <arpa/inet.h>
#include <memory>
#include <net/if.h>
#include <netdb.h>

#include <fmt/format.h>

#include "mooring/http/endpoint.hpp"

namespace mooring::http {

Result<Endpoint> resolved(const Endpoint& endpoint) {
  if (endpoint.kind() != Endpoint::Kind::tcp) {  // with TLS the certificate is compared with the name
    return endpoint;
  }
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failure = getaddrinfo(endpoint.host().c_str(), nullptr, &wanted, &found);
  if (failure != 0) {
    return Error(Errc::unavailable, fmt::format("looking up the host of {}: {}", endpoint.str(), gai_strerror(failure)),
                 "check the name, or give the address");
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  char text[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE] = {};
  const int unnamed = getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  if (unnamed != 0) {
    return Error(Errc::unavailable,
                 fmt::format("looking up the host of {}: {}", endpoint.str(), gai_strerror(unnamed)));
  }
  return Endpoint::tcp(text, endpoint.port());
}

}  // namespace mooring::http
