#include "mooring/trace/walk.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "mooring/net/address.hpp"

namespace mooring::trace {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

template <class T>
bool read_number(std::string_view text, T& value, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size();
}

std::uint64_t number_of(std::string_view text) {
  std::uint64_t value = 0;
  if (text.starts_with("0x")) {
    read_number(text.substr(2), value, 16);
  } else {
    read_number(text, value);
  }
  return value;
}

// "10. ip,in_port=7, priority 100, cookie 0x4d00000000000001" or "40. No match."
std::optional<Step> step_from(std::string_view line, const std::string& bridge) {
  const std::string_view text = trimmed(line);
  const auto dot = text.find(". ");
  Step step;
  if (dot == std::string_view::npos || !read_number(text.substr(0, dot), step.table)) {
    return std::nullopt;
  }
  step.bridge = bridge;
  std::string_view rest = text.substr(dot + 2);
  if (rest.starts_with("No match")) {  // with an empty table it goes on: ', and a "packet-in" is called for.'
    step.matched = false;
    return step;
  }
  if (const auto cookie = rest.rfind(", cookie 0x"); cookie != std::string_view::npos) {
    step.cookie = number_of(rest.substr(cookie + std::string_view(", cookie ").size()));
    rest = rest.substr(0, cookie);
  }
  const std::string_view word = "priority ";
  const auto priority = rest.rfind(word);
  if (priority == std::string_view::npos || !read_number(rest.substr(priority + word.size()), step.priority)) {
    return std::nullopt;
  }
  rest = rest.substr(0, priority);
  while (rest.ends_with(' ') || rest.ends_with(',')) {
    rest.remove_suffix(1);
  }
  step.match = rest;
  return step;
}

std::string_view put_into(std::string_view field, std::string_view head, std::string_view action) {
  const auto arrow = action.find("->");
  return action.starts_with(head) && arrow != std::string_view::npos && action.substr(arrow + 2) == field
             ? action.substr(head.size(), arrow - head.size())
             : std::string_view();
}
// "set_field:172.31.0.2->tun_dst" -> "172.31.0.2"
std::string_view field_set(std::string_view action, std::string_view field) {
  return put_into(field, "set_field:", action);
}
// A learned flow is shown in Nicira's words: "load:0xac1f01ca->NXM_NX_REG10[]" -> "0xac1f01ca"
std::string_view loaded(std::string_view action, std::string_view field) {
  return put_into(field, "load:", action);
}

bool is_obstacle(std::string_view note) {
  return note.find("cache miss") != std::string_view::npos || note.find("routing failed") != std::string_view::npos ||
         note.find("too large") != std::string_view::npos || note.find("dropping") != std::string_view::npos ||
         note.find("exceeded") != std::string_view::npos;
}

// Follows the actions to where they lead.
void conclude(Walk& walk, std::string_view underlay) {
  bool punted = false;
  std::uint64_t forwarder = 0;  // VTEP of the gateway that a bridged subnet's packet is handed to
  for (const Step& step : walk.steps) {
    if (step.bridge == underlay) {
      continue;
    }
    for (const std::string& action : step.actions) {
      if (const auto to = field_set(action, "tun_dst"); !to.empty()) {
        walk.tunnel_to = to;
      } else if (const auto elected = loaded(action, "NXM_NX_REG10[]"); !elected.empty()) {
        forwarder = number_of(elected);
      } else if (action == "move:NXM_NX_REG10[]->NXM_NX_TUN_IPV4_DST[]") {
        walk.tunnel_to = net::Ipv4Address(static_cast<std::uint32_t>(forwarder)).str();
      } else if (const auto id = field_set(action, "tun_id"); !id.empty()) {
        walk.tunnel_id = number_of(id);
      } else if (const auto mac = field_set(action, "eth_dst"); !mac.empty()) {
        walk.destination_mac = mac;
      } else if (action.starts_with("output:")) {
        walk.end = walk.tunnel_to.empty() ? Walk::End::port : Walk::End::tunnel;
        walk.port = static_cast<std::uint32_t>(number_of(action.substr(std::string_view("output:").size())));
      } else if (action.starts_with("group:")) {  // what follows is the bucket that it took, if it says so
        walk.end = Walk::End::spread;
        walk.group = static_cast<std::uint32_t>(number_of(action.substr(std::string_view("group:").size())));
        punted = false;
      } else if (action == "IN_PORT") {
        walk.end = Walk::End::returned;
      } else if (action.starts_with("CONTROLLER") || action.starts_with("controller")) {
        punted = true;
      }
    }
    for (const std::string& note : step.notes) {
      if (walk.obstacle.empty() && is_obstacle(note)) {
        walk.obstacle = note;
      }
    }
  }
  const Step* last = walk.last();
  const bool dropped = last == nullptr || !last->matched ||
                       (last->actions.size() == 1 && last->actions.front() == "drop") || last->actions.empty();
  if (dropped) {
    walk.end = Walk::End::dropped;
  } else if (punted && (walk.end == Walk::End::dropped || walk.end == Walk::End::spread)) {
    walk.end = Walk::End::punted;
  }
}

}  // namespace

