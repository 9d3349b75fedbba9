#include "overlay-gateway/app/bridging.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "overlay-gateway/domain/pipeline.hpp"

namespace mooring::gateway {
namespace {

constexpr std::chrono::milliseconds ports_deadline{5000};
constexpr std::chrono::milliseconds uses_deadline{2000};
constexpr std::chrono::milliseconds election_patience{5000};  // nobody elected for so long is a problem
constexpr std::uint64_t all_bits = ~std::uint64_t{0};
constexpr std::size_t most_machines_shown = 100;

// "reg8=0x64" of a canonical match; 0: none.
std::uint32_t vni_of(std::string_view match) {
  constexpr std::string_view word = "reg8=0x";
  const auto at = match.find(word);
  std::uint32_t vni = 0;
  if (at != std::string_view::npos) {
    std::from_chars(match.data() + at + word.size(), match.data() + match.size(), vni, 16);
  }
  return vni;
}

ovs::AddPort segment_port(const std::string& interface) {
  ovs::AddPort port;
  port.bridge = tunnel_bridge;
  port.name = interface;
  port.ofport_request = port::segment;
  return port;
}

ovs::AddPort election_port(const BridgedSubnet& subnet) {
  ovs::AddPort port;
  port.bridge = tunnel_bridge;
  port.name = subnet.election_port();
  port.type = "internal";
  port.ofport_request = subnet.election_ofport();
  port.mac = subnet.mac();
  return port;
}

bool is_there(const ovs::OvsdbState& state, const ovs::AddPort& port) {
  const ovs::OvsInterface* interface = state.interface(tunnel_bridge, port.name);
  return interface != nullptr && interface->ofport == port.ofport_request &&
         (port.mac.empty() || interface->mac_in_use == port.mac);
}

}  // namespace

Bridging::Bridging(Settings settings, SegmentSide& segment, const ovs::Post& post)
    : settings_(std::move(settings)), segment_(segment) {
  packets_ = std::make_unique<ovs::OpenFlowPackets>(settings_.switch_socket, post,
                                                    [this, alive = alive_](const std::vector<ovs::PacketIn>& packets) {
                                                      for (const ovs::PacketIn& packet : packets) {
                                                        received(packet);
                                                      }
                                                    });
}

void Bridging::plan(std::vector<BridgedSubnet> bridged, std::vector<net::Ipv4Address> gateways, ovs::FlowSync& flows) {
  ovs::FlowSync::MeterWishes meters;
  ovs::FlowSync::GroupWishes groups;
  meters.desired = bridge_meters(bridged);
  for (const ovs::Meter& meter : bridge_meters(bridged_)) {
    const bool stays = std::any_of(meters.desired.begin(), meters.desired.end(),
                                   [&](const ovs::Meter& wanted) { return wanted.id == meter.id; });
    if (!stays) {
      meters.not_desired.push_back(meter.id);
    }
  }
  if (!bridged.empty()) {
    groups.desired = bridge_groups();
  } else if (!bridged_.empty()) {
    groups.not_desired = {bridge_group::arp, bridge_group::echo, bridge_group::nd};
  }
  if (bridged != bridged_) {
    flows.change({}, meters, groups);
    bridged_ = std::move(bridged);
    std::erase_if(seen_, [this](const auto& item) { return subnet_of(item.first) == nullptr; });
    for (const BridgedSubnet& subnet : bridged_) {
      seen_[subnet.vni.value()].last_elected = Clock::now();
    }
  }
  gateways_ = std::move(gateways);
}

Result<void> Bridging::ensure(ovs::Ovsdb& ovsdb, bool complete) {
  look_at_switch();
  tell_segment();
  ensure_ports(ovsdb, complete);
  if (!ports_made_ || committing_) {
    return ports_made_;
  }
  if (auto elected = ensure_election(); !elected) {
    return elected;
  }
  return check_elections();
}

void Bridging::ensure_ports(ovs::Ovsdb& ovsdb, bool complete) {
  const auto state = ovsdb.state();
  const ovs::OvsBridge* bridge = state->bridge(tunnel_bridge);
  if (committing_ || bridge == nullptr) {
    return;
  }
  std::vector<ovs::AddPort> wanted;
  if (!bridged_.empty()) {
    wanted.push_back(segment_port(settings_.interface));
  }
  for (const BridgedSubnet& subnet : bridged_) {
    wanted.push_back(election_port(subnet));
  }
  ovs::OvsdbTransaction transaction;
  for (const ovs::AddPort& port : wanted) {
    if (!is_there(*state, port)) {
      transaction.operations.emplace_back(port);
    }
  }
  for (const auto& [name, interface] : bridge->interfaces) {
    const bool ours = name == settings_.interface || name.starts_with(election_port_prefix);
    if (complete && ours && std::none_of(wanted.begin(), wanted.end(), [&, &one = name](const ovs::AddPort& port) {
          return port.name == one;
        })) {
      ovs::DeletePort port;
      port.bridge = tunnel_bridge;
      port.name = name;
      transaction.operations.emplace_back(port);
    }
  }
  if (transaction.operations.empty()) {
    ports_made_ = ok();
    return;
  }
  transaction.purpose = fmt::format("making the ports of bridged mode ({})", settings_.interface);
  transaction.deadline = ports_deadline;
  committing_ = true;
  ovsdb.commit(std::move(transaction), [this, alive = std::weak_ptr<bool>(alive_)](const Result<void>& done) {
    if (!alive.expired()) {
      committing_ = false;
      ports_made_ = done;
    }
  });
}

Result<void> Bridging::ensure_election() {
  std::vector<std::string> ports;
  for (const BridgedSubnet& subnet : bridged_) {
    ports.push_back(subnet.election_port());
  }
  if (!bridged_.empty()) {
    if (auto up = segment_.ensure_links(settings_.interface, ports); !up) {
      return up;
    }
  }
  const auto changed = segment_.ensure_election(
      keepalived_config(settings_.gateway, bridged_, settings_.vtep, settings_.virtual_router));
  if (!changed) {
    return changed.error();
  }
  if (*changed) {
    spdlog::info("bridge: keepalived has {} elections", bridged_.size());
  }
  return ok();
}

Result<void> Bridging::check_elections() const {
  if (bridged_.empty()) {
    return ok();
  }
  if (!segment_.carrier(settings_.interface)) {
    return Error(Errc::unavailable, fmt::format("bridging by {}: it has no carrier", settings_.interface),
                 "is the cable in?");
  }
  if (!segment_.election_runs()) {
    return Error(Errc::unavailable, "electing a forwarder: keepalived does not run, this gateway bridges nothing",
                 "systemctl enable --now mooring-vrrp");
  }
  std::vector<std::string> nobody;
  for (const BridgedSubnet& subnet : bridged_) {
    const auto seen = seen_.find(subnet.vni.value());
    if (seen != seen_.end() && !seen->second.forwarder &&
        Clock::now() > seen->second.last_elected + election_patience) {
      nobody.push_back(fmt::format("{} (subnet {})", subnet.vlan, subnet.name));
    }
  }
  return nobody.empty() ? ok()
                        : Result<void>(Error(Errc::unavailable,
                                             fmt::format("nobody forwards for VLAN {}", fmt::join(nobody, ", ")),
                                             "what does keepalived say? journalctl -u mooring-vrrp"));
}

bool Bridging::may_stand(const ovs::OvsdbState& state) const {
  return !bridged_.empty() && is_there(state, segment_port(settings_.interface)) &&
         segment_.carrier(settings_.interface);
}

const BridgedSubnet* Bridging::subnet_of(std::uint32_t vni) const {
  const auto found = std::find_if(bridged_.begin(), bridged_.end(),
                                  [&](const BridgedSubnet& subnet) { return subnet.vni.value() == vni; });
  return found == bridged_.end() ? nullptr : &*found;
}

bool Bridging::forwards(std::uint32_t vni) const {
  const auto seen = seen_.find(vni);
  return seen != seen_.end() && seen->second.forwarder == settings_.vtep;
}

// ---- what the switch knows -----------------------------------------------------------------------------------------

void Bridging::look_at_switch() {
  if (bridged_.empty()) {
    return;
  }
  std::vector<net::Ipv4Address> candidates = gateways_;
  candidates.push_back(settings_.vtep);
  for (const net::Ipv4Address& one : candidates) {
    packets_->uses(table::elected, elected_cookie(one), all_bits, uses_deadline,
                   [this, one, alive = std::weak_ptr<bool>(alive_)](const Result<std::vector<ovs::FlowUse>>& found) {
                     if (!alive.expired()) {
                       heard_of_elections(one, found ? *found : std::vector<ovs::FlowUse>());
                     }
                   });
  }
  packets_->uses(table::machines, static_cast<std::uint64_t>(FlowOwner::learned), 0xff, uses_deadline,
                 [this, alive = std::weak_ptr<bool>(alive_)](const Result<std::vector<ovs::FlowUse>>& found) {
                   if (!alive.expired() && found) {
                     heard_of_machines(*found);
                   }
                 });
}

void Bridging::heard_of_elections(net::Ipv4Address forwarder, const std::vector<ovs::FlowUse>& flows) {
  for (auto& [vni, seen] : seen_) {
    const bool it_is = std::any_of(flows.begin(), flows.end(), [number = vni](const ovs::FlowUse& flow) {
      return vni_of(flow.key.match) == number;
    });
    if (it_is) {
      if (seen.forwarder != forwarder) {
        spdlog::info("bridge: VNI {}: {} forwards", vni,
                     forwarder == settings_.vtep ? "this gateway" : forwarder.str());
      }
      const bool takes_over = forwarder == settings_.vtep && seen.forwarder != forwarder;
      seen.forwarder = forwarder;
      seen.last_elected = Clock::now();
      if (takes_over) {
        announce_gateways(vni);
      }
    } else if (seen.forwarder == forwarder) {
      seen.forwarder.reset();
    }
  }
}

void Bridging::heard_of_machines(const std::vector<ovs::FlowUse>& flows) {
  for (auto& [vni, seen] : seen_) {
    seen.machines.clear();
  }
  for (const ovs::FlowUse& flow : flows) {
    const auto seen = seen_.find(vni_of(flow.key.match));
    for (const std::string_view word : {"nw_dst=", "ipv6_dst="}) {
      const auto at = flow.key.match.find(word);
      if (seen != seen_.end() && at != std::string::npos) {
        const auto begin = at + word.size();
        seen->second.machines.push_back(flow.key.match.substr(begin, flow.key.match.find(',', begin) - begin));
      }
    }
  }
}

// ---- what is told ---------------------------------------------------------------------------------------------------

ipam_api::Json Bridging::status() const {
  ipam_api::Json subnets = ipam_api::Json::array();
  for (const BridgedSubnet& subnet : bridged_) {
    const auto seen = seen_.find(subnet.vni.value());
    const bool known = seen != seen_.end();
    std::vector<std::string> machines = known ? seen->second.machines : std::vector<std::string>();
    const std::size_t count = machines.size();
    machines.resize(std::min(count, most_machines_shown));
    const bool here = forwards(subnet.vni.value());
    subnets.push_back({{"subnet", subnet.name},
                       {"vni", subnet.vni.value()},
                       {"vlan", subnet.vlan},
                       {"forwards", here},
                       {"forwarder_vtep", known && seen->second.forwarder ? seen->second.forwarder->str() : ""},
                       {"machine_count", count},
                       {"machines", machines}});
  }
  return {{"interface", settings_.interface},
          {"carrier", segment_.carrier(settings_.interface)},
          {"keepalived", segment_.election_runs()},
          {"subnets", subnets}};
}

void Bridging::collect(metrics::Exposition& out) const {
  out.gauge("mooring_gateway_bridge_forwards", "1: this gateway was elected to forward between subnet and segment");
  for (const BridgedSubnet& subnet : bridged_) {
    out.sample(std::uint64_t{forwards(subnet.vni.value()) ? 1U : 0U}, {{"subnet", subnet.name}});
  }
  out.gauge("mooring_gateway_bridge_machines", "Machines of the segment whose MAC the switch has learned");
  for (const BridgedSubnet& subnet : bridged_) {
    const auto seen = seen_.find(subnet.vni.value());
    const std::size_t count = seen == seen_.end() ? 0 : seen->second.machines.size();
    out.sample(static_cast<std::uint64_t>(count), {{"subnet", subnet.name}});
  }
  out.counter("mooring_gateway_bridge_announcements_total",
              "Announcements of containers' addresses to the segment, by what became of them")
      .sample(announced_, {{"outcome", "sent"}})
      .sample(not_announced_, {{"outcome", "too-many"}});
  out.counter("mooring_gateway_bridge_questions_total",
              "Questions for machines by ARP and neighbour discovery, by what became of them")
      .sample(asked_, {{"outcome", "asked"}})
      .sample(answered_, {{"outcome", "answered"}})
      .sample(not_asked_, {{"outcome", "too-many"}});
}

}  // namespace mooring::gateway
