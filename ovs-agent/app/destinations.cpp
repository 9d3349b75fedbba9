#include "ovs-agent/app/destinations.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "ovs-agent/domain/flow_lines.hpp"
#include "ovs-agent/domain/may_delete.hpp"
#include "ovs-agent/domain/packet_head.hpp"

namespace mooring::agent {
namespace {

constexpr std::chrono::milliseconds longest_look_interval{5'000};
constexpr std::chrono::milliseconds shortest_look_interval{200};
constexpr std::chrono::milliseconds uses_deadline{5'000};

WorkingSet::Time now() {
  return std::chrono::steady_clock::now();
}

}  // namespace

Destinations::Destinations(NodeState& state, FlowProgram& flows, ovs::PacketChannel& packets,
                           std::function<bool()> current, Remember remember)
    : state_(state), flows_(flows), packets_(packets), current_(std::move(current)), remember_(std::move(remember)) {}

void Destinations::received(const std::vector<ovs::PacketIn>& packets) {
  FlowGroups groups;
  for (const auto& packet : packets) {
    miss(packet, groups);
  }
  if (!groups.empty()) {
    flows_.refresh(groups);
  }
}

void Destinations::miss(const ovs::PacketIn& packet, FlowGroups& groups) {
  const bool whole = !packet.userdata.empty() && packet.userdata.front() == packet_kind::whole;
  ++(whole ? counters_.whole : counters_.copies);
  const auto head = read_head(packet.data);
  const auto vni = net::Vni::from(packet.pkt_mark);
  if (!head || !vni) {
    ++counters_.unreadable;
    return;
  }
  const Miss miss{*vni, head->source, head->destination};
  if (const auto way = way_to(miss.key(), state_.directory, state_.ports, flows_.plan().settings().vtep)) {
    elsewhere(miss, way->vtep, whole, packet, groups);
  } else if (!whole && beyond_gateways(miss.key(), state_.directory, state_.ports)) {
    elsewhere(miss, {}, whole, packet, groups);
  } else {
    nowhere(miss, packet);
  }
}

void Destinations::elsewhere(const Miss& miss, net::Ipv4Address vtep, bool whole, const ovs::PacketIn& packet,
                             FlowGroups& groups) {
  const auto admitted = state_.destinations.admit(miss.key(), whole, now());
  switch (admitted.admission) {
    case WorkingSet::Admission::admitted:
      ++counters_.installed;
      groups.insert(destination_group(miss.key()));
      break;
    case WorkingSet::Admission::full:
      ++counters_.full;
      break;
    case WorkingSet::Admission::there:
      break;  // on its way into the switch
  }
  if (admitted.evicted) {
    ++counters_.evicted;
    groups.insert(destination_group(*admitted.evicted));
  }
  if (whole) {
    ovs::PacketOut out;
    out.in_port = port::patch_to_integration;
    out.actions = to_peer(miss.vni, vtep);
    out.data = packet.data;
    packets_.send(std::move(out));
    ++counters_.reinjected;
  }
}

void Destinations::nowhere(const Miss& miss, const ovs::PacketIn& packet) {
  ++counters_.unknown;
  if (!current_() || !pace_.due(miss, now())) {
    return;
  }
  const auto refusal = refusal_of(miss, state_.directory, state_.ports);
  if (!refusal) {
    return;
  }
  ovs::PacketOut out;
  out.in_port = port::vxlan;
  out.actions = fmt::format("set_field:{}->pkt_mark,output:{}", refusal->vni.value(), port::patch_to_integration);
  out.data = host_unreachable(packet.data, refusal->router);
  if (!out.data.empty()) {
    packets_.send(std::move(out));
    ++counters_.refused;
  }
}

void Destinations::take_up(const ovs::DesiredFlows& actual) {
  FlowGroups groups;
  for (const auto& [key, flow] : actual) {
    const auto destination = owner_of(flow.cookie) == FlowOwner::destination ? destination_of(key.match) : std::nullopt;
    if (!destination) {
      continue;
    }
    if (key.table == tun_table::from_tunnel) {  // the hairpin of an address that left before this agent began
      if (!state_.ports.departed(*destination)) {
        state_.ports.has_departed(*destination);
        groups.insert(hairpin_group(*destination));
      }
      continue;
    }
    if (key.table != tun_table::to_tunnel || state_.destinations.contains(*destination)) {
      continue;
    }
    const auto way = way_to(*destination, state_.directory, state_.ports, flows_.plan().settings().vtep);
    const bool machine = !way && beyond_gateways(*destination, state_.directory, state_.ports);
    if (!way && !machine) {
      continue;
    }
    if (way && way->generation < generation_of(flow.cookie)) {
      continue;  // our copy is older than the flow: it stays as it is until the stream has caught up
    }
    if (state_.destinations.admit(*destination, false, now()).admission == WorkingSet::Admission::admitted) {
      ++counters_.taken_up;
      groups.insert(destination_group(*destination));
    }
  }
  if (!groups.empty()) {
    spdlog::info("{} destinations that were in use, or have left, are taken up", groups.size());
    flows_.refresh(groups);
  }
}

void Destinations::directory_changed(const directory::Changes& changes) {
  std::vector<PortKey> changed = changes.ports;
  if (changes.blocks) {
    changed = state_.destinations.keys();
  }
  FlowGroups groups;
  for (const auto& key : changed) {
    if (!state_.destinations.contains(key)) {
      continue;
    }
    const auto way = way_to(key, state_.directory, state_.ports, flows_.plan().settings().vtep);
    if (!way && beyond_gateways(key, state_.directory, state_.ports)) {
      groups.insert(destination_group(key));
    } else if (!way) {
      state_.destinations.remove(key);  // its flow has gone already
    } else if (!changes.blocks && !state_.directory.find(key)) {
      state_.destinations.remove(key);  // of a block, and its port has gone: until somebody asks for it again
      groups.insert(destination_group(key));
    }
  }
  if (!groups.empty()) {
    flows_.refresh(groups);
  }
}

asio::awaitable<void> Destinations::look() {
  using Found = Result<std::vector<ovs::FlowUse>>;
  Promise<Found> answered(state_.executor);
  packets_.uses(tun_table::to_tunnel, static_cast<std::uint8_t>(FlowOwner::destination), 0xff, uses_deadline,
                [answered](Found found) { answered.set(std::move(found)); });
  const Found found = co_await answered.wait();
  if (!found) {
    co_return;  // the switch is away: nothing is used, and nothing forgotten
  }
  for (const auto& use : *found) {
    if (const auto key = destination_of(use.key.match)) {
      state_.destinations.counted(*key, use.packets, now());
    }
  }
  FlowGroups groups;
  for (const auto& key : state_.destinations.expire(now())) {
    groups.insert(destination_group(key));
    ++counters_.expired;
  }
  if (!groups.empty()) {
    flows_.refresh(groups);
  }
}

void Destinations::write_down() {
  auto keys = state_.destinations.keys();
  auto sorted = keys;
  std::sort(sorted.begin(), sorted.end());
  if (sorted != remembered_) {
    remember_(keys);
    remembered_ = std::move(sorted);
  }
}

asio::awaitable<void> Destinations::run() {
  const auto interval =
      std::clamp(state_.destinations.settings().idle / 5, shortest_look_interval, longest_look_interval);
  for (;;) {
    asio::steady_timer pause(state_.executor, after(interval));
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    co_await look();
    write_down();
  }
}

void restore_destinations(NodeState& state, const std::vector<PortKey>& keys, net::Ipv4Address own_vtep) {
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) {  // the most recently used last, as it was
    if (way_to(*key, state.directory, state.ports, own_vtep) || beyond_gateways(*key, state.directory, state.ports)) {
      state.destinations.admit(*key, false, now());
    }
  }
}

}  // namespace mooring::agent
