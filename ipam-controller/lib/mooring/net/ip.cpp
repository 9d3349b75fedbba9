#include "mooring/net/ip.hpp"

#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <limits>

#include <fmt/format.h>

namespace mooring::net {
namespace {

using Bits = IpAddress::Bits;

Error malformed_ip(std::string_view what, std::string_view text, std::string_view example) {
  return Error(Errc::invalid_argument, fmt::format("'{}' is not {}", text, what),
               fmt::format("write it like {}", example));
}

constexpr int bits_of(Family family) {
  return family == Family::v4 ? 32 : 128;
}

// The bits behind the prefix.
Bits host_mask(Family family, int prefix_length) {
  const int host_bits = bits_of(family) - prefix_length;
  return host_bits >= 128 ? ~Bits{0} : (Bits{1} << host_bits) - 1;
}

std::optional<int> prefix_from(std::string_view text, Family family) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) {
    return std::nullopt;
  }
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0 || value > bits_of(family)) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::string_view to_string(Family family) {
  return family == Family::v4 ? "IPv4" : "IPv6";
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.find(':') == std::string_view::npos) {
    const auto v4 = Ipv4Address::parse(text);
    return v4 ? Result<IpAddress>(IpAddress(*v4)) : malformed_ip("an IP address", text, "10.0.0.5 or fd00::5");
  }
  in6_addr raw{};
  if (text.size() >= INET6_ADDRSTRLEN || ::inet_pton(AF_INET6, std::string(text).c_str(), &raw) != 1) {
    return malformed_ip("an IPv6 address", text, "fd00::5");
  }
  Bits bits = 0;
  for (const std::uint8_t octet : raw.s6_addr) {
    bits = (bits << 8) | octet;
  }
  const IpAddress address = from_bits(bits);
  if (address.is_v4()) {
    return Error(Errc::invalid_argument, fmt::format("'{}' is an IPv4 address in the coat of an IPv6 one", text),
                 fmt::format("write {}", address.v4().str()));
  }
  return address;
}

std::string IpAddress::str() const {
  if (is_v4()) {
    return v4().str();
  }
  in6_addr raw{};
  Bits rest = bits();
  for (int i = 15; i >= 0; --i, rest >>= 8) {
    raw.s6_addr[i] = static_cast<std::uint8_t>(rest);
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET6, &raw, text.data(), text.size());
  return text.data();
}

IpCidr::IpCidr(IpAddress address, int prefix_length)
    : first_(IpAddress::from_bits(address.bits() & ~host_mask(address.family(), prefix_length))),
      prefix_length_(prefix_length) {}

Result<IpCidr> IpCidr::parse(std::string_view text) {
  const auto parsed = IpInterfaceAddress::parse(text);
  if (!parsed) {
    return malformed_ip("a CIDR block", text, "10.0.0.0/24 or fd00::/64");
  }
  const IpCidr block(parsed->address, parsed->prefix_length);
  if (block.first() != parsed->address) {
    return Error(Errc::invalid_argument, fmt::format("'{}' has host bits set", text),
                 fmt::format("did you mean {}?", block.str()));
  }
  return block;
}

IpAddress IpCidr::last() const {
  return IpAddress::from_bits(first_.bits() | host_mask(family(), prefix_length_));
}
bool IpCidr::contains(IpAddress address) const {
  return address.family() == family() && first_ <= address && address <= last();
}
bool IpCidr::contains(const IpCidr& other) const {
  return contains(other.first()) && contains(other.last());
}
bool IpCidr::overlaps(const IpCidr& other) const {
  return contains(other.first()) || other.contains(first());
}
std::string IpCidr::str() const {
  return fmt::format("{}/{}", first_.str(), prefix_length_);
}

Result<IpInterfaceAddress> IpInterfaceAddress::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  const auto length = slash == std::string_view::npos || !address
                          ? std::nullopt
                          : prefix_from(text.substr(slash + 1), address->family());
  if (!length) {
    return malformed_ip("an address with a prefix length", text, "10.0.0.5/24 or fd00::5/64");
  }
  return IpInterfaceAddress{*address, *length};
}

std::string IpInterfaceAddress::str() const {
  return fmt::format("{}/{}", address.str(), prefix_length);
}

Result<IpRange> IpRange::parse(std::string_view text) {
  const auto bad = [&] {
    return malformed_ip("an address range", text, "10.0.0.10-10.0.0.20, 10.0.0.10..10.0.0.20, 10.0.0.0/28 or fd00::5");
  };
  if (text.find('/') != std::string_view::npos) {
    const auto block = IpCidr::parse(text);
    return block ? Result<IpRange>(IpRange{block->first(), block->last()}) : Result<IpRange>(block.error());
  }
  std::string_view separator = "..";
  auto at = text.find(separator);
  if (at == std::string_view::npos) {
    separator = "-";
    at = text.find(separator);
  }
  const auto first = IpAddress::parse(text.substr(0, at));
  const auto last = at == std::string_view::npos ? first : IpAddress::parse(text.substr(at + separator.size()));
  if (!first || !last || first->family() != last->family()) {
    return bad();
  }
  if (*last < *first) {
    return Error(Errc::invalid_argument, fmt::format("'{}' ends before it begins", text),
                 fmt::format("did you mean {}-{}?", last->str(), first->str()));
  }
  return IpRange{*first, *last};
}

std::uint64_t IpRange::size() const {
  const Bits more = last.bits() - first.bits();
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  return more >= most ? most : static_cast<std::uint64_t>(more) + 1;
}

std::string IpRange::str() const {
  return first == last ? first.str() : first.str() + "-" + last.str();
}

IpAddress next(IpAddress address) {
  return plus(address, 1);
}
IpAddress previous(IpAddress address) {
  return IpAddress::from_bits(address.bits() - 1);
}
IpAddress plus(IpAddress address, std::uint64_t offset) {
  return IpAddress::from_bits(address.bits() + offset);
}

std::vector<IpAddress> AddressPair::all() const {
  std::vector<IpAddress> list;
  for (const auto& address : {v4_, v6_}) {
    if (address) {
      list.push_back(*address);
    }
  }
  return list;
}

std::string AddressPair::str() const {
  return dual() ? v4_->str() + ", " + v6_->str() : empty() ? std::string("none") : primary().str();
}

}  // namespace mooring::net
