#include "mooring/net/address.hpp"

#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace mooring::net {
namespace {

// A decimal number without sign, spaces or leading zeros, at most `max`.
std::optional<std::uint64_t> decimal(std::string_view text, std::uint64_t max) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) {
    return std::nullopt;
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > max) {
    return std::nullopt;
  }
  return value;
}

Error malformed(std::string_view what, std::string_view text, std::string_view example) {
  return Error(Errc::invalid_argument, fmt::format("'{}' is not {}", text, what),
               fmt::format("write it like {}", example));
}

constexpr std::uint32_t mask(int prefix_length) {
  return prefix_length == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix_length);
}

std::optional<int> prefix(std::string_view text) {
  const auto value = decimal(text, 32);
  return value ? std::optional<int>(static_cast<int>(*value)) : std::nullopt;
}

}  // namespace

Result<Ipv4Address> Ipv4Address::parse(std::string_view text) {
  std::uint32_t bits = 0;
  std::string_view rest = text;
  for (int i = 0; i < 4; ++i) {
    const auto dot = rest.find('.');
    if ((dot == std::string_view::npos) != (i == 3)) {
      return malformed("an IPv4 address", text, "10.0.0.5");
    }
    const auto octet = decimal(rest.substr(0, dot), 255);
    if (!octet) {
      return malformed("an IPv4 address", text, "10.0.0.5");
    }
    bits = (bits << 8) | static_cast<std::uint32_t>(*octet);
    rest = i == 3 ? std::string_view{} : rest.substr(dot + 1);
  }
  return Ipv4Address(bits);
}

std::string Ipv4Address::str() const {
  std::array<char, 15> text{};
  char* end = text.data();
  for (int shift = 24; shift >= 0; shift -= 8) {
    end = std::to_chars(end, text.data() + text.size(), (bits_ >> shift) & 255U).ptr;
    if (shift > 0) {
      *end++ = '.';
    }
  }
  return {text.data(), end};
}

Cidr::Cidr(Ipv4Address address, int prefix_length)
    : network_(address.bits() & mask(prefix_length)), prefix_length_(prefix_length) {}

Result<Cidr> Cidr::parse(std::string_view text) {
  const auto parsed = InterfaceAddress::parse(text);
  if (!parsed) {
    return malformed("a CIDR block", text, "10.0.0.0/24");
  }
  const Cidr block(parsed->address, parsed->prefix_length);
  if (block.network() != parsed->address) {
    return Error(Errc::invalid_argument, fmt::format("'{}' has host bits set", text),
                 fmt::format("did you mean {}?", block.str()));
  }
  return block;
}

Ipv4Address Cidr::netmask() const {
  return Ipv4Address(mask(prefix_length_));
}
Ipv4Address Cidr::last() const {
  return Ipv4Address(network_.bits() | ~mask(prefix_length_));
}
bool Cidr::contains(Ipv4Address address) const {
  return (address.bits() & mask(prefix_length_)) == network_.bits();
}
bool Cidr::contains(const Cidr& other) const {
  return prefix_length_ <= other.prefix_length_ && contains(other.network_);
}
bool Cidr::overlaps(const Cidr& other) const {
  return contains(other.network_) || other.contains(network_);
}
std::string Cidr::str() const {
  return fmt::format("{}/{}", network_.str(), prefix_length_);
}

Result<InterfaceAddress> InterfaceAddress::parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) {
    return malformed("an address with a prefix length", text, "10.0.0.5/24");
  }
  const auto address = Ipv4Address::parse(text.substr(0, slash));
  const auto length = prefix(text.substr(slash + 1));
  if (!address || !length) {
    return malformed("an address with a prefix length", text, "10.0.0.5/24");
  }
  return InterfaceAddress{*address, *length};
}

std::string InterfaceAddress::str() const {
  return fmt::format("{}/{}", address.str(), prefix_length);
}

Result<AddressRange> AddressRange::parse(std::string_view text) {
  constexpr std::string_view what = "an address range";
  constexpr std::string_view example = "10.0.0.10-10.0.0.20, 10.0.0.10..10.0.0.20, 10.0.0.0/28 or 10.0.0.10";
  if (text.find('/') != std::string_view::npos) {
    const auto block = Cidr::parse(text);
    if (!block) {
      return block.error();
    }
    return AddressRange{block->first(), block->last()};
  }
  auto separator = text.find("..");
  std::size_t width = 2;
  if (separator == std::string_view::npos) {
    separator = text.find('-');
    width = 1;
  }
  const auto first = Ipv4Address::parse(text.substr(0, separator));
  const auto last = separator == std::string_view::npos ? first : Ipv4Address::parse(text.substr(separator + width));
  if (!first || !last) {
    return malformed(what, text, example);
  }
  if (*last < *first) {
    return Error(Errc::invalid_argument, fmt::format("range '{}' ends before it begins", text),
                 fmt::format("did you mean {}-{}?", last->str(), first->str()));
  }
  return AddressRange{*first, *last};
}

std::string AddressRange::str() const {
  return first == last ? first.str() : fmt::format("{}-{}", first.str(), last.str());
}

Result<MacAddress> MacAddress::parse(std::string_view text) {
  constexpr std::string_view example = "0a:58:0a:00:00:05";
  std::array<std::uint8_t, 6> octets{};
  if (text.size() != 17) {
    return malformed("a MAC address", text, example);
  }
  for (std::size_t i = 0; i < 6; ++i) {
    const char* begin = text.data() + i * 3;
    unsigned value = 0;
    const auto [end, error] = std::from_chars(begin, begin + 2, value, 16);
    if (error != std::errc{} || end != begin + 2 || (i < 5 && text[i * 3 + 2] != ':')) {
      return malformed("a MAC address", text, example);
    }
    octets[i] = static_cast<std::uint8_t>(value);
  }
  if ((octets[0] & 1U) != 0) {
    return Error(Errc::invalid_argument, fmt::format("MAC address '{}' is a multicast address", text),
                 fmt::format("a port needs a unicast one like {}", example));
  }
  if (octets == std::array<std::uint8_t, 6>{}) {
    return malformed("a usable MAC address", text, example);
  }
  return MacAddress(octets);
}

std::string MacAddress::str() const {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text(17, ':');
  for (std::size_t i = 0; i < octets_.size(); ++i) {
    text[3 * i] = digits[octets_[i] >> 4];
    text[3 * i + 1] = digits[octets_[i] & 15U];
  }
  return text;
}

Result<Vni> Vni::from(std::uint64_t value) {
  if (value < 1 || value > 16777215) {
    return Error(Errc::invalid_argument, fmt::format("VNI {} is out of range", value), "a VNI is 1 to 16777215");
  }
  return Vni(static_cast<std::uint32_t>(value));
}

}  // namespace mooring::net