const Step* Walk::last() const {
  const auto found = std::find_if(steps.rbegin(), steps.rend(),
                                  [](const Step& step) { return step.bridge == "br-int" || step.bridge == "br-tun"; });
  return found == steps.rend() ? nullptr : &*found;
}

Result<Walk> parse_walk(std::string_view text, std::string_view underlay) {
  Walk walk;
  std::string bridge;
  bool concluded = false;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    const std::string_view body = trimmed(line);
    const std::string_view head = "bridge(\"";
    const std::string_view actions = "Datapath actions: ";
    if (line.starts_with(head) && line.ends_with("\")")) {
      bridge = line.substr(head.size(), line.size() - head.size() - 2);
    } else if (line.starts_with(actions)) {
      walk.datapath_actions = line.substr(actions.size());
      concluded = true;
    } else if (auto step = bridge.empty() ? std::nullopt : step_from(line, bridge)) {
      walk.steps.push_back(std::move(*step));
    } else if (body.empty() || walk.steps.empty() || !line.starts_with("    ")) {
      continue;
    } else if (body.starts_with("-> ") || body.starts_with(">> ") || body.starts_with("!! ")) {
      walk.steps.back().notes.emplace_back(body.substr(3));
    } else {
      walk.steps.back().actions.emplace_back(body);
    }
  }
  if (!concluded || walk.steps.empty()) {
    return Error(Errc::invalid_argument, "reading ofproto/trace: this is not its text",
                 "is it another version of Open vSwitch?");
  }
  conclude(walk, underlay);
  return walk;
}

std::string tables_text(const Walk& walk) {
  std::string text;
  std::string bridge;
  for (const Step& step : walk.steps) {
    if (step.bridge != bridge) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", step.bridge, step.table);
      bridge = step.bridge;
    } else {
      text += fmt::format(" -> {}", step.table);
    }
  }
  return text;
}

std::string flow_text(const ipam_api::TracedPacket& packet) {
  const bool v4 = packet.destination.is_v4();
  std::string text = to_string(packet.protocol) + (v4 ? "," : "6,");
  text += v4 ? fmt::format("nw_src={},nw_dst={},nw_ttl=64", packet.source.str(), packet.destination.str())
             : fmt::format("ipv6_src={},ipv6_dst={},nw_ttl=64", packet.source.str(), packet.destination.str());
  switch (packet.protocol) {
    case ipam_api::TraceProtocol::icmp:
      return text + (v4 ? ",icmp_type=8,icmp_code=0" : ",icmpv6_type=128,icmpv6_code=0");
    case ipam_api::TraceProtocol::tcp:
      return text + fmt::format(",tcp_src=40000,tcp_dst={},tcp_flags=0x002", packet.port);
    case ipam_api::TraceProtocol::udp:
      break;
  }
  return text + fmt::format(",udp_src=40000,udp_dst={}", packet.port);
}

}  // namespace mooring::trace
