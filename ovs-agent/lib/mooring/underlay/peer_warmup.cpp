#include "mooring/underlay/peer_warmup.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <ifaddrs.h>
#include <memory>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/if_ether.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <optional>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

namespace mooring::underlay {
namespace {

constexpr std::uint16_t discard_port = 9;  // RFC 863

// The interface that has the VTEP address.
struct Underlay {
  int index = 0;
  std::array<std::uint8_t, ETH_ALEN> mac{};
};

sockaddr_in socket_address(net::Ipv4Address address, std::uint16_t port) {
  sockaddr_in value{};
  value.sin_family = AF_INET;
  value.sin_addr.s_addr = htonl(address.bits());
  value.sin_port = htons(port);
  return value;
}

std::optional<Underlay> underlay_with(net::Ipv4Address address) {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) {
    return std::nullopt;
  }
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> all(first, &::freeifaddrs);
  const char* name = nullptr;
  for (const ifaddrs* entry = first; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr != nullptr && entry->ifa_addr->sa_family == AF_INET &&
        reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr.s_addr == htonl(address.bits())) {
      name = entry->ifa_name;
    }
  }
  for (const ifaddrs* entry = first; name != nullptr && entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_PACKET ||
        std::string_view(entry->ifa_name) != name) {
      continue;
    }
    const auto* link = reinterpret_cast<const sockaddr_ll*>(entry->ifa_addr);
    if (link->sll_hatype == ARPHRD_ETHER && link->sll_halen == ETH_ALEN) {
      Underlay found;
      found.index = link->sll_ifindex;
      std::copy_n(std::begin(link->sll_addr), ETH_ALEN, found.mac.begin());
      return found;
    }
  }
  return std::nullopt;
}

ether_arp arp_request(const Underlay& underlay, net::Ipv4Address source, net::Ipv4Address target) {
  ether_arp request{};
  request.ea_hdr.ar_hrd = htons(ARPHRD_ETHER);
  request.ea_hdr.ar_pro = htons(ETHERTYPE_IP);
  request.ea_hdr.ar_hln = ETH_ALEN;
  request.ea_hdr.ar_pln = sizeof(in_addr);
  request.ea_hdr.ar_op = htons(ARPOP_REQUEST);
  const auto put = [](std::uint8_t* where, net::Ipv4Address address) {
    const std::uint32_t bits = htonl(address.bits());
    std::copy_n(reinterpret_cast<const std::uint8_t*>(&bits), sizeof bits, where);
  };
  std::copy(underlay.mac.begin(), underlay.mac.end(), request.arp_sha);
  put(request.arp_spa, source);
  put(request.arp_tpa, target);
  return request;
}

void ask_by_arp(net::Ipv4Address source, const std::vector<net::Ipv4Address>& peers) {
  const auto underlay = underlay_with(source);
  const int fd = underlay ? ::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
  if (fd < 0) {
    return;
  }
  sockaddr_ll everybody{};
  everybody.sll_family = AF_PACKET;
  everybody.sll_protocol = htons(ETHERTYPE_ARP);
  everybody.sll_ifindex = underlay->index;
  everybody.sll_halen = ETH_ALEN;
  std::fill_n(std::begin(everybody.sll_addr), ETH_ALEN, std::uint8_t{0xff});
  for (const auto& peer : peers) {
    const ether_arp request = arp_request(*underlay, source, peer);
    // A request that is lost costs the first packet a second, no more.
    (void)::sendto(fd, &request, sizeof request, 0, reinterpret_cast<const sockaddr*>(&everybody), sizeof everybody);
  }
  ::close(fd);
}

std::size_t send_datagrams(net::Ipv4Address source, const std::vector<net::Ipv4Address>& peers) {
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

}  // namespace

std::size_t warm_up_peers(net::Ipv4Address source, const std::vector<net::Ipv4Address>& peers) {
  ask_by_arp(source, peers);
  return send_datagrams(source, peers);
}

}  // namespace mooring::underlay
