// A flow as text that can be compared. What a person writes in ovs-ofctl's syntax is parsed, encoded for OpenFlow 1.5,
// decoded as the switch decodes it, encoded as the switch's answer to a dump and formatted again, all by
// libopenvswitch. A desired flow and its dump from the switch are therefore equal as text, however they were written.
//
// Source: ovs-fields(7), ovs-actions(7). Threading: values; parse_flow may run on any thread (after ovs::initialise).
// Cost: about 10 microseconds a flow.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "mooring/base/error.hpp"

namespace mooring::ovs {

// What makes a flow that flow for the switch: adding another one with the same key replaces it.
struct FlowKey {
  std::uint8_t table = 0;
  std::uint16_t priority = 32768;
  std::string match;  // canonical: "ip,reg0=0x64,nw_dst=10.0.0.5"; "" matches everything
  auto operator<=>(const FlowKey&) const = default;
  std::string str() const;  // "table=40,priority=100,ip,reg0=0x64,nw_dst=10.0.0.5"
};

struct Flow {
  FlowKey key;
  std::uint64_t cookie = 0;
  std::uint16_t idle_timeout = 0;  // seconds, 0 = never
  std::uint16_t hard_timeout = 0;  // seconds, 0 = never
  std::string actions = "drop";    // canonical: "dec_ttl,output:7"
  bool operator==(const Flow&) const = default;
  // "table=40,priority=100,ip,nw_dst=10.0.0.5 cookie=0x4d… actions=…": one line, stable, for golden files and people.
  // Time-outs only when they are not 0. parse_flow(flow.str()) gives the flow again.
  std::string str() const;
};

// `text` as ovs-ofctl add-flow takes it ("table=0,priority=100,ip,nw_dst=10.0.0.5,cookie=0x1,actions=output:2"), or
// what Flow::str() wrote. Errc::invalid_argument with libopenvswitch's reason: syntax, a missing prerequisite (nw_dst
// without ip), something OpenFlow 1.5 cannot say, or a property that Flow does not carry (flags, importance).
Result<Flow> parse_flow(std::string_view text);

}  // namespace mooring::ovs

template <>
struct std::hash<mooring::ovs::FlowKey> {
  std::size_t operator()(const mooring::ovs::FlowKey& key) const noexcept {
    return std::hash<std::string>{}(key.match) * 31 + (std::size_t{key.table} << 16 | key.priority);
  }
};
