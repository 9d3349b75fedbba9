#include "ipam-controller/app/release_brake.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace mooring::controller {
namespace {

constexpr std::string_view gone = "gone";
constexpr std::string_view earlier_boot = "earlier-boot";

// Was the port bound before the boot that the node's registration showed?
bool of_earlier_boot(const State& state, const Port& port) {
  const auto* node = state.node(port.node);
  return node != nullptr && node->boot_revision != 0 && port.generation < node->boot_revision;
}

}  // namespace

std::string ReleaseBrake::Held::str(const std::string& node) const {
  return fmt::format("node {} says that {} of its {} ports are gone; {} are held", node, asked, ports, held);
}

ReleaseBrake::Held ReleaseBrake::summary(const Node& node) {
  Held held;
  held.ports = node.ports;
  held.asked = node.asked.size();
  held.held = static_cast<std::size_t>(
      std::count_if(node.asked.begin(), node.asked.end(), [](const auto& item) { return item.second.held; }));
  return held;
}

Result<void> ReleaseBrake::admit(const State& state, const std::string& reason, const Port& port, TimeMs now) {
  const bool doubtful = reason == gone || (reason == earlier_boot && !of_earlier_boot(state, port));
  if (!doubtful) {
    return ok();
  }
  Node& node = nodes_[port.node];
  std::erase_if(node.asked, [&](const auto& item) { return item.second.at + window_ms < now; });
  Asked& asked = node.asked[{port.attachment, port.generation}];
  asked.at = now;
  const auto given_back =
      static_cast<std::size_t>(std::count_if(node.asked.begin(), node.asked.end(), [](const auto& item) {
        return !item.second.held && !item.second.allowed;
      }));
  // The one that is asked for is counted both as a port and as given back.
  node.ports = state.count_ports_of_node(port.node) + given_back - (asked.held || asked.allowed ? 0U : 1U);
  const auto doubted = static_cast<std::size_t>(
      std::count_if(node.asked.begin(), node.asked.end(), [](const auto& item) { return !item.second.allowed; }));
  if (asked.allowed || !too_many(doubted, node.ports)) {
    asked.held = false;
    node.holding = node.holding && summary(node).held != 0;
    return ok();
  }
  asked.held = true;
  node.alarmed = node.alarmed || !node.holding;
  node.holding = true;
  const Held held = summary(node);
  return Error(Errc::release_held,
               fmt::format("releasing {} of {}: held: {}", port.addresses.str(), port.owner.str(), held.str(port.node)),
               fmt::format("look at the node; if it is true: mooringctl node release-held {}", port.node));
}

std::size_t ReleaseBrake::let_go(const std::string& node) {
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) {
    return 0;
  }
  std::size_t count = 0;
  for (auto& [key, asked] : found->second.asked) {
    if (asked.held) {
      asked.held = false;
      asked.allowed = true;
      ++count;
    }
  }
  found->second.holding = false;
  return count;
}

std::optional<ReleaseBrake::Held> ReleaseBrake::take_alarm(const std::string& node) {
  const auto found = nodes_.find(node);
  if (found == nodes_.end() || !found->second.alarmed) {
    return std::nullopt;
  }
  found->second.alarmed = false;
  return summary(found->second);
}

std::map<std::string, ReleaseBrake::Held> ReleaseBrake::held() const {
  std::map<std::string, Held> all;
  for (const auto& [name, node] : nodes_) {
    const Held held = summary(node);
    if (held.held != 0) {
      all.emplace(name, held);
    }
  }
  return all;
}

}  // namespace mooring::controller
