#include "overlay-gateway/domain/bgp_plan.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace mooring::gateway {
namespace {

std::string unicast(net::Family family) {
  return family == net::Family::v4 ? "address-family ipv4 unicast" : "address-family ipv6 unicast";
}
constexpr std::string_view password_word = " password ";
constexpr std::string_view ours = "description mooring";
constexpr std::string_view origin_map = " route-map MOORING-ORIGIN";
constexpr std::array<std::string_view, 5> blocks{"router bgp ", "address-family ", "route-map ", "vrf ", "router "};

bool opens_block(std::string_view line) {
  return std::any_of(blocks.begin(), blocks.end(), [&](std::string_view word) { return line.starts_with(word); });
}

std::string router(std::uint32_t as) {
  return fmt::format("router bgp {}", as);
}

std::vector<BgpLine> fixed_lines() {
  return {{{}, "bgp as-path access-list MOORING-LOCAL seq 5 permit ^$"},
          {{}, "route-map MOORING-ORIGIN permit 10"},
          {{}, "route-map MOORING-IN permit 10"},
          {{}, "route-map MOORING-OUT permit 10"},
          {{"route-map MOORING-OUT permit 10"}, "match as-path MOORING-LOCAL"}};
}

std::vector<BgpLine> neighbor_lines(const BgpNeighbor& neighbor, const std::string& bgp) {
  const std::string name = fmt::format("neighbor {} ", neighbor.address.str());
  const std::vector<std::string> in_family{bgp, unicast(neighbor.address.family())};
  std::vector<BgpLine> lines{{{bgp}, fmt::format("{}remote-as {}", name, neighbor.as)},
                             {{bgp}, name + std::string(ours)},
                             // A gateway that dies is noticed within 3 s, with BFD within FRR's 0.9 s.
                             {{bgp}, name + "timers 1 3"},
                             {{bgp}, name + "timers connect 2"},
                             {in_family, name + "route-map MOORING-IN in"},
                             {in_family, name + "route-map MOORING-OUT out"}};
  if (neighbor.bfd) {
    lines.push_back({{bgp}, name + "bfd"});
  }
  if (!neighbor.password.empty()) {
    lines.insert(lines.begin() + 1, {{bgp}, name + "password " + neighbor.password});
  }
  if (neighbor.address.family() == net::Family::v6) {
    lines.push_back({in_family, name + "activate"});
  }
  return lines;
}

// In the order in which they can be said.
std::vector<BgpLine> wanted_lines(const BgpSettings& settings, const std::set<net::IpCidr>& announced,
                                  const std::vector<BgpLine>& present) {
  const std::string bgp = router(settings.as);
  std::vector<BgpLine> lines = fixed_lines();
  lines.push_back({{}, bgp});
  if (settings.router_id) {
    lines.push_back({{bgp}, "bgp router-id " + settings.router_id->str()});
  }
  const bool inactive =
      std::find(present.begin(), present.end(), BgpLine{{bgp}, "no bgp default ipv4-unicast"}) != present.end();
  for (const BgpNeighbor& neighbor : settings.neighbors) {
    for (BgpLine& line : neighbor_lines(neighbor, bgp)) {
      lines.push_back(std::move(line));
    }
    // bgpd takes every neighbor for one of IPv4, unless an operator told it otherwise.
    const bool v4 = neighbor.address.is_v4();
    if (v4 == inactive) {
      lines.push_back({{bgp, unicast(net::Family::v4)},
                       fmt::format("{}neighbor {} activate", v4 ? "" : "no ", neighbor.address.str())});
    }
  }
  for (const net::IpCidr& prefix : announced) {
    lines.push_back({{bgp, unicast(prefix.family())}, "network " + prefix.str() + std::string(origin_map)});
  }
  return lines;
}

// The neighbors that we made.
std::set<std::string> our_neighbors(const std::vector<BgpLine>& present, const std::string& bgp) {
  std::set<std::string> found;
  for (const BgpLine& line : present) {
    if (line.in == std::vector{bgp} && line.text.starts_with("neighbor ") && line.text.ends_with(ours)) {
      found.insert(line.text.substr(0, line.text.size() - ours.size() - 1));
    }
  }
  return found;
}

bool is_our_network(const BgpLine& line) {
  return line.text.starts_with("network ") && line.text.ends_with(origin_map);
}

// One command under the lines that it stands in.
void say(std::vector<std::string>& commands, const BgpLine& line, const std::string& text) {
  commands.insert(commands.end(), line.in.begin(), line.in.end());
  commands.push_back(text);
  commands.insert(commands.end(), line.in.size() + (opens_block(text) ? 1U : 0U), "exit");
}

Error wrong_neighbor(std::string_view text, std::string_view why) {
  return Error(Errc::invalid_config, fmt::format("neighbor '{}': {}", text, why),
               "ADDRESS:AS or ADDRESS:AS:bfd, as in 192.168.7.1:65000 or [2001:db8::1]:65000:bfd");
}

}  // namespace

Result<std::uint32_t> parse_as(std::string_view text) {
  std::uint32_t as = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), as);
  if (problem != std::errc{} || end != text.data() + text.size() || as == 0 || as == 23456 || as == 4294967295U) {
    return Error(Errc::invalid_config, fmt::format("'{}' is no AS number", text),
                 "1 to 4294967294 but for 23456; private ones are 64512 to 65534");
  }
  return as;
}

