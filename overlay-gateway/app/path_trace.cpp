#include "overlay-gateway/app/path_trace.hpp"

#include <fmt/format.h>

#include "mooring/ovs/unixctl.hpp"
#include "overlay-gateway/domain/flow_meaning.hpp"
#include "overlay-gateway/domain/pipeline.hpp"

namespace mooring::gateway {
namespace {

using ipam_api::TraceAnswer;

TraceAnswer stopped(const std::string& step, std::string why) {
  TraceAnswer answer;
  answer.hops.push_back({step, false, why});
  answer.why = std::move(why);
  return answer;
}

std::string reason_of(const trace::Step& step, const RuleNamer& rule) {
  if (!step.matched) {
    return "no flow matches: one is missing";
  }
  if (std::string named = rule(step.cookie); !named.empty()) {
    return named;
  }
  ovs::Flow flow;
  flow.key.table = static_cast<std::uint8_t>(step.table);
  flow.key.priority = static_cast<std::uint16_t>(step.priority);
  const std::string_view label = flow_meaning(flow).label;
  return label == "unknown-sender"   ? "the sender's VTEP belongs to no known node or gateway"
         : label == "loop-mark"      ? "it was relayed once already"
         : label == "not-forwarder"  ? "nobody is elected to forward to the subnet's segment"
         : label == "no-destination" ? "no port has the address"
         : label == "other-network"  ? "this gateway does not serve the packet's network"
                                     : std::string(label);
}

}  // namespace

TraceAnswer read_walk(const trace::Walk& walk, const RuleNamer& rule) {
  const trace::Step* last = walk.last();
  const std::string tables = trace::tables_text(walk);
  if (walk.end == trace::Walk::End::dropped || last == nullptr) {
    const std::string why =
        last == nullptr ? "the switch has no flows"
                        : fmt::format("{} drops it in table {}: {}", last->bridge, last->table, reason_of(*last, rule));
    TraceAnswer answer = stopped("switch", why);
    answer.hops.front().detail = tables + ": " + why;
    return answer;
  }
  if (walk.end == trace::Walk::End::tunnel && !walk.obstacle.empty()) {
    return stopped("tunnel", fmt::format("the switch cannot reach VTEP {}: {}", walk.tunnel_to, walk.obstacle));
  }
  TraceAnswer answer;
  for (const trace::Step& step : walk.steps) {
    if (const std::string named = rule(step.cookie); !named.empty()) {
      answer.hops.push_back({"access", true, named + " lets it pass"});
    }
  }
  if (walk.end == trace::Walk::End::tunnel) {
    answer.outcome = TraceAnswer::Outcome::tunnel;
    answer.vtep = walk.tunnel_to;
    answer.vni = walk.tunnel_id;
    answer.mac = walk.destination_mac;
    answer.hops.push_back(
        {"relay", true, fmt::format("{}: to VTEP {} with VNI {}", tables, walk.tunnel_to, walk.tunnel_id)});
    return answer;
  }
  if (walk.end == trace::Walk::End::port && walk.port == port::foot) {
    answer.outcome = TraceAnswer::Outcome::physical;
    answer.hops.push_back({"physical", true, fmt::format("{}: to the kernel, by {}", tables, foot_name)});
    return answer;
  }
  if (walk.end == trace::Walk::End::port && walk.port == port::segment) {
    answer.outcome = TraceAnswer::Outcome::physical;
    answer.hops.push_back({"physical", true, fmt::format("{}: to the segment that the subnet is bridged to", tables)});
    return answer;
  }
  return stopped("switch", fmt::format("{}: leads to OpenFlow port {}, which is nobody's", tables, walk.port));
}

Result<ipam_api::Json> answer_trace(const ipam_api::Json& arguments, const std::string& ovs_rundir,
                                    net::Ipv4Address vtep, std::chrono::milliseconds deadline, const RuleNamer& rule) {
  const auto packet = ipam_api::traced_packet_from(arguments);
  if (!packet) {
    return packet.error();
  }
  const std::string mac = packet->mac.empty() ? virtual_mac : packet->mac;
  const std::string comes =
      packet->from_physical ? fmt::format("in_port={},dl_src={},dl_dst={}", port::foot, foot_mac, virtual_mac)
                            : fmt::format("in_port={},tun_id={},tun_src={},tun_dst={},dl_src={},dl_dst={}", port::vxlan,
                                          packet->vni.value(), packet->from_vtep, vtep.str(), virtual_mac, mac);
  const std::string flow = fmt::format("{},{}", trace::flow_text(*packet), comes);
  const auto socket = ovs::vswitchd_control_socket(ovs_rundir);
  const auto text = socket ? ovs::unixctl_call(*socket, "ofproto/trace", {tunnel_bridge, flow}, deadline) : socket;
  if (!text) {
    return to_json(stopped("switch", "asking the switch: " + text.error().text()));
  }
  const auto walk = trace::parse_walk(*text);
  return to_json(walk ? read_walk(*walk, rule) : stopped("switch", walk.error().text()));
}

}  // namespace mooring::gateway
