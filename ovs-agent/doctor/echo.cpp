#include "ovs-agent/doctor/echo.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mooring/netlink/netns.hpp"

namespace mooring::agent::doctor {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int attempts = 3;
constexpr std::uint32_t ip_header_bytes = 20;

Error failed(const char* step) {
  return Error(errno == EPERM || errno == EACCES ? Errc::permission_denied : Errc::io,
               std::string("sending echo requests: ") + step + ": " + std::strerror(errno), "run it as root");
}

sockaddr_in socket_address(net::Ipv4Address address) {
  sockaddr_in made{};
  made.sin_family = AF_INET;
  made.sin_addr.s_addr = htonl(address.bits());
  return made;
}

// RFC 1071
std::uint16_t checksum(const std::vector<unsigned char>& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    sum += static_cast<std::uint32_t>(bytes[i]) << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0U);
  }
  while (sum > 0xffff) {
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(~sum);
}

void put16(std::vector<unsigned char>& bytes, std::size_t at, std::uint16_t value) {
  bytes[at] = static_cast<unsigned char>(value >> 8);
  bytes[at + 1] = static_cast<unsigned char>(value & 0xff);
}

std::vector<unsigned char> request(std::uint16_t id, std::uint16_t number, std::uint32_t size_bytes) {
  std::vector<unsigned char> bytes(std::max(size_bytes, ip_header_bytes + 16) - ip_header_bytes, 0x6d);
  bytes[0] = ICMP_ECHO;
  bytes[1] = 0;
  put16(bytes, 2, 0);
  put16(bytes, 4, id);
  put16(bytes, 6, number);
  put16(bytes, 2, checksum(bytes));
  return bytes;
}

// The number of one of our requests that the packet answers; none: something else.
std::optional<std::uint16_t> number_answered(const std::vector<unsigned char>& packet, std::size_t size,
                                             std::uint16_t id) {
  const std::size_t header = size > 0 ? static_cast<std::size_t>(packet[0] & 0x0f) * 4 : 0;
  if (header < ip_header_bytes || size < header + 8 || packet[header] != ICMP_ECHOREPLY ||
      packet[header + 4] != id >> 8 || packet[header + 5] != (id & 0xff)) {
    return std::nullopt;
  }
  return static_cast<std::uint16_t>(packet[header + 6] << 8 | packet[header + 7]);
}

}  // namespace

Result<std::vector<EchoAnswer>> echo(net::Ipv4Address from, const std::vector<EchoTarget>& targets,
                                     std::chrono::milliseconds patience) {
  const netlink::FileDescriptor raw(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMP));
  if (!raw) {
    return failed("socket");
  }
  const int whole = IP_PMTUDISC_PROBE;
  const int room = 1 << 20;
  const sockaddr_in own = socket_address(from);
  ::setsockopt(raw.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  if (::setsockopt(raw.get(), IPPROTO_IP, IP_MTU_DISCOVER, &whole, sizeof whole) != 0 ||
      ::bind(raw.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) {
    return failed("bind");
  }
  const auto id = static_cast<std::uint16_t>(::getpid() & 0xffff);
  std::vector<EchoAnswer> answers(targets.size());
  std::vector<unsigned char> packet(65536);
  const auto all_answered = [&] {
    return std::all_of(answers.begin(), answers.end(), [](const EchoAnswer& answer) { return answer.answered; });
  };
  for (int attempt = 0; attempt < attempts && !all_answered(); ++attempt) {
    for (std::size_t i = 0; i < targets.size(); ++i) {
      if (answers[i].answered) {
        continue;
      }
      const auto bytes = request(id, static_cast<std::uint16_t>(i), targets[i].size_bytes);
      const sockaddr_in to = socket_address(targets[i].address);
      const bool sent = ::sendto(raw.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                                 sizeof to) == static_cast<ssize_t>(bytes.size());
      answers[i].problem = sent ? "" : std::strerror(errno);
    }
    const auto deadline = Clock::now() + patience / attempts;
    while (!all_answered()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
      pollfd wanted{raw.get(), POLLIN, 0};
      if (left <= 0 || ::poll(&wanted, 1, static_cast<int>(left)) <= 0) {
        break;
      }
      const ssize_t size = ::recv(raw.get(), packet.data(), packet.size(), 0);
      const auto number = size > 0 ? number_answered(packet, static_cast<std::size_t>(size), id) : std::nullopt;
      if (number && *number < answers.size()) {
        answers[*number].answered = true;
      }
    }
  }
  return answers;
}

}  // namespace mooring::agent::doctor
