// The gateway's foot in the kernel: mooring-gw0 with its address, the permanent neighbour behind which the overlay
// lies, routes to the subnets, forwarding between it and the physical NIC, and proxy ARP there.
//
//   check_interface("eth1", "physical-interface");   // at the start
//   KernelFoot foot("eth1");
//   foot.ensure(plan);                               // whenever something may have changed
//
// mooring-gw0 is made by vswitchd. It outlives that process (with the userspace datapath as a persistent tap), but not
// its removal from OVSDB, nor a reboot: ensure() whenever it may be new. Only routes of our protocol on it are ever
// touched.
//
// Proxy ARP answers for what is routed to mooring-gw0 and for nothing else: the physical NIC gets a medium id of its
// own, other links the "no proxy" one (-1; links that do proxy ARP themselves are left alone).
//
// IPv6 is on at mooring-gw0 only while the network has IPv6 subnets. It is forwarded there and at the physical NIC
// alone where the kernel can do that (force_forwarding, Linux 6.17), else by the switch for the whole host; links that
// take router advertisements go on doing so.
//
// Errors: not_found (the NIC, or mooring-gw0, is not there), already_exists (somebody else's route to a subnet), and
// those of mooring::netlink. Threading: one thread; about a millisecond a call.
#pragma once

#include <string>

#include "mooring/netlink/socket.hpp"
#include "overlay-gateway/app/ports.hpp"

namespace mooring::gateway {

// `not_found` if the host has no such interface: the error names the option and the interfaces that there are.
Result<void> check_interface(const std::string& name, const std::string& option);

class KernelFoot final : public Foot {
 public:
  // Of the calling thread's network namespace. Throws if there is no netlink socket to be had.
  explicit KernelFoot(std::string physical_interface);

  net::AddressPair physical_addresses() override;
  std::optional<std::uint32_t> mtu_of(const std::string& interface) override;
  Result<void> name_is_free() override;
  Outcome ensure(const FootPlan& plan) override;
  bool links_up(const std::string& underlay) override;
  Result<bool> hold_address(net::IpAddress address, bool held) override;
  bool holds_address(net::IpAddress address) override;
  Result<void> announce(net::IpAddress address) override;

 private:
  void ensure_link(const netlink::Link& link, const FootPlan& plan, Outcome& outcome);
  void ensure_address(const netlink::Link& link, net::IpAddress address, Outcome& outcome);
  void ensure_neighbour(const netlink::Link& link, net::IpAddress address, Outcome& outcome);
  void ensure_routes(const netlink::Link& link, const FootPlan& plan, net::Family family, Outcome& outcome);
  void ensure_forwarding(Outcome& outcome);
  void ensure_ipv6(const FootPlan& plan, Outcome& outcome);
  void ensure_ipv6_forwarding(Outcome& outcome);
  void ensure_proxy_arp(Outcome& outcome);
  Error with_route_holder(const Error& error, const net::IpCidr& destination);

  std::string physical_;
  netlink::NetlinkSocket socket_;
};

}  // namespace mooring::gateway
