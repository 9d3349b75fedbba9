#include "overlay-gateway/adapters/link_announcement.hpp"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip6.h>
#include <netpacket/packet.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

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

Error failed(const std::string& interface, net::IpAddress address) {
  const int number = errno;
  const Errc code = number == EPERM ? Errc::permission_denied : number == ENODEV ? Errc::not_found : Errc::io;
  return Error(code, fmt::format("announcing {} on {}: {}", address.str(), interface, std::strerror(number)));
}

using Mac = std::array<std::uint8_t, ETH_ALEN>;
using Bytes = std::vector<std::uint8_t>;

template <class T>
void append(Bytes& bytes, const T& value) {
  const auto* first = reinterpret_cast<const std::uint8_t*>(&value);
  bytes.insert(bytes.end(), first, first + sizeof value);
}

Bytes arp_announcement(net::Ipv4Address address, const Mac& mac) {
  ether_arp arp{};
  arp.arp_hrd = htons(ARPHRD_ETHER);
  arp.arp_pro = htons(ETH_P_IP);
  arp.arp_hln = ETH_ALEN;
  arp.arp_pln = 4;
  arp.arp_op = htons(ARPOP_REQUEST);
  const std::uint32_t bits = htonl(address.bits());
  std::memcpy(arp.arp_sha, mac.data(), ETH_ALEN);
  std::memcpy(arp.arp_spa, &bits, sizeof bits);
  std::memcpy(arp.arp_tpa, &bits, sizeof bits);
  Bytes packet;
  append(packet, arp);
  return packet;
}

in6_addr network_order(net::IpAddress address) {
  in6_addr made{};
  for (std::size_t i = 0; i < 16; ++i) {
    made.s6_addr[i] = static_cast<std::uint8_t>(address.bits() >> (8 * (15 - i)));
  }
  return made;
}

// RFC 4443, 2.3: over a pseudo header and the message.
std::uint16_t icmp6_checksum(const ip6_hdr& header, const Bytes& message) {
  Bytes all;
  append(all, header.ip6_src);
  append(all, header.ip6_dst);
  append(all, htonl(static_cast<std::uint32_t>(message.size())));
  append(all, htonl(IPPROTO_ICMPV6));
  all.insert(all.end(), message.begin(), message.end());
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < all.size(); i += 2) {
    sum += static_cast<std::uint32_t>(all[i] << 8 | all[i + 1]);
  }
  while (sum >> 16 != 0) {
    sum = (sum & 0xffffU) + (sum >> 16);
  }
  return htons(static_cast<std::uint16_t>(~sum));
}

Bytes neighbour_advertisement(net::IpAddress address, const Mac& mac) {
  nd_neighbor_advert advert{};
  advert.nd_na_type = ND_NEIGHBOR_ADVERT;
  advert.nd_na_flags_reserved = ND_NA_FLAG_ROUTER | ND_NA_FLAG_OVERRIDE;
  advert.nd_na_target = network_order(address);
  nd_opt_hdr option{};
  option.nd_opt_type = ND_OPT_TARGET_LINKADDR;
  option.nd_opt_len = 1;  // times 8 bytes
  Bytes message;
  append(message, advert);
  append(message, option);
  append(message, mac);
  ip6_hdr header{};
  header.ip6_vfc = 0x60;
  header.ip6_plen = htons(static_cast<std::uint16_t>(message.size()));
  header.ip6_nxt = IPPROTO_ICMPV6;
  header.ip6_hlim = 255;
  header.ip6_src = advert.nd_na_target;
  header.ip6_dst = network_order(net::IpAddress::parse("ff02::1").value());
  const std::uint16_t sum = icmp6_checksum(header, message);
  std::memcpy(message.data() + offsetof(icmp6_hdr, icmp6_cksum), &sum, sizeof sum);
  Bytes packet;
  append(packet, header);
  packet.insert(packet.end(), message.begin(), message.end());
  return packet;
}

}  // namespace

Result<void> announce_address(const std::string& interface, net::IpAddress address) {
  const bool v4 = address.is_v4();
  const auto protocol = htons(static_cast<std::uint16_t>(v4 ? ETH_P_ARP : ETH_P_IPV6));
  const Descriptor socket(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, protocol));
  ifreq index = request_for(interface);
  ifreq hardware = request_for(interface);
  if (socket.get() < 0 || ::ioctl(socket.get(), SIOCGIFINDEX, &index) != 0 ||
      ::ioctl(socket.get(), SIOCGIFHWADDR, &hardware) != 0) {
    return failed(interface, address);
  }
  Mac mac{};
  std::memcpy(mac.data(), hardware.ifr_hwaddr.sa_data, mac.size());
  const Bytes packet = v4 ? arp_announcement(address.v4(), mac) : neighbour_advertisement(address, mac);
  // Everybody's Ethernet address: of ff02::1 it is that of its group (RFC 2464, 7).
  const Mac everybody = v4 ? Mac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} : Mac{0x33, 0x33, 0, 0, 0, 1};
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_protocol = protocol;
  to.sll_ifindex = index.ifr_ifindex;
  to.sll_halen = ETH_ALEN;
  std::memcpy(to.sll_addr, everybody.data(), everybody.size());
  if (::sendto(socket.get(), packet.data(), packet.size(), MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to),
               sizeof to) < 0) {
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
