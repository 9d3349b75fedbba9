// What a switch says it would do with a packet: the text of `ofproto/trace`, as the flows that were met and where they
// lead. Source: ovs-vswitchd(8), OVS 3.1's ofproto/ofproto-dpif-trace.c. Pure. Threading: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mooring/base/error.hpp"
#include "mooring/ipam_api/trace.hpp"

namespace mooring::trace {

// One flow that was met.
struct Step {
  std::string bridge;
  int table = 0;
  std::string match;  // "ip,in_port=7,nw_src=10.0.0.5"; "" matches everything
  int priority = 0;
  std::uint64_t cookie = 0;
  bool matched = true;               // false: no flow of the table
  std::vector<std::string> actions;  // "set_field:0x64->reg0", "goto_table:10"
  std::vector<std::string> notes;    // "tunneling to 172.31.0.2 via br-phy", "skipping output to input port"
};

struct Walk {
  std::vector<Step> steps;
  std::string datapath_actions;  // "drop", "set(eth(…)),5"

  enum class End {
    dropped,   // by the last step
    port,      // out of OpenFlow port `port` of the last bridge of ours
    tunnel,    // to `tunnel_to`
    returned,  // out of the port it came from: answered on the spot
    punted,    // to a program only: the flow asks the agent
    spread,    // to one of the live buckets of a select group: which one is the datapath's to choose
  };
  End end = End::dropped;
  std::uint32_t port = 0;
  std::uint32_t group = 0;      // the last that was met; 0: none
  std::string tunnel_to;        // VTEP
  std::uint64_t tunnel_id = 0;  // VNI
  std::string destination_mac;  // as it leaves, if a flow set it
  std::string obstacle;  // what the switch itself says is in the way: "neighbor cache miss for …"; "" = nothing

  // The step that decided: the last one of a bridge that is not the underlay's.
  const Step* last() const;
};

// invalid_argument: not such a text (another version's?). `underlay`: the bridge whose steps are not the overlay's.
Result<Walk> parse_walk(std::string_view text, std::string_view underlay = "br-phy");

// "br-int 0 -> 10 -> 30 -> 40, br-tun 0 -> 20"
std::string tables_text(const Walk& walk);

// "tcp,nw_src=…,nw_dst=…,nw_ttl=64,tcp_src=40000,tcp_dst=80,tcp_flags=0x002", as ofproto/trace reads it; where it comes
// in is the caller's to say.
std::string flow_text(const ipam_api::TracedPacket& packet);

}  // namespace mooring::trace
