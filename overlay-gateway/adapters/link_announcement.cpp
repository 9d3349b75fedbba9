#include "overlay-gateway/adapters/link_announcement.hpp"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <net/ethernet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include "overlay-gateway/domain/neighbour_frames.hpp"

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

}  // namespace

Result<void> announce_address(const std::string& interface, net::IpAddress address) {
  const Descriptor socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  ifreq index = request_for(interface);
  ifreq hardware = request_for(interface);
  if (socket.get() < 0 || ::ioctl(socket.get(), SIOCGIFINDEX, &index) != 0 ||
      ::ioctl(socket.get(), SIOCGIFHWADDR, &hardware) != 0) {
    return failed(interface, address);
  }
  std::array<std::uint8_t, ETH_ALEN> mac{};
  std::memcpy(mac.data(), hardware.ifr_hwaddr.sa_data, mac.size());
  const Frame frame = neighbour_announcement({net::MacAddress(mac)}, address, true);
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_protocol = htons(static_cast<std::uint16_t>(address.is_v4() ? ETH_P_ARP : ETH_P_IPV6));
  to.sll_ifindex = index.ifr_ifindex;
  to.sll_halen = ETH_ALEN;
  std::memcpy(to.sll_addr, frame.data(), ETH_ALEN);
  if (::sendto(socket.get(), frame.data(), frame.size(), MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to),
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
