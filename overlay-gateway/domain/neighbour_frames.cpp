#include "overlay-gateway/domain/neighbour_frames.hpp"

#include <algorithm>
#include <array>

namespace mooring::gateway {
namespace {

constexpr std::uint32_t arp_type = 0x0806, ipv6_type = 0x86dd, vlan_tag_type = 0x8100;
constexpr std::uint8_t solicitation = 135, advertisement = 136, icmp6_protocol = 58;
constexpr std::uint8_t source_mac_option = 1, target_mac_option = 2;
constexpr std::size_t ethernet_bytes = 14, ipv6_bytes = 40;

void put8(Frame& frame, std::uint32_t value) {
  frame.push_back(static_cast<std::uint8_t>(value & 0xffU));
}
void put16(Frame& frame, std::uint32_t value) {
  put8(frame, value >> 8);
  put8(frame, value);
}
void put32(Frame& frame, std::uint32_t value) {
  put16(frame, value >> 16);
  put16(frame, value & 0xffffU);
}
void put(Frame& frame, const net::MacAddress& mac) {
  frame.insert(frame.end(), mac.octets().begin(), mac.octets().end());
}
void put(Frame& frame, net::IpAddress address) {  // IPv6
  for (int shift = 120; shift >= 0; shift -= 8) {
    frame.push_back(static_cast<std::uint8_t>(address.bits() >> shift));
  }
}

Frame headed(const Speaker& speaker, const net::MacAddress& to, std::uint32_t type) {
  Frame frame;
  put(frame, to);
  put(frame, speaker.mac);
  if (speaker.vlan != 0) {
    put16(frame, vlan_tag_type);
    put16(frame, speaker.vlan);
  }
  put16(frame, type);
  return frame;
}

net::MacAddress everybody() {
  return net::MacAddress({0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
}
// The Ethernet address of an IPv6 group (RFC 2464, 7).
net::MacAddress ethernet_group(net::IpAddress group) {
  std::array<std::uint8_t, 6> octets{0x33, 0x33};
  for (std::size_t i = 2; i < octets.size(); ++i) {
    octets[i] = static_cast<std::uint8_t>(group.low_bits() >> (8 * (octets.size() - 1 - i)));
  }
  return net::MacAddress(octets);
}

Frame arp_request(const Speaker& speaker, net::Ipv4Address own, net::Ipv4Address asked) {
  Frame frame = headed(speaker, everybody(), arp_type);
  put16(frame, 1);       // Ethernet
  put16(frame, 0x0800);  // IPv4
  put16(frame, 0x0604);  // lengths of addresses
  put16(frame, 1);       // question
  put(frame, speaker.mac);
  put32(frame, own.bits());
  frame.insert(frame.end(), 6, 0);
  put32(frame, asked.bits());
  return frame;
}

// RFC 4443, 2.3: over a pseudo header and the message.
std::uint32_t icmp6_checksum(net::IpAddress from, net::IpAddress to, const Frame& message) {
  Frame all;
  put(all, from);
  put(all, to);
  put32(all, static_cast<std::uint32_t>(message.size()));
  put32(all, icmp6_protocol);
  all.insert(all.end(), message.begin(), message.end());
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < all.size(); i += 2) {
    sum += std::uint32_t{all[i]} << 8 | all[i + 1];
  }
  while (sum >> 16 != 0) {
    sum = (sum & 0xffffU) + (sum >> 16);
  }
  return ~sum & 0xffffU;
}

Frame discovery(const Speaker& speaker, net::IpAddress from, net::IpAddress to, std::uint8_t type, std::uint32_t flags,
                net::IpAddress target) {
  Frame message{type, 0, 0, 0};
  put32(message, flags);
  put(message, target);
  put8(message, type == solicitation ? source_mac_option : target_mac_option);
  put8(message, 1);  // times 8 bytes
  put(message, speaker.mac);
  const std::uint32_t sum = icmp6_checksum(from, to, message);
  message[2] = static_cast<std::uint8_t>(sum >> 8);
  message[3] = static_cast<std::uint8_t>(sum & 0xffU);
  Frame frame = headed(speaker, ethernet_group(to), ipv6_type);
  put32(frame, 0x60000000);
  put16(frame, static_cast<std::uint32_t>(message.size()));
  put8(frame, icmp6_protocol);
  put8(frame, 255);  // nobody sent it from further away
  put(frame, from);
  put(frame, to);
  frame.insert(frame.end(), message.begin(), message.end());
  return frame;
}

// RFC 4291, 2.7.1: ff02::1:ff and the last 24 bits.
net::IpAddress solicited_group(net::IpAddress address) {
  const net::IpAddress::Bits group = net::IpAddress::parse("ff02::1:ff00:0").value().bits();
  return net::IpAddress::from_bits(group | (address.low_bits() & 0xff'ffffU));
}

std::uint32_t read16(const Frame& frame, std::size_t at) {
  return std::uint32_t{frame[at]} << 8 | frame[at + 1];
}
net::MacAddress read_mac(const Frame& frame, std::size_t at) {
  std::array<std::uint8_t, 6> octets{};
  std::copy_n(frame.begin() + static_cast<Frame::difference_type>(at), octets.size(), octets.begin());
  return net::MacAddress(octets);
}

std::optional<Neighbour> of_arp_answer(const Frame& frame) {
  constexpr std::size_t sender_mac = ethernet_bytes + 8, sender = ethernet_bytes + 14;
  if (frame.size() < ethernet_bytes + 28 || read16(frame, ethernet_bytes + 6) != 2) {
    return std::nullopt;
  }
  return Neighbour{net::Ipv4Address(read16(frame, sender) << 16 | read16(frame, sender + 2)),
                   read_mac(frame, sender_mac)};
}

std::optional<Neighbour> of_advertisement(const Frame& frame) {
  constexpr std::size_t icmp = ethernet_bytes + ipv6_bytes, target = icmp + 8, option = target + 16;
  if (frame.size() < option || frame[ethernet_bytes + 6] != icmp6_protocol || frame[icmp] != advertisement) {
    return std::nullopt;
  }
  net::IpAddress::Bits bits = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    bits = bits << 8 | frame[target + i];
  }
  const bool says = frame.size() >= option + 8 && frame[option] == target_mac_option && frame[option + 1] == 1;
  return Neighbour{net::IpAddress::from_bits(bits), read_mac(frame, says ? option + 2 : 6)};
}

}  // namespace

Frame neighbour_question(const Speaker& speaker, net::IpAddress own, net::IpAddress asked) {
  return asked.is_v4() ? arp_request(speaker, own.v4(), asked.v4())
                       : discovery(speaker, own, solicited_group(asked), solicitation, 0, asked);
}

Frame neighbour_announcement(const Speaker& speaker, net::IpAddress address, bool router) {
  constexpr std::uint32_t router_flag = 0x8000'0000, override_flag = 0x2000'0000;
  return address.is_v4() ? arp_request(speaker, address.v4(), address.v4())
                         : discovery(speaker, address, net::IpAddress::parse("ff02::1").value(), advertisement,
                                     (router ? router_flag : 0U) | override_flag, address);
}

std::optional<Neighbour> neighbour_in(const Frame& frame) {
  if (frame.size() < ethernet_bytes) {
    return std::nullopt;
  }
  const std::uint32_t type = read16(frame, 12);
  const auto found = type == arp_type    ? of_arp_answer(frame)
                     : type == ipv6_type ? of_advertisement(frame)
                                         : std::nullopt;
  const bool nobody = found && ((found->mac.octets()[0] & 1U) != 0 || found->mac == net::MacAddress());
  return nobody ? std::nullopt : found;  // a group has no address, nor has who is nowhere
}

}  // namespace mooring::gateway
