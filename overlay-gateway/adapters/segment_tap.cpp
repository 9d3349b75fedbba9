#include "overlay-gateway/adapters/segment_tap.hpp"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

namespace mooring::gateway {
namespace {

constexpr std::size_t head_bytes = 80;

// Classic BPF: ARP, or IPv6 with ICMPv6 of type 136 (neighbour advertisement).
constexpr std::array<sock_filter, 9> claims_only{{
    {0x28, 0, 0, 12},          // ldh [12]: EtherType
    {0x15, 5, 0, 0x0806},      // ARP: accept
    {0x15, 0, 5, 0x86dd},      // not IPv6: drop
    {0x30, 0, 0, 20},          // ldb [20]: next header
    {0x15, 0, 3, 58},          // not ICMPv6: drop
    {0x30, 0, 0, 54},          // ldb [54]: type
    {0x15, 0, 1, 136},         // not an advertisement: drop
    {0x06, 0, 0, head_bytes},  // accept so much of it
    {0x06, 0, 0, 0},           // drop
}};

// Of the tag that was taken off.
std::uint16_t vlan_of(msghdr& message) {
  constexpr std::uint16_t identifier_bits = 0x0fff;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level == SOL_PACKET && part->cmsg_type == PACKET_AUXDATA) {
      tpacket_auxdata beside{};
      std::memcpy(&beside, CMSG_DATA(part), sizeof beside);
      const bool tagged = (beside.tp_status & TP_STATUS_VLAN_VALID) != 0;
      return tagged ? static_cast<std::uint16_t>(beside.tp_vlan_tci & identifier_bits) : std::uint16_t{0};
    }
  }
  return 0;
}

Error tap_failed(const std::string& interface) {
  const int number = errno;
  const Errc code = number == EPERM                                             ? Errc::permission_denied
                    : number == ENODEV || number == ENXIO || number == ENETDOWN ? Errc::not_found
                                                                                : Errc::io;
  return Error(code, fmt::format("listening for addresses on {}: {}", interface, std::strerror(number)));
}

}  // namespace

SegmentTap::~SegmentTap() {
  close();
}

void SegmentTap::close() {
  if (socket_ >= 0) {
    ::close(socket_);
    socket_ = -1;
  }
}

Result<void> SegmentTap::open() {
  // Without a protocol nothing comes before the filter is there.
  socket_ = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  ifreq index{};
  std::strncpy(index.ifr_name, interface_.c_str(), sizeof index.ifr_name - 1);
  ifreq mac = index;
  std::array<sock_filter, claims_only.size()> filter = claims_only;
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  const int yes = 1;
  if (socket_ < 0 || ::ioctl(socket_, SIOCGIFINDEX, &index) != 0 || ::ioctl(socket_, SIOCGIFHWADDR, &mac) != 0 ||
      ::setsockopt(socket_, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0 ||
      ::setsockopt(socket_, SOL_PACKET, PACKET_AUXDATA, &yes, sizeof yes) != 0 ||
      ::setsockopt(socket_, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes) != 0) {
    return tap_failed(interface_);
  }
  sockaddr_ll here{};
  here.sll_family = AF_PACKET;
  here.sll_protocol = htons(ETH_P_ALL);
  here.sll_ifindex = index.ifr_ifindex;
  if (::bind(socket_, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) {
    return tap_failed(interface_);
  }
  std::array<std::uint8_t, 6> octets{};
  std::memcpy(octets.data(), mac.ifr_hwaddr.sa_data, octets.size());
  own_mac_ = net::MacAddress(octets);
  return ok();
}

Result<std::vector<SegmentClaim>> SegmentTap::hear(std::size_t most) {
  if (socket_ < 0) {
    if (auto opened = open(); !opened) {
      close();
      return opened.error();
    }
  }
  std::vector<SegmentClaim> claims;
  while (claims.size() < most) {
    std::array<char, 256> frame{};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(tpacket_auxdata))> beside{};
    iovec whole{frame.data(), frame.size()};
    msghdr message{};
    message.msg_iov = &whole;
    message.msg_iovlen = 1;
    message.msg_control = beside.data();
    message.msg_controllen = beside.size();
    const ssize_t size = ::recvmsg(socket_, &message, 0);
    if (size < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        return claims;
      }
      const Error error = tap_failed(interface_);
      close();
      return error;
    }
    if (const auto claim = underlay::address_claim_in({frame.data(), static_cast<std::size_t>(size)})) {
      claims.push_back({*claim, vlan_of(message)});
    }
  }
  return claims;
}

}  // namespace mooring::gateway
