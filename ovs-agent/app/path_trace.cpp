#include "ovs-agent/app/path_trace.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "mooring/directory/gateway_ports.hpp"
#include "ovs-agent/domain/flow_meaning.hpp"
#include "ovs-agent/domain/gate.hpp"
#include "ovs-agent/domain/pipeline.hpp"

namespace mooring::agent {
namespace {

using ipam_api::TraceAnswer;
using ipam_api::TracedPacket;
using Outcome = TraceAnswer::Outcome;

constexpr std::chrono::milliseconds read_back_deadline{2000};

struct Reason {
  std::string_view label;
  std::string_view text;
};
constexpr Reason reasons[] = {
    {"port-shut", "no open port is there: its gate is shut, or the flow is missing"},
    {"not-allowed", "containers may not announce themselves as routers or servers"},
    {"spoofed", "the spoof guard: the source is not the port's own address"},
    {"not-forwarded", "such an address is never forwarded"},
    {"isolated", "the network is isolated: its subnets do not reach one another"},
    {"to-host", "containers may not open this connection to the host"},
    {"not-here", "no open port of this node has the address"},
    {"unknown-sender", "the sender's VTEP belongs to no known node or gateway"},
    {"loop-mark", "it was relayed once already, and the address is not here"},
    {"vip", "it is a VIP, and this is none of its ports, or no back end can be reached"},
    {"no-destination", "no flow leads to the address, and no gateway is there to relay"},
};

std::string reason_of(const trace::Step& step) {
  if (!step.matched) {
    return "no flow matches: one is missing";
  }
  ovs::Flow flow;
  flow.key.table = static_cast<std::uint8_t>(step.table);
  flow.key.priority = static_cast<std::uint16_t>(step.priority);
  const auto meaning = flow_meaning(step.bridge, flow);
  const auto known = std::find_if(std::begin(reasons), std::end(reasons),
                                  [&](const Reason& reason) { return reason.label == meaning.label; });
  return std::string(known == std::end(reasons) ? meaning.label : known->text);
}

// Where a packet to a VIP is translated: "10.0.0.5:8080", by the flow that begins a connection. Conntrack is not asked
// by ofproto/trace: what comes behind that flow means nothing. (What conntrack hands back is shown under the bridge at
// which the packet came in. br-tun has no such table.)
std::string translated_to(const trace::Walk& walk) {
  constexpr std::string_view begin = "nat(dst=";
  for (const trace::Step& step : walk.steps) {
    for (const std::string& action : step.actions) {
      const auto at = action.find(begin);
      if (step.table == int_table::vip_packet && at != std::string::npos) {
        const auto value = at + begin.size();
        return action.substr(value, action.find(')', value) - value);
      }
    }
  }
  return {};
}

}  // namespace

struct PathTrace::Finding {
  TracedPacket packet;
  const LocalPort* port = nullptr;  // the sender's
  TraceAnswer answer;

