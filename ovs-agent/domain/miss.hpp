// What it means that br-tun had no flow for a packet of one of our containers.
// Pure: time is told. Threading: one thread.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <vector>

#include "mooring/directory/directory.hpp"
#include "mooring/ovs/meter.hpp"
#include "ovs-agent/domain/local_ports.hpp"

namespace mooring::agent {

// A packet on its way to `destination` in the segment `vni` (that of the destination: br-int has routed it).
struct Miss {
  net::Vni vni;
  net::IpAddress source;
  net::IpAddress destination;
  PortKey key() const { return {vni, destination}; }
};

// The sender may be told that there is no such host: its own segment, and the router that says so.
struct Refusal {
  net::Vni vni;
  net::IpAddress router;
};

// Where a port elsewhere is reached, and from which generation that is known.
struct Way {
  net::Ipv4Address vtep;
  Generation generation = 0;
};

// Where the newest entry, or without one the block that the address is in, says that the port is, if another node can
// be sent to. None: it is here, nowhere or not known.
std::optional<Way> way_to(PortKey key, const directory::Directory& directory, const LocalPorts& ports,
                          net::Ipv4Address own_vtep);

// Is it, for all that is known, the address of a machine on a segment that gateways bridge the subnet to? Then it is
// theirs to find.
bool beyond_gateways(PortKey key, const directory::Directory& directory, const LocalPorts& ports);

// None unless the directory *knows* that the destination is a free address of a pool, and the sender is an open port of
// this node in the same network. What is in no pool, or in a bridged subnet, may be on the physical side.
std::optional<Refusal> refusal_of(const Miss& miss, const directory::Directory& directory, const LocalPorts& ports);

// What a container's misses may ask of others is metered, so that a scan hurts its author alone. Meters of br-tun, two
// a port: of what gateways relay for it, and of what the agent hears of it.
constexpr std::uint32_t relay_meter(std::uint32_t ofport) {
  return 2 * ofport;
}
constexpr std::uint32_t told_meter(std::uint32_t ofport) {
  return 2 * ofport + 1;
}
std::vector<ovs::Meter> miss_meters(std::uint32_t ofport, std::uint32_t relay_packets_per_second);
inline constexpr std::uint32_t told_packets_per_second = 200;

// How often a sender is told so: about one destination at a time, not before it has tried for a second (the directory
// may be that much behind a container that was just made), and once a second.
class RefusalPace {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // The sender asks again for a destination that is not there: shall it be told now?
  bool due(const Miss& miss, Time now);
  std::size_t senders() const { return senders_.size(); }

  static constexpr std::chrono::milliseconds patience{1'000};
  static constexpr std::chrono::milliseconds memory{3'000};
  static constexpr std::size_t most_senders = 1024;

 private:
  struct Sender {
    net::IpAddress destination;
    Time since, seen;
    std::optional<Time> told;
  };
  std::map<PortKey, Sender> senders_;  // by segment of the destination, and source
};

}  // namespace mooring::agent
