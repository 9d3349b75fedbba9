#include "ovs-agent/domain/destinations_text.hpp"

#include <charconv>

#include <fmt/format.h>

namespace mooring::agent {
namespace {

constexpr std::string_view first_line = "mooring-destinations 1\n";

std::optional<directory::PortKey> read_key(std::string_view line) {
  const auto space = line.find(' ');
  if (space == std::string_view::npos) {
    return std::nullopt;
  }
  std::uint32_t number = 0;
  const auto [end, problem] = std::from_chars(line.data(), line.data() + space, number);
  const auto vni = net::Vni::from(number);
  const auto address = net::IpAddress::parse(line.substr(space + 1));
  return problem == std::errc{} && end == line.data() + space && vni && address
             ? std::optional(directory::PortKey{*vni, *address})
             : std::nullopt;
}

}  // namespace

std::string write_destinations(const std::vector<directory::PortKey>& keys) {
  std::string text(first_line);
  for (const auto& key : keys) {
    text += fmt::format("{} {}\n", key.vni.value(), key.address.str());
  }
  return text;
}

std::vector<directory::PortKey> read_destinations(std::string_view text, std::size_t most) {
  std::vector<directory::PortKey> keys;
  if (!text.starts_with(first_line)) {
    return keys;
  }
  text.remove_prefix(first_line.size());
  while (keys.size() < most) {
    const auto end = text.find('\n');
    const auto key = end == std::string_view::npos ? std::nullopt : read_key(text.substr(0, end));
    if (!key) {
      break;
    }
    keys.push_back(*key);
    text.remove_prefix(end + 1);
  }
  return keys;
}

}  // namespace mooring::agent
