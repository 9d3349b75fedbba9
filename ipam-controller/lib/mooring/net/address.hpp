// Addresses that have a range: IPv4 address, CIDR block, address range, MAC, VNI. Parsing is strict: what is not
// exactly the written form is refused with an error that names the field, the value and the expected form.
//
// Source: RFC 4632 (CIDR), RFC 7348 section 5 (24-bit VNI), IEEE 802 (MAC; the locally administered bit).
// Threading: values.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "mooring/base/error.hpp"

namespace mooring::net {

class Ipv4Address {
 public:
  constexpr Ipv4Address() = default;
  // `bits` in host byte order: 10.0.0.1 is 0x0a000001.
  constexpr explicit Ipv4Address(std::uint32_t bits) : bits_(bits) {}
  // "10.0.0.1", no leading zeros, nothing around it.
  static Result<Ipv4Address> parse(std::string_view text);

  constexpr std::uint32_t bits() const { return bits_; }
  std::string str() const;
  constexpr auto operator<=>(const Ipv4Address&) const = default;

 private:
  std::uint32_t bits_ = 0;
};

// A block whose host bits are zero.
class Cidr {
 public:
  constexpr Cidr() = default;
  // Host bits of `address` are cleared.
  Cidr(Ipv4Address address, int prefix_length);
  // "10.0.0.0/24"; host bits must be zero ("10.0.0.1/24" is refused and "10.0.0.0/24" proposed).
  static Result<Cidr> parse(std::string_view text);

  constexpr Ipv4Address network() const { return network_; }
  constexpr int prefix_length() const { return prefix_length_; }
  Ipv4Address netmask() const;
  Ipv4Address first() const { return network_; }
  Ipv4Address last() const;
  bool contains(Ipv4Address address) const;
  bool contains(const Cidr& other) const;
  bool overlaps(const Cidr& other) const;
  std::string str() const;
  constexpr auto operator<=>(const Cidr&) const = default;

 private:
  Ipv4Address network_;
  int prefix_length_ = 0;
};

// An address with the prefix length of its subnet: "10.0.0.5/24".
struct InterfaceAddress {
  Ipv4Address address;
  int prefix_length = 32;
  static Result<InterfaceAddress> parse(std::string_view text);
  std::string str() const;
  bool operator==(const InterfaceAddress&) const = default;
};

// first..last, both included. Written "A-B", "A..B", a CIDR block or a single address.
struct AddressRange {
  Ipv4Address first;
  Ipv4Address last;
  static Result<AddressRange> parse(std::string_view text);
  bool contains(Ipv4Address address) const { return first <= address && address <= last; }
  bool overlaps(const AddressRange& other) const { return first <= other.last && other.first <= last; }
  std::uint64_t size() const { return std::uint64_t{last.bits()} - first.bits() + 1; }
  std::string str() const;
  auto operator<=>(const AddressRange&) const = default;
};

class MacAddress {
 public:
  constexpr MacAddress() = default;
  constexpr explicit MacAddress(std::array<std::uint8_t, 6> octets) : octets_(octets) {}
  // "0a:58:0a:00:00:05", either case. Multicast and all-zero addresses are refused: a port cannot have them.
  static Result<MacAddress> parse(std::string_view text);

  constexpr const std::array<std::uint8_t, 6>& octets() const { return octets_; }
  std::string str() const;
  constexpr auto operator<=>(const MacAddress&) const = default;

 private:
  std::array<std::uint8_t, 6> octets_{};
};

// VXLAN network identifier, 1..16777215.
class Vni {
 public:
  constexpr Vni() = default;
  static Result<Vni> from(std::uint64_t value);
  constexpr std::uint32_t value() const { return value_; }
  std::string str() const { return std::to_string(value_); }
  constexpr auto operator<=>(const Vni&) const = default;

 private:
  constexpr explicit Vni(std::uint32_t value) : value_(value) {}
  std::uint32_t value_ = 0;
};

}  // namespace mooring::net

template <>
struct std::hash<mooring::net::Ipv4Address> {
  std::size_t operator()(const mooring::net::Ipv4Address& a) const noexcept {
    return std::hash<std::uint64_t>{}(a.bits() * 0x9e3779b97f4a7c15ULL);
  }
};
template <>
struct std::hash<mooring::net::Vni> {
  std::size_t operator()(const mooring::net::Vni& v) const noexcept { return std::hash<std::uint32_t>{}(v.value()); }
};
