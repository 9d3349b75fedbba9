// The question "trace": what would you do with this packet? The controller asks it down the watch stream
// (docs/api/watch.md); nodes and gateways answer with hops and where the packet goes on. Unknown fields are ignored, so
// that a later version may say more. Threading: values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mooring/ipam_api/json_fields.hpp"
#include "mooring/net/ip.hpp"

namespace mooring::ipam_api {

enum class TraceProtocol { icmp, tcp, udp };
std::string to_string(TraceProtocol protocol);
Result<TraceProtocol> parse_trace_protocol(std::string_view text);

struct TracedPacket {
  net::Vni vni;
  net::IpAddress source, destination;
  TraceProtocol protocol = TraceProtocol::icmp;
  std::uint16_t port = 0;  // tcp, udp: where to
  // While it is in a tunnel: who sent it, and the inner destination MAC. Empty: it leaves a container.
  std::string from_vtep;
  std::string mac;
  bool from_physical = false;  // asked of a gateway: it comes from its physical network
  std::string attachment;      // whose it is: "container-id/ifname" of the sender, or, in a tunnel, of the receiver
};
Json to_json(const TracedPacket& packet);
Result<TracedPacket> traced_packet_from(const Json& json);

// One line of an answer.
struct TraceHop {
  std::string step;  // "port", "gate", "directory", "flows", "switch", "tunnel"
  bool ok = true;
  std::string detail;
};

struct TraceAnswer {
  enum class Outcome {
    stops,      // `why`
    delivered,  // to a container of this node
    tunnel,     // to `vtep`
    physical,   // to the physical network
    host,       // to the node itself
    answered,   // on the spot
    asks,       // to the agent, which makes a flow
  };
  std::vector<TraceHop> hops;
  Outcome outcome = Outcome::stops;
  std::string vtep;       // tunnel: where to
  std::uint64_t vni = 0;  // … with
  std::string mac;        // … and inner destination MAC
  std::string why;        // stops: one clause
};
Json to_json(const TraceAnswer& answer);
Result<TraceAnswer> trace_answer_from(const Json& json);

}  // namespace mooring::ipam_api
