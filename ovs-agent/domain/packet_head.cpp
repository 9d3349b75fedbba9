#include "ovs-agent/domain/packet_head.hpp"

#include <algorithm>

#include "mooring/net/address.hpp"
#include "ovs-agent/domain/pipeline.hpp"

namespace mooring::agent {
namespace {

using Bytes = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;

constexpr std::size_t ethernet = 14, ipv4_least = 20, ipv6_fixed = 40, icmp = 8;
constexpr std::uint8_t protocol_icmp = 1, protocol_icmp6 = 58, protocol_fragment = 44;

std::uint16_t number16(View bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}
net::IpAddress address4(View bytes, std::size_t at) {
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    bits = bits << 8 | bytes[at + i];
  }
  return net::Ipv4Address(bits);
}
net::IpAddress address6(View bytes, std::size_t at) {
  net::IpAddress::Bits bits = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    bits = bits << 8 | bytes[at + i];
  }
  return net::IpAddress::from_bits(bits);
}

// Not "this network", loopback, multicast or reserved: one host's, as far as a router must care (RFC 1812, 4.3.2.7).
bool of_one_host(net::IpAddress address) {
  if (address.is_v4()) {
    const std::uint32_t first = address.v4().bits() >> 24;
    return first != 0 && first != 127 && first < 224;
  }
  return address.high_bits() >> 56 != 0xff && (address.high_bits() != 0 || address.low_bits() > 1);
}

std::optional<PacketHead> read_ipv4(View packet) {
  if (packet.size() < ipv4_least || packet[0] >> 4 != 4) {
    return std::nullopt;
  }
  const std::size_t header = std::size_t{packet[0] & 0x0fU} * 4;
  if (header < ipv4_least || packet.size() < header || number16(packet, 2) < header) {
    return std::nullopt;
  }
  PacketHead head;
  head.source = address4(packet, 12);
  head.destination = address4(packet, 16);
  const bool later_fragment = (number16(packet, 6) & 0x1fffU) != 0;
  const std::uint8_t type = packet.size() > header ? packet[header] : 0;
  const bool is_error = packet[9] == protocol_icmp && type != 0 && type != 8;  // only echoes are surely none
  head.may_be_answered = !later_fragment && !is_error && of_one_host(head.source) && of_one_host(head.destination) &&
                         packet.size() >= header + icmp;
  return head;
}

std::optional<PacketHead> read_ipv6(View packet) {
  if (packet.size() < ipv6_fixed || packet[0] >> 4 != 6) {
    return std::nullopt;
  }
  PacketHead head;
  head.source = address6(packet, 8);
  head.destination = address6(packet, 24);
  if (head.source.is_v4() || head.destination.is_v4()) {
    return std::nullopt;  // IPv4-mapped: of no host
  }
  const bool is_error = packet[6] == protocol_icmp6 && (packet.size() == ipv6_fixed || packet[ipv6_fixed] < 128);
  head.may_be_answered =
      packet[6] != protocol_fragment && !is_error && of_one_host(head.source) && of_one_host(head.destination);
  return head;
}

void put16(Bytes& bytes, std::size_t at, std::uint16_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}
void append16(Bytes& bytes, std::uint16_t value) {
  bytes.insert(bytes.end(), 2, 0);
  put16(bytes, bytes.size() - 2, value);
}
void append_address(Bytes& bytes, net::IpAddress address) {
  const int size = address.is_v4() ? 4 : 16;
  for (int i = size - 1; i >= 0; --i) {
    bytes.push_back(static_cast<std::uint8_t>(address.bits() >> (8 * i)));
  }
}

std::uint32_t sum_of(View bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? std::uint32_t{bytes[i]} << 8 : bytes[i];
  }
  return sum;
}
std::uint16_t checksum(std::uint32_t sum) {
  while (sum >> 16 != 0) {
    sum = (sum & 0xffffU) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(~sum);
}

Bytes answer4(View packet, const PacketHead& head, net::IpAddress router) {
  const std::size_t header = std::size_t{packet[0] & 0x0fU} * 4;
  const View quoted = packet.first(header + icmp);
  Bytes answer = {0x45, 0xc0};  // precedence 6, RFC 1812, 4.3.2.5
  append16(answer, static_cast<std::uint16_t>(ipv4_least + icmp + quoted.size()));
  answer.insert(answer.end(), {0, 0, 0, 0, 64, protocol_icmp, 0, 0});
  append_address(answer, router);
  append_address(answer, head.source);
  put16(answer, 10, checksum(sum_of(answer)));
  answer.insert(answer.end(), {3, 1, 0, 0, 0, 0, 0, 0});  // destination unreachable, host
  answer.insert(answer.end(), quoted.begin(), quoted.end());
  put16(answer, ipv4_least + 2, checksum(sum_of(View(answer).subspan(ipv4_least))));
  return answer;
}

Bytes answer6(View packet, const PacketHead& head, net::IpAddress router) {
  const View quoted = packet.first(std::min<std::size_t>(packet.size(), 1232));
  Bytes answer = {0x60, 0, 0, 0};
  append16(answer, static_cast<std::uint16_t>(icmp + quoted.size()));
  answer.insert(answer.end(), {protocol_icmp6, 64});
  append_address(answer, router);
  append_address(answer, head.source);
  const std::uint32_t pseudo = sum_of(View(answer).subspan(8)) + static_cast<std::uint32_t>(icmp + quoted.size()) +
                               std::uint32_t{protocol_icmp6};
  answer.insert(answer.end(), {1, 3, 0, 0, 0, 0, 0, 0});  // destination unreachable, address
  answer.insert(answer.end(), quoted.begin(), quoted.end());
  put16(answer, ipv6_fixed + 2, checksum(pseudo + sum_of(View(answer).subspan(ipv6_fixed))));
  return answer;
}

}  // namespace

std::optional<PacketHead> read_head(View frame) {
  if (frame.size() < ethernet) {
    return std::nullopt;
  }
  switch (number16(frame, 12)) {
    case 0x0800:
      return read_ipv4(frame.subspan(ethernet));
    case 0x86dd:
      return read_ipv6(frame.subspan(ethernet));
    default:
      return std::nullopt;
  }
}

Bytes host_unreachable(View frame, net::IpAddress router) {
  const auto head = read_head(frame);
  if (!head || !head->may_be_answered || head->source.family() != router.family()) {
    return {};
  }
  const Bytes answer = router.is_v4() ? answer4(frame.subspan(ethernet), *head, router)
                                      : answer6(frame.subspan(ethernet), *head, router);
  Bytes whole(virtual_mac_bytes.begin(), virtual_mac_bytes.end());
  whole.insert(whole.end(), virtual_mac_bytes.begin(), virtual_mac_bytes.end());
  append16(whole, router.is_v4() ? 0x0800 : 0x86dd);
  whole.insert(whole.end(), answer.begin(), answer.end());
  return whole;
}

}  // namespace mooring::agent
