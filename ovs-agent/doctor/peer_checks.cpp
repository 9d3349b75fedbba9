// The other tunnel ends: does a packet as large as a full one in a tunnel get there and back?
#include <fmt/format.h>

#include "ovs-agent/app/underlay_mtu.hpp"
#include "ovs-agent/doctor/echo.hpp"
#include "ovs-agent/doctor/examination.hpp"

namespace mooring::agent::doctor {
namespace {

constexpr std::uint32_t small_bytes = 84;
constexpr std::chrono::milliseconds patience{1500};
constexpr std::size_t most_peers = 256;  // of each kind; a few hundred machines say enough about a path
constexpr std::size_t shown = 8;

struct Peer {
  std::string name;
  net::Ipv4Address vtep;
};

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), shown); ++i) {
    text += (i > 0 ? ", " : "") + names[i];
  }
  return names.size() > shown ? fmt::format("{} and {} more", text, names.size() - shown) : text;
}

void check(Examination& node, const char* area, const char* kind, const std::vector<Peer>& peers) {
  if (peers.empty()) {
    node.findings.ok(area, fmt::format("there are no other {}", kind));
    return;
  }
  const std::uint32_t mtu = node.largest_mtu_bytes();
  const std::uint32_t full = mtu == 0 ? small_bytes : mtu + vxlan_overhead_bytes;
  std::vector<EchoTarget> targets;
  for (const Peer& peer : peers) {
    targets.push_back({peer.vtep, small_bytes});
    targets.push_back({peer.vtep, full});
  }
  const auto answers = echo(node.config.vtep, targets, patience);
  if (!answers) {
    node.findings.warn(area, answers.error().message(), answers.error().hint());
    return;
  }
  std::vector<std::string> away;
  std::vector<std::string> cut;
  for (std::size_t i = 0; i < peers.size(); ++i) {
    const EchoAnswer& small = (*answers)[2 * i];
    const EchoAnswer& large = (*answers)[2 * i + 1];
    const std::string name = fmt::format("{} ({})", peers[i].name, peers[i].vtep.str());
    if (!small.answered) {
      away.push_back(name);
    } else if (!large.answered) {
      cut.push_back(large.problem.empty() ? name : fmt::format("{}: {}", name, large.problem));
    }
  }
  if (!away.empty()) {
    node.findings.fail(area,
                       fmt::format("{} of {} {} do not answer: {}", away.size(), peers.size(), kind, listed(away)),
                       "is the machine up, and does the network between let ICMP and UDP 4789 through?");
  }
  if (!cut.empty()) {
    node.findings.fail(area,
                       fmt::format("packets of {} bytes do not get to {} of {} {}, small ones do: {}", full, cut.size(),
                                   peers.size(), kind, listed(cut)),
                       fmt::format("raise the MTU on the way to {}, or lower the subnets' to what it carries less {}",
                                   full, vxlan_overhead_bytes));
  }
  if (away.empty() && cut.empty()) {
    node.findings.ok(area, fmt::format("{0} of {0} {1} answer packets of {2} bytes", peers.size(), kind, full));
  }
}

}  // namespace

void check_peers(Examination& node) {
  if (!node.knows_directory) {
    node.findings.warn("peers", "the checkpoint does not say who there is", "mooring-agent writes it: is it running?");
    return;
  }
  std::vector<Peer> nodes;
  std::vector<Peer> gateways;
  for (const auto& [name, peer] : node.directory.nodes()) {
    if (name != node.config.name && nodes.size() < most_peers) {
      nodes.push_back({name, peer.vtep});
    }
  }
  for (const auto& [name, peer] : node.directory.gateways()) {
    if (gateways.size() < most_peers) {
      gateways.push_back({name, peer.vtep});
    }
  }
  check(node, "peers", "nodes", nodes);
  check(node, "gateways", "gateways", gateways);
}

}  // namespace mooring::agent::doctor
