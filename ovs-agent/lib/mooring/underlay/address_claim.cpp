#include "mooring/underlay/address_claim.hpp"

#include <algorithm>
#include <array>

namespace mooring::underlay {
namespace {

constexpr std::size_t ethernet = 14;

std::uint8_t byte_at(std::string_view frame, std::size_t at) {
  return static_cast<std::uint8_t>(frame[at]);
}
std::uint32_t word_at(std::string_view frame, std::size_t at) {
  return std::uint32_t{byte_at(frame, at)} << 8 | byte_at(frame, at + 1);
}

net::MacAddress sender_of(std::string_view frame) {
  std::array<std::uint8_t, 6> octets{};
  for (std::size_t i = 0; i < octets.size(); ++i) {
    octets[i] = byte_at(frame, octets.size() + i);
  }
  return net::MacAddress(octets);
}

std::optional<AddressClaim> of_arp(std::string_view frame) {
  const bool whole = frame.size() >= ethernet + 28;
  if (!whole || word_at(frame, 14) != 1 || word_at(frame, 16) != 0x0800 || byte_at(frame, 18) != 6 ||
      byte_at(frame, 19) != 4 || word_at(frame, 20) == 0 || word_at(frame, 20) > 2) {
    return std::nullopt;
  }
  const net::Ipv4Address address(word_at(frame, 28) << 16 | word_at(frame, 30));
  if (address.bits() == 0) {
    return std::nullopt;
  }
  return AddressClaim{address, sender_of(frame)};
}

std::optional<AddressClaim> of_neighbour_advertisement(std::string_view frame) {
  constexpr std::size_t target = ethernet + 40 + 8;
  const bool whole = frame.size() >= target + 16;
  if (!whole || byte_at(frame, 20) != 58 || byte_at(frame, 54) != 136 || byte_at(frame, 55) != 0) {
    return std::nullopt;
  }
  net::IpAddress::Bits bits = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    bits = bits << 8 | byte_at(frame, target + i);
  }
  return AddressClaim{net::IpAddress::from_bits(bits), sender_of(frame)};
}

}  // namespace

std::optional<AddressClaim> address_claim_in(std::string_view frame) {
  if (frame.size() < ethernet || (byte_at(frame, 6) & 1U) != 0 || sender_of(frame) == net::MacAddress()) {
    return std::nullopt;  // nobody's MAC is a multicast one, or none
  }
  switch (word_at(frame, 12)) {
    case 0x0806:
      return of_arp(frame);
    case 0x86dd:
      return of_neighbour_advertisement(frame);
    default:
      return std::nullopt;
  }
}

}  // namespace mooring::underlay