  void hop(std::string step, bool ok, std::string detail) {
    answer.hops.push_back({std::move(step), ok, std::move(detail)});
  }
  bool stop(std::string step, std::string detail) {
    answer.outcome = Outcome::stops;
    answer.why = detail;
    hop(std::move(step), false, std::move(detail));
    return false;
  }
};

bool PathTrace::look_at_port(Finding& finding) const {
  const auto attachment = ipam_api::parse_attachment(finding.packet.attachment);
  const LocalPort* port = attachment ? parts_.state.ports.find(*attachment) : nullptr;
  if (port == nullptr) {
    return finding.stop("port", fmt::format("this node has no port of {}", finding.packet.attachment));
  }
  finding.port = port;
  const auto links = parts_.kernel.links();
  if (links && !links->contains(port->interface)) {
    return finding.stop("port", fmt::format("the link {} of {} is gone", port->interface, port->record.pod));
  }
  if (!port->record.netns.empty() && !parts_.kernel.namespace_alive(port->record.netns)) {
    return finding.stop("port",
                        fmt::format("the network namespace {} of {} is gone", port->record.netns, port->record.pod));
  }
  finding.hop("port", true,
              fmt::format("{} is {}, OpenFlow port {}, {}, MAC {}", port->record.pod, port->interface, port->ofport,
                          port->record.addresses_text(), port->record.mac.str()));
  const Gate gate = gate_of(*port, parts_.state.directory);
  if (!gate.open) {
    return finding.stop("gate", fmt::format("the port of {} is {}", port->record.pod, gate.text()));
  }
  finding.hop("gate", true, fmt::format("{}, generation {}", gate.text(), port->record.generation));
  return true;
}

void PathTrace::look_at_directory(Finding& finding) const {
  using What = directory::Place::What;
  const auto& directory = parts_.state.directory;
  const auto place = directory.locate(finding.packet.vni, finding.packet.destination);
  const std::string address = finding.packet.destination.str();
  std::string text;
  switch (place.what) {
    case What::port:
      text = fmt::format("{} is on node {}, VNI {}, generation {}", address, place.port->node,
                         place.port->key.vni.value(), place.port->generation);
      break;
    case What::pool_range:
      text = fmt::format("{} is free, of pool {}", address, place.pool->name);
      break;
    case What::subnet:
      text = fmt::format("{} is in subnet {}, and nobody's", address, place.subnet->name);
      for (const auto& [name, vip] : directory.vips()) {
        if (vip.at == PortKey{place.subnet->vni, finding.packet.destination}) {
          text = fmt::format("{} is VIP {}, {} back ends in use", address, name, used_backends(vip).size());
        }
      }
      break;
    case What::outside:
      text = fmt::format("{} is in no subnet of the network: the physical side's", address);
      break;
  }
  finding.hop("directory", true, fmt::format("{} (revision {})", text, directory.revision()));
}

void PathTrace::delivered(Finding& finding, const trace::Walk& walk) const {
  if (walk.port == port::host) {
    finding.answer.outcome = Outcome::host;
    return;
  }
  for (const auto& [attachment, port] : parts_.state.ports.all()) {
    if (port.ofport != walk.port) {
      continue;
    }
    const auto links = parts_.kernel.links();
    if ((links && !links->contains(port.interface)) ||
        (!port.record.netns.empty() && !parts_.kernel.namespace_alive(port.record.netns))) {
      finding.stop("delivery",
                   fmt::format("{} is the receiver, and its link or network namespace is gone", port.record.pod));
      return;
    }
    finding.answer.outcome = Outcome::delivered;
    finding.hop("delivery", true, fmt::format("out of {} to {}", port.interface, port.record.pod));
    return;
  }
  finding.stop("delivery", fmt::format("OpenFlow port {} is no port of a container", walk.port));
}

void PathTrace::follow(Finding& finding, const trace::Walk& walk) const {
  const trace::Step* last = walk.last();
  const std::string tables = trace::tables_text(walk);
  if (const std::string backend = translated_to(walk); !backend.empty()) {
    const bool v6 = backend.front() == '[';  // "[fd00::5]:8080"
    const auto address =
        net::IpAddress::parse(v6 ? backend.substr(1, backend.find(']') - 1) : backend.substr(0, backend.find(':')));
    finding.hop("vip", true, fmt::format("a new connection goes to its back end {}", backend));
    for (const auto& [attachment, port] : parts_.state.ports.all()) {
      const auto keys = port.record.keys();
      if (address && std::any_of(keys.begin(), keys.end(), [&](PortKey key) { return key.address == *address; })) {
        finding.answer.outcome = Outcome::delivered;
        finding.hop("delivery", true, fmt::format("out of {} to {}", port.interface, port.record.pod));
        return;
      }
    }
    finding.stop("delivery", fmt::format("no container here has {}", backend));
    return;
  }
  if (!walk.obstacle.empty() && walk.end == trace::Walk::End::tunnel) {
    finding.hop("switch", true, tables);
    finding.answer.vtep = walk.tunnel_to;
    finding.stop("tunnel", fmt::format("the switch cannot reach VTEP {}: {}", walk.tunnel_to, walk.obstacle));
    return;
  }
  switch (walk.end) {
    case trace::Walk::End::dropped:
      finding.stop("switch",
                   fmt::format("{}: dropped in table {} of {}{}: {}", tables, last->table, last->bridge,
                               last->match.empty() ? "" : fmt::format(" by '{}'", last->match), reason_of(*last)));
      finding.answer.why = fmt::format("{} drops it in table {}: {}", last->bridge, last->table, reason_of(*last));
      return;
    case trace::Walk::End::returned:
      finding.answer.outcome = Outcome::answered;
      finding.hop("switch", true, tables + ": answered on the spot");
      return;
    case trace::Walk::End::punted:
      finding.answer.outcome = Outcome::asks;
      finding.hop("switch", true, tables + ": the agent is asked, and makes a flow");
      return;
    case trace::Walk::End::spread:
      spread(finding, walk);
      return;
    case trace::Walk::End::tunnel:
      finding.answer.outcome = Outcome::tunnel;
      finding.answer.vtep = walk.tunnel_to;
      finding.answer.vni = walk.tunnel_id;
      finding.answer.mac = walk.destination_mac;
      finding.hop(
          "switch", true,
          fmt::format("{}: to VTEP {} with VNI {}{}", tables, walk.tunnel_to, walk.tunnel_id,
                      walk.group == 0                                ? ""
                      : walk.group >= directory::vip_group::of(0, 0) ? ", as the VIP's group picks"
                                                                     : ", although no gateway answers BFD now"));
      return;
    case trace::Walk::End::port:
      finding.hop("switch", true, fmt::format("{}: out of OpenFlow port {} of {}", tables, walk.port, last->bridge));
      delivered(finding, walk);
      return;
  }
}

// To one of the gateways that are alive: they forward alike, so the first is followed.
void PathTrace::spread(Finding& finding, const trace::Walk& walk) const {
  const auto vni = net::Vni::from(walk.group & 0x00ff'ffffU);
  const std::string network(vni ? parts_.state.directory.network_of(*vni) : std::string_view());
  std::string live;
  std::string dead;
  std::optional<directory::GatewayPort> first;
  for (auto& gateway : directory::gateway_ports(parts_.state.directory)) {
    if (gateway.network != network) {
      continue;
    }
    const auto* interface = parts_.state.ovsdb->interface(tunnel_bridge, gateway.interface);
    const bool alive = interface != nullptr && interface->bfd_forwarding;
    std::string& names = alive ? live : dead;
    names += (names.empty() ? "" : ", ") + gateway.gateway;
    if (alive && !first) {
      first = std::move(gateway);
    }
  }
  const std::string text =
      fmt::format("{}: by a hash of addresses and ports to a live gateway: {}{}", trace::tables_text(walk),
                  live.empty() ? "there is none" : live, dead.empty() ? "" : "; not alive: " + dead);
  if (!first) {
    finding.stop("switch", text);
    return;
  }
  finding.answer.outcome = Outcome::tunnel;
  finding.answer.vtep = first->vtep.str();
  finding.answer.vni = vni->value();
  finding.answer.mac = walk.destination_mac;
  finding.hop("switch", true, text + fmt::format("; {} is followed", first->gateway));
}

asio::awaitable<void> PathTrace::ask_switch(Finding& finding) {
  const TracedPacket& packet = finding.packet;
  std::string bridge = integration_bridge;
  std::string flow = trace::flow_text(packet);
  if (finding.port != nullptr) {
    flow += fmt::format(",in_port={},dl_src={},dl_dst={}", finding.port->ofport, finding.port->record.mac.str(),
                        virtual_mac);
  } else {
    bridge = tunnel_bridge;
    flow +=
        fmt::format(",in_port={},tun_id={},tun_src={},tun_dst={},dl_src={},dl_dst={}", port::vxlan, packet.vni.value(),
                    packet.from_vtep, vtep_.str(), virtual_mac, packet.mac.empty() ? virtual_mac : packet.mac);
  }
  const auto text = co_await trace_.ofproto_trace(std::move(bridge), std::move(flow));
  if (!text) {
    finding.stop("switch", "asking the switch: " + text.error().text());
    co_return;
  }
  const auto walk = trace::parse_walk(*text);
  if (!walk) {
    finding.stop("switch", walk.error().text());
    co_return;
  }
  follow(finding, *walk);
}

asio::awaitable<void> PathTrace::compare_flows(Finding& finding) {
  const auto done = co_await parts_.flows.read_back(read_back_deadline);
  if (!done) {
    finding.hop("flows", false, "the switch could not be read back: " + done.error().text());
    co_return;
  }
  const auto amiss = parts_.flows.amiss();
  if (amiss.empty()) {
    finding.hop("flows", true, "the switch holds every flow that it should");
    co_return;
  }
  std::string text =
      fmt::format("{} flows were missing or changed, and are put right now: {}", amiss.size(), amiss.front());
  if (finding.answer.outcome == Outcome::stops) {
    finding.answer.why += fmt::format("; {}", text);
  }
  finding.hop("flows", false, std::move(text));
}

asio::awaitable<Result<ipam_api::Json>> PathTrace::answer(ipam_api::Json arguments) {
  auto packet = ipam_api::traced_packet_from(arguments);
  if (!packet) {
    co_return packet.error();
  }
  Finding finding;
  finding.packet = std::move(*packet);
  const bool leaves_a_container = finding.packet.from_vtep.empty();
  if (leaves_a_container && !look_at_port(finding)) {
    co_return to_json(finding.answer);
  }
  if (leaves_a_container) {
    look_at_directory(finding);
  }
  co_await ask_switch(finding);
  co_await compare_flows(finding);
  co_return to_json(finding.answer);
}

}  // namespace mooring::agent