Result<BgpNeighbor> parse_bgp_neighbor(std::string_view text) {
  const bool bracketed = text.starts_with('[');
  const auto end = bracketed ? text.find("]:") : text.find(':');
  if (end == std::string_view::npos) {
    return wrong_neighbor(text, "it has no AS");
  }
  const auto first = bracketed ? end + 1 : end;
  const auto second = text.find(':', first + 1);
  const auto address = net::IpAddress::parse(bracketed ? text.substr(1, end - 1) : text.substr(0, end));
  if (!address || address->is_v4() == bracketed) {
    return wrong_neighbor(text, address ? "brackets are for IPv6 addresses" : address.error().message());
  }
  const auto as = parse_as(text.substr(first + 1, second == std::string_view::npos ? second : second - first - 1));
  if (!as) {
    return wrong_neighbor(text, as.error().message());
  }
  const std::string_view rest = second == std::string_view::npos ? std::string_view() : text.substr(second + 1);
  if (second != std::string_view::npos && rest != "bfd") {
    return wrong_neighbor(text, fmt::format("'{}' is not known", rest));
  }
  return BgpNeighbor{*address, *as, rest == "bfd", ""};
}

Result<void> take_passwords(std::string_view text, std::vector<BgpNeighbor>& neighbors) {
  std::istringstream lines{std::string(text)};
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream words(line);
    std::string address, password, more;
    words >> address >> password >> more;
    if (address.empty() || address.starts_with('#')) {
      continue;
    }
    const auto wrong = [&](std::string_view why) {
      return Error(Errc::invalid_config, fmt::format("line {}: {}", number, why),
                   "a line for each neighbor: ADDRESS PASSWORD");
    };
    if (password.empty() || !more.empty()) {
      return wrong(password.empty() ? "it has no password" : "more than two words");
    }
    if (password.size() > 80) {  // TCP_MD5SIG_MAXKEYLEN, tcp(7)
      return wrong("the password has more than 80 characters");
    }
    const auto parsed = net::IpAddress::parse(address);
    const auto named = std::find_if(neighbors.begin(), neighbors.end(),
                                    [&](const BgpNeighbor& one) { return parsed && one.address == *parsed; });
    if (named == neighbors.end()) {
      return wrong(fmt::format("'{}' is none of --bgp-neighbor", address));
    }
    named->password = password;
  }
  return ok();
}

std::string without_secrets(const std::string& command) {
  const auto at = command.find(password_word);
  return at == std::string::npos ? command : command.substr(0, at + password_word.size()) + "…";
}

std::vector<BgpLine> bgp_lines(std::string_view running_config) {
  std::vector<BgpLine> lines;
  std::vector<std::string> in;
  while (!running_config.empty()) {
    const auto end = std::min(running_config.find('\n'), running_config.size());
    std::string_view text = running_config.substr(0, end);
    running_config.remove_prefix(std::min(end + 1, running_config.size()));
    const auto begin = text.find_first_not_of(' ');
    text.remove_prefix(std::min(begin, text.size()));
    while (!text.empty() && (text.back() == ' ' || text.back() == '\r')) {
      text.remove_suffix(1);
    }
    if (text.empty() || text.front() == '!') {
      continue;
    }
    if (text == "exit" || text.starts_with("exit-")) {
      if (!in.empty()) {
        in.pop_back();
      }
      continue;
    }
    lines.push_back({in, std::string(text)});
    if (opens_block(text)) {
      in.emplace_back(text);
    }
  }
  return lines;
}

Result<std::vector<std::string>> bgp_commands(const BgpSettings& settings, const std::set<net::IpCidr>& announced,
                                              const std::vector<BgpLine>& present) {
  const std::string bgp = router(settings.as);
  for (const BgpLine& line : present) {
    const bool instance = line.in.empty() && line.text.starts_with("router bgp ");
    if (instance && line.text != bgp && line.text.find(" vrf ") == std::string::npos) {
      return Error(Errc::conflict, fmt::format("bgpd has '{}', and --bgp-as is {}", line.text, settings.as),
                   "give the gateway that AS, or take the other one out of FRR's configuration");
    }
  }
  const auto wanted = wanted_lines(settings, announced, present);
  const auto is_in = [](const std::vector<BgpLine>& lines, const BgpLine& line) {
    return std::find(lines.begin(), lines.end(), line) != lines.end();
  };
  std::vector<std::string> commands;
  for (const BgpLine& line : wanted) {
    if (!is_in(present, line)) {
      say(commands, line, line.text);
    }
  }
  for (const BgpLine& line : present) {
    if (is_our_network(line) && !is_in(wanted, line)) {
      say(commands, line, "no " + line.text);
    }
  }
  for (const std::string& neighbor : our_neighbors(present, bgp)) {
    const auto keep = std::find_if(settings.neighbors.begin(), settings.neighbors.end(),
                                   [&](const BgpNeighbor& one) { return neighbor == "neighbor " + one.address.str(); });
    if (keep == settings.neighbors.end()) {
      say(commands, {{bgp}, neighbor}, "no " + neighbor);
    } else if (const BgpLine bfd{{bgp}, neighbor + " bfd"}; !keep->bfd && is_in(present, bfd)) {
      say(commands, bfd, "no " + bfd.text);
    }
    const auto secret = std::find_if(present.begin(), present.end(), [&](const BgpLine& line) {
      return line.in == std::vector{bgp} && line.text.starts_with(neighbor + std::string(password_word));
    });
    if (keep != settings.neighbors.end() && keep->password.empty() && secret != present.end()) {
      say(commands, {{bgp}, neighbor + " password"}, "no " + neighbor + " password");
    }
  }
  if (!commands.empty()) {
    commands.insert(commands.begin(), "configure terminal");
    commands.emplace_back("end");
  }
  return commands;
}

}  // namespace mooring::gateway
