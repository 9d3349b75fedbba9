#include "mooring/http/sockets.hpp"

#include <arpa/inet.h>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fmt/format.h>

namespace mooring::http {

Peer peer_of(Socket& socket) {
  Peer peer;
  IoError failure;
  const auto remote = socket.remote_endpoint(failure);
  const int family = failure ? AF_UNSPEC : remote.data()->sa_family;
  char text[INET6_ADDRSTRLEN] = {};
  if (family == AF_INET) {
    sockaddr_in address;
    std::memcpy(&address, remote.data(), sizeof address);
    inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
    peer.address = fmt::format("{}:{}", text, ntohs(address.sin_port));
  } else if (family == AF_INET6) {
    sockaddr_in6 address;
    std::memcpy(&address, remote.data(), sizeof address);
    inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof text);
    peer.address = fmt::format("[{}]:{}", text, ntohs(address.sin6_port));
  } else if (family == AF_UNIX) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    // A peer whose credentials cannot be read stays a TCP-like nobody: it must not pass for root.
    if (getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
      peer.unix_socket = true;
      peer.uid = credentials.uid;
      peer.pid = credentials.pid;
    }
  }
  return peer;
}

}  // namespace mooring::http
