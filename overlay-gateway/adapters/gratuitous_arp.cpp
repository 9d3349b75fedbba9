#include "overlay-gateway/adapters/gratuitous_arp.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/if_ether.h>
#include <netpacket/packet.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

namespace mooring::gateway {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

ifreq request_for(const std::string& interface) {
  ifreq request{};
  std::strncpy(request.ifr_name, interface.c_str(), sizeof request.ifr_name - 1);
  return request;
}

Error failed(const std::string& interface, net::Ipv4Address address) {
  const int number = errno;
  const Errc code = number == EPERM ? Errc::permission_denied : number == ENODEV ? Errc::not_found : Errc::io;
  return Error(code, fmt::format("announcing {} on {}: {}", address.str(), interface, std::strerror(number)));
}

}  // namespace

Result<void> announce_address(const std::string& interface, net::Ipv4Address address) {
  const Descriptor socket(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ARP)));
  ifreq index = request_for(interface);
  ifreq mac = request_for(interface);
  if (socket.get() < 0 || ::ioctl(socket.get(), SIOCGIFINDEX, &index) != 0 ||
      ::ioctl(socket.get(), SIOCGIFHWADDR, &mac) != 0) {
    return failed(interface, address);
  }
  ether_arp arp{};
  arp.arp_hrd = htons(ARPHRD_ETHER);
  arp.arp_pro = htons(ETH_P_IP);
  arp.arp_hln = ETH_ALEN;
  arp.arp_pln = 4;
  arp.arp_op = htons(ARPOP_REQUEST);
  const std::uint32_t bits = htonl(address.bits());
  std::memcpy(arp.arp_sha, mac.ifr_hwaddr.sa_data, ETH_ALEN);
  std::memcpy(arp.arp_spa, &bits, sizeof bits);
  std::memcpy(arp.arp_tpa, &bits, sizeof bits);
  sockaddr_ll everybody{};
  everybody.sll_family = AF_PACKET;
  everybody.sll_protocol = htons(ETH_P_ARP);
  everybody.sll_ifindex = index.ifr_ifindex;
  everybody.sll_halen = ETH_ALEN;
  std::memset(everybody.sll_addr, 0xff, ETH_ALEN);
  if (::sendto(socket.get(), &arp, sizeof arp, MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&everybody),
               sizeof everybody) < 0) {
    return failed(interface, address);
  }
  return ok();
}

bool has_carrier(const std::string& interface) {
  const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq flags = request_for(interface);
  return socket.get() >= 0 && ::ioctl(socket.get(), SIOCGIFFLAGS, &flags) == 0 && (flags.ifr_flags & IFF_UP) != 0 &&
         (flags.ifr_flags & IFF_RUNNING) != 0;
}

}  // namespace mooring::gateway
