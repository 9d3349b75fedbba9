// What the gateway needs of the machine it stands on: its kernel's routing (adapters/kernel_foot.hpp is the real one)
// and NAT (adapters/nftables.hpp), if routers are told of the overlay, FRR's bgpd (adapters/vty.hpp), and, if subnets
// are bridged, the segment and keepalived (adapters/segment.hpp). Threading: one thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "mooring/underlay/address_claim.hpp"
#include "overlay-gateway/domain/foot_plan.hpp"
#include "overlay-gateway/domain/source_nat.hpp"

namespace mooring::gateway {

class Foot {
 public:
  virtual ~Foot() = default;

  // The first address of each family of the physical interface (of IPv6: of one that is not link-local).
  virtual net::AddressPair physical_addresses() = 0;
  // None if there is no such link.
  virtual std::optional<std::uint32_t> mtu_of(const std::string& interface) = 0;
  // `already_exists` if a link that Open vSwitch did not make has the name mooring-gw0.
  virtual Result<void> name_is_free() = 0;

  // Is there a carrier on the physical interface and on `underlay`?
  virtual bool links_up(const std::string& underlay) = 0;
  // The physical interface has this address, or has it no more; true if that had to be changed.
  virtual Result<bool> hold_address(net::IpAddress address, bool held) = 0;
  virtual bool holds_address(net::IpAddress address) = 0;
  // Tells the machines there whose it is now.
  virtual Result<void> announce(net::IpAddress address) = 0;

  struct Outcome {
    std::vector<Error> problems;  // empty: all is as it should be
    bool changed = false;
  };
  // Makes the kernel as the plan says; what is right is left alone. Goes on after a problem: one subnet's clash does
  // not stop the others.
  virtual Outcome ensure(const FootPlan& plan) = 0;
};

class SourceTranslation {
 public:
  virtual ~SourceTranslation() = default;
  // Makes the kernel's table as it is said, and leaves it alone if it is so already. True if it was changed.
  virtual Result<bool> ensure(const SourceNat& nat) = 0;
};

class RoutingDaemon {
 public:
  virtual ~RoutingDaemon() = default;

  static constexpr int success = 0;
  struct Answer {
    std::string text;
    int code = success;
  };
  // A command as an operator would type it. Errors: unavailable (nobody listens, the connection broke), timeout; the
  // next command begins anew at the top, with nothing half configured left open.
  virtual boost::asio::awaitable<Result<Answer>> ask(std::string command) = 0;
};

// What is heard on the physical network.
struct SegmentClaim {
  underlay::AddressClaim claim;
  std::uint16_t vlan = 0;  // 0: no tag
};
class Segment {
 public:
  virtual ~Segment() = default;
  // Who claimed an address since the last call, at most `most` of them.
  virtual Result<std::vector<SegmentClaim>> hear(std::size_t most) = 0;
  // Of this machine there, once it is known.
  virtual const std::optional<net::MacAddress>& own_mac() const = 0;
};

class SegmentSide {
 public:
  virtual ~SegmentSide() = default;
  virtual bool carrier(const std::string& interface) = 0;
  // The interface of the segment and the ports on which VRRP is spoken are up, and say nothing by themselves.
  virtual Result<void> ensure_links(const std::string& interface, const std::vector<std::string>& election_ports) = 0;
  // keepalived has this configuration; true if it had another one.
  virtual Result<bool> ensure_election(const std::string& config) = 0;
  virtual bool election_runs() = 0;
};

struct Machine {
  Foot& foot;
  SourceTranslation& nat;
  RoutingDaemon& bgpd;               // asked if there is BGP in the configuration
  SegmentSide& trunk;                // if there is an interface for bridged mode
  Segment* segment = nullptr;        // the physical network; none: nobody watches
  Segment* trunk_segment = nullptr;  // none: nobody watches the VLANs of bridged subnets
};

}  // namespace mooring::gateway
