// Addresses of either family: IP address, block, range, and the pair of addresses of a dual-stack interface. Parsing is
// as strict as in address.hpp: what is not exactly the written form is refused, with the expected form.
//
// An address is 128 bits; an IPv4 address is its IPv4-mapped one inside (RFC 4291, 2.5.5.2), which nobody may write:
// "::ffff:10.0.0.1" is refused, so that no address has two texts. Texts are canonical (RFC 5952).
// Threading: values.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mooring/base/error.hpp"
#include "mooring/net/address.hpp"

namespace mooring::net {

enum class Family : std::uint8_t { v4, v6 };
// "IPv4", "IPv6".
std::string_view to_string(Family family);

class IpAddress {
 public:
  __extension__ using Bits = unsigned __int128;

  constexpr IpAddress() = default;                                             // 0.0.0.0
  constexpr IpAddress(Ipv4Address address) : low_(mapped | address.bits()) {}  // NOLINT: meant to convert
  static constexpr IpAddress from_bits(Bits bits) {
    IpAddress address;
    address.high_ = static_cast<std::uint64_t>(bits >> 64);
    address.low_ = static_cast<std::uint64_t>(bits);
    return address;
  }
  // "10.0.0.1" or "fd00::1".
  static Result<IpAddress> parse(std::string_view text);

  constexpr bool is_v4() const { return high_ == 0 && (low_ >> 32) == (mapped >> 32); }
  constexpr Family family() const { return is_v4() ? Family::v4 : Family::v6; }
  // Only where is_v4().
  constexpr Ipv4Address v4() const { return Ipv4Address(static_cast<std::uint32_t>(low_)); }
  // The 128 bits; differences are meaningful inside one family.
  constexpr Bits bits() const { return (static_cast<Bits>(high_) << 64) | low_; }
  constexpr std::uint64_t low_bits() const { return low_; }
  constexpr std::uint64_t high_bits() const { return high_; }
  std::string str() const;
  // IPv4 before IPv6, then by number.
  constexpr auto operator<=>(const IpAddress& other) const {
    return is_v4() != other.is_v4() ? (is_v4() ? std::strong_ordering::less : std::strong_ordering::greater)
           : high_ != other.high_   ? high_ <=> other.high_
                                    : low_ <=> other.low_;
  }
  constexpr bool operator==(const IpAddress&) const = default;

 private:
  static constexpr std::uint64_t mapped = 0xffff'0000'0000ULL;
  std::uint64_t high_ = 0;
  std::uint64_t low_ = mapped;
};

// A block whose host bits are zero; the prefix length is that of the family (0..32 or 0..128).
class IpCidr {
 public:
  constexpr IpCidr() = default;
  IpCidr(const Cidr& v4) : first_(v4.network()), prefix_length_(v4.prefix_length()) {}  // NOLINT: meant to convert
  // Host bits of `address` are cleared.
  IpCidr(IpAddress address, int prefix_length);
  // "10.0.0.0/24" or "fd00::/64"; host bits must be zero.
  static Result<IpCidr> parse(std::string_view text);

  Family family() const { return first_.family(); }
  int prefix_length() const { return prefix_length_; }
  IpAddress first() const { return first_; }
  IpAddress last() const;
  bool contains(IpAddress address) const;
  bool contains(const IpCidr& other) const;
  bool overlaps(const IpCidr& other) const;
  // Only where the family is IPv4.
  Cidr v4() const { return {first_.v4(), prefix_length_}; }
  std::string str() const;
  bool operator==(const IpCidr&) const = default;
  auto operator<=>(const IpCidr&) const = default;

 private:
  IpAddress first_;
  int prefix_length_ = 32;
};

// An address with the prefix length of its subnet: "10.0.0.5/24", "fd00::5/64".
struct IpInterfaceAddress {
  IpAddress address;
  int prefix_length = 32;
  static Result<IpInterfaceAddress> parse(std::string_view text);
  std::string str() const;
  bool operator==(const IpInterfaceAddress&) const = default;
};

// first..last of one family, both included. Written "A-B", "A..B", a block or a single address.
struct IpRange {
  IpAddress first;
  IpAddress last;
  static Result<IpRange> parse(std::string_view text);
  Family family() const { return first.family(); }
  bool contains(IpAddress address) const { return first <= address && address <= last; }
  bool contains(const IpRange& other) const { return first <= other.first && other.last <= last; }
  bool overlaps(const IpRange& other) const { return first <= other.last && other.first <= last; }
  // Number of addresses; 2^64 - 1 stands for that many or more.
  std::uint64_t size() const;
  // A single address as itself, everything else as "A-B".
  std::string str() const;
  auto operator<=>(const IpRange&) const = default;
};

// The address that follows (or precedes), in the same family. Undefined behind the last (before the first).
IpAddress next(IpAddress address);
IpAddress previous(IpAddress address);
IpAddress plus(IpAddress address, std::uint64_t offset);

// The addresses of one interface: at most one of each family.
class AddressPair {
 public:
  AddressPair() = default;
  AddressPair(IpAddress one) { set(one); }               // NOLINT: meant to convert
  AddressPair(Ipv4Address one) { set(IpAddress(one)); }  // NOLINT: meant to convert

  // Takes the place of the one of its family.
  void set(IpAddress address) { (address.is_v4() ? v4_ : v6_) = address; }
  const std::optional<IpAddress>& of(Family family) const { return family == Family::v4 ? v4_ : v6_; }
  const std::optional<IpAddress>& v4() const { return v4_; }
  const std::optional<IpAddress>& v6() const { return v6_; }
  bool empty() const { return !v4_ && !v6_; }
  bool dual() const { return v4_ && v6_; }
  bool contains(IpAddress address) const { return v4_ == address || v6_ == address; }
  // The IPv4 address where there is one, else the IPv6 one. Not of an empty pair.
  IpAddress primary() const { return v4_ ? *v4_ : v6_.value_or(IpAddress()); }
  // IPv4 first.
  std::vector<IpAddress> all() const;
  // "10.0.0.5", "fd00::5" or "10.0.0.5, fd00::5".
  std::string str() const;
  bool operator==(const AddressPair&) const = default;
  auto operator<=>(const AddressPair&) const = default;

 private:
  std::optional<IpAddress> v4_, v6_;
};

}  // namespace mooring::net

template <>
struct std::hash<mooring::net::IpAddress> {
  std::size_t operator()(const mooring::net::IpAddress& a) const noexcept {
    return std::hash<std::uint64_t>{}((a.low_bits() ^ (a.high_bits() * 0xff51afd7ed558ccdULL)) * 0x9e3779b97f4a7c15ULL);
  }
};
