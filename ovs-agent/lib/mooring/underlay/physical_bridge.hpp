// br-phy: with the userspace datapath native tunnelling finds the VTEP address only on a bridge of the same datapath.
// So the underlay NIC goes into a bridge of its own (NORMAL), and the NIC's addresses and routes move to the bridge's
// internal port. (With the kernel datapath none of this is needed.)
//
//   PhysicalBridge bridge({.nic = "eth0", .state_file = "/var/lib/mooring/agent/underlay.json"});
//   bridge.remember();                       // 1. addresses and routes -> state file, fsynced
//   ovsdb.commit(bridge.operations());       // 2. br-phy with the NIC in it; wait for vswitchd
//   bridge.take_over();                      // 3. addresses and routes to br-phy, then away from the NIC
//
// Each step can be repeated and may be killed half-way: an address is added to br-phy before it leaves the NIC, and
// what the state file knows is put back. Repeat step 3 whenever vswitchd may have been restarted: the internal port is
// a tap of that process, and one that it made anew has neither address nor routes.
//
// The NIC's own receive path in the kernel sees every packet a second time: arp_ignore keeps it from answering ARP
// (a poisoned tunnel ARP cache), rp_filter from answering packets (ICMP "port unreachable" for each VXLAN packet).
//
// Errors: not_found (no such NIC), invalid_config (the NIC has no IPv4 address and none is remembered), io.
// Threading: one thread; each step takes about a millisecond.
#pragma once

#include <string>
#include <vector>

#include "mooring/netlink/types.hpp"
#include "mooring/ovs/ovsdb.hpp"

namespace mooring::underlay {

struct PhysicalBridgeSettings {
  std::string nic;
  std::string state_file;
  std::string bridge = "br-phy";
};

// What the NIC had: kept in the state file. Link indexes are not kept (they change).
struct RememberedNic {
  std::string nic;
  std::string mac;
  std::vector<net::InterfaceAddress> addresses;
  std::vector<netlink::Route> routes;  // not the kernel's own connected ones
  bool operator==(const RememberedNic&) const = default;
};
std::string write_remembered(const RememberedNic& value);
Result<RememberedNic> read_remembered(std::string_view text);

class PhysicalBridge {
 public:
  explicit PhysicalBridge(PhysicalBridgeSettings settings);

  Result<void> remember();
  std::vector<ovs::OvsdbOperation> operations() const;
  // True if something had to be changed.
  Result<bool> take_over();

  // Of remember().
  const RememberedNic& remembered() const { return remembered_; }

 private:
  PhysicalBridgeSettings settings_;
  RememberedNic remembered_;
};

// The first IPv4 address of `nic`, or of `bridge` if it has moved there already, or of the state file.
Result<net::Ipv4Address> address_of(const PhysicalBridgeSettings& settings);

}  // namespace mooring::underlay
