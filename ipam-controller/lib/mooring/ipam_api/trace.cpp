#include "mooring/ipam_api/trace.hpp"

#include <array>

#include <fmt/format.h>

namespace mooring::ipam_api {
namespace {

constexpr std::array protocols = {"icmp", "tcp", "udp"};
constexpr std::array outcomes = {"stops", "delivered", "tunnel", "physical", "host", "answered", "asks-agent"};

Result<TraceAnswer::Outcome> parse_outcome(std::string_view text) {
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (text == outcomes[i]) {
      return static_cast<TraceAnswer::Outcome>(i);
    }
  }
  return Error(Errc::invalid_argument, fmt::format("'{}' is no outcome that this version knows", text));
}

}  // namespace

std::string to_string(TraceProtocol protocol) {
  return protocols[static_cast<std::size_t>(protocol)];
}

Result<TraceProtocol> parse_trace_protocol(std::string_view text) {
  for (std::size_t i = 0; i < protocols.size(); ++i) {
    if (text == protocols[i]) {
      return static_cast<TraceProtocol>(i);
    }
  }
  return Error(Errc::invalid_argument, fmt::format("'{}' is no protocol", text), "icmp, tcp or udp");
}

Json to_json(const TracedPacket& packet) {
  return {{"vni", packet.vni.value()},
          {"source", packet.source.str()},
          {"destination", packet.destination.str()},
          {"protocol", to_string(packet.protocol)},
          {"port", packet.port},
          {"from_vtep", packet.from_vtep},
          {"mac", packet.mac},
          {"from_physical", packet.from_physical},
          {"attachment", packet.attachment}};
}

Result<TracedPacket> traced_packet_from(const Json& json) {
  Fields fields(json, "trace", Fields::Unknown::ignore);
  TracedPacket packet;
  packet.vni = fields.take("vni", net::Vni::from(fields.number("vni")));
  packet.source = fields.parsed("source", &net::IpAddress::parse);
  packet.destination = fields.parsed("destination", &net::IpAddress::parse);
  packet.protocol = fields.take("protocol", parse_trace_protocol(fields.string("protocol")));
  const std::uint64_t port = fields.number("port", 0);
  if (port > 65535) {
    fields.fail("port", Error(Errc::invalid_argument, fmt::format("{} is no port", port), "at most 65535"));
  }
  packet.port = static_cast<std::uint16_t>(port);
  if (packet.source.is_v4() != packet.destination.is_v4()) {
    fields.fail("destination",
                Error(Errc::invalid_argument, fmt::format("{} is of another family than the source {}",
                                                          packet.destination.str(), packet.source.str())));
  }
  packet.from_vtep = fields.string("from_vtep", "");
  packet.mac = fields.string("mac", "");
  if (const auto mac = net::MacAddress::parse(packet.mac); !packet.mac.empty() && !mac) {
    fields.fail("mac", mac.error());
  }
  if (const auto vtep = net::Ipv4Address::parse(packet.from_vtep); !packet.from_vtep.empty() && !vtep) {
    fields.fail("from_vtep", vtep.error());
  }
  packet.attachment = fields.string("attachment", "");
  packet.from_physical = fields.boolean("from_physical", false);
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return packet;
}

Json to_json(const TraceAnswer& answer) {
  Json hops = Json::array();
  for (const TraceHop& hop : answer.hops) {
    hops.push_back({{"step", hop.step}, {"ok", hop.ok}, {"detail", hop.detail}});
  }
  return {{"hops", std::move(hops)}, {"outcome", outcomes[static_cast<std::size_t>(answer.outcome)]},
          {"vtep", answer.vtep},     {"vni", answer.vni},
          {"mac", answer.mac},       {"why", answer.why}};
}

Result<TraceAnswer> trace_answer_from(const Json& json) {
  Fields fields(json, "the answer", Fields::Unknown::ignore);
  TraceAnswer answer;
  answer.outcome = fields.parsed("outcome", &parse_outcome);
  answer.vtep = fields.string("vtep", "");
  answer.vni = fields.number("vni", 0);
  answer.mac = fields.string("mac", "");
  answer.why = fields.string("why", "");
  if (const Json* hops = fields.array("hops")) {
    for (const Json& item : *hops) {
      Fields line(item, "hops", Fields::Unknown::ignore);
      TraceHop hop;
      hop.step = line.string("step");
      hop.ok = line.boolean("ok", true);
      hop.detail = line.string("detail", "");
      if (auto bad = line.finish()) {
        return *bad;
      }
      answer.hops.push_back(std::move(hop));
    }
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return answer;
}

}  // namespace mooring::ipam_api
