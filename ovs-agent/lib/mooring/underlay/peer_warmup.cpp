#include "mooring/underlay/peer_warmup.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace mooring::underlay {
namespace {

constexpr std::uint16_t discard_port = 9;  // RFC 863

sockaddr_in socket_address(net::Ipv4Address address, std::uint16_t port) {
  sockaddr_in value{};
  value.sin_family = AF_INET;
  value.sin_addr.s_addr = htonl(address.bits());
  value.sin_port = htons(port);
  return value;
}

}  // namespace

std::size_t warm_up_peers(net::Ipv4Address source, const std::vector<net::Ipv4Address>& peers) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    return 0;
  }
  std::size_t sent = 0;
  const sockaddr_in own = socket_address(source, 0);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0) {
    for (const auto& peer : peers) {
      const sockaddr_in to = socket_address(peer, discard_port);
      sent += ::sendto(fd, "", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 1 ? 1U : 0U;
    }
  }
  ::close(fd);
  return sent;
}

}  // namespace mooring::underlay
