// A VIP as the directory has it: an address of a network whose connections go to pods (docs/howto/vips.md), and what
// nodes and gateways must do alike so that they pick alike.
//
// Who sees a packet to a VIP first (a gateway, or the caller's node) picks a back end by rendezvous hashing: of all
// back ends the one with the highest hash of (back end, caller's address and port). That is what a select group of Open
// vSwitch with selection_method=hash does with its buckets' ids (ofproto-dpif-xlate.c, group_best_live_bucket), and the
// ids are the back ends' IPv4 addresses, or hashes of their IPv6 ones. The chosen one goes along in the inner
// destination MAC; the VIP stays in the packet. Pure. Threading: values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mooring/directory/port_table.hpp"
#include "mooring/ipam_api/watch.hpp"
#include "mooring/net/ip.hpp"

namespace mooring::directory {

struct VipPort {
  bool udp = false;  // else TCP
  std::uint16_t port = 0;
  std::uint16_t target_port = 0;  // of the back ends
  const char* protocol() const { return udp ? "udp" : "tcp"; }
};

struct VipBackend {
  PortKey at;
  bool healthy = false;
  ipam_api::Revision since = 0;  // that it is healthy
};

struct VipCheck {
  enum class Kind { none, tcp, http };
  Kind kind = Kind::none;
  std::uint16_t port = 0;
  std::string path = "/";
  std::uint32_t interval_ms = 500, timeout_ms = 1000, failures = 2;
  bool operator==(const VipCheck&) const = default;
};

struct Vip {
  std::string name;
  std::string network;
  PortKey at;
  std::uint32_t number = 0;  // 1 to 32767, unique
  std::vector<VipPort> ports;
  std::vector<VipBackend> backends;
  VipCheck check;
};

// Those that connections go to: the healthy ones, or all if none is; the first to come first, and alone of its number.
inline constexpr std::size_t most_used_backends = 255;
std::vector<VipBackend> used_backends(const Vip& vip);

// Group ids: 0x4000000, number, and 9 bits of which back ends it picks from. A group leads to no other one.
namespace vip_group {
constexpr std::uint32_t of(std::uint32_t number, std::uint32_t which) {
  return 0x0400'0000U | number << 9 | which;
}
constexpr std::uint32_t all(std::uint32_t number) {  // of used_backends()
  return of(number, 0);
}
// Those before that one (>= 1): who may know a connection that it does not know.
constexpr std::uint32_t before(std::uint32_t number, std::size_t position) {
  return of(number, static_cast<std::uint32_t>(position));
}
// All but that one: of a back end that calls its own VIP.
constexpr std::uint32_t without(std::uint32_t number, std::size_t position) {
  return of(number, 256 + static_cast<std::uint32_t>(position));
}
}  // namespace vip_group

// The inner destination MAC of a packet to a VIP: the back end's number behind 0a:6e.
std::string vip_mac(net::IpAddress backend);

// A bucket: what happens to a packet that goes to that back end.
struct VipWay {
  net::IpAddress backend;
  std::string actions;
};
// As ovs-ofctl add-group reads it.
std::string vip_group_text(std::uint32_t id, const std::vector<VipWay>& ways);

}  // namespace mooring::directory
