#include "overlay-gateway/domain/evpn_leaf.hpp"

#include <fmt/format.h>

namespace mooring::gateway {
namespace {

constexpr const char* head =
    R"(! Experimental. For a leaf of an EVPN fabric that runs FRR: the subnets of overlay network {network}, told to the
! fabric as type-5 routes in a VRF of their own.
!
! Before, on the leaf (LEAF-VTEP: its VTEP; PORT: its port towards the gateways):
!   ip link add {vrf} type vrf table {vni} && ip link set {vrf} up
!   ip link add br{vni} type bridge && ip link set br{vni} master {vrf} up
!   ip link add vni{vni} type vxlan id {vni} dstport 4789 local LEAF-VTEP nolearning
!   ip link set vni{vni} master br{vni} up && ip link set PORT master {vrf}
! Neighbours of other gateways: the same lines with their addresses. Neighbours in the fabric: as they are, with
! "address-family l2vpn evpn", "neighbor … activate".
vrf {vrf}
 vni {vni}
exit-vrf
!
router bgp {leaf_as}
 address-family l2vpn evpn
  advertise-all-vni
 exit-address-family
exit
!
router bgp {leaf_as} vrf {vrf}
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
)";

std::string neighbor_lines(const EvpnLeaf& leaf) {
  std::string lines;
  for (const net::IpAddress gateway : leaf.gateways) {
    lines += fmt::format(" neighbor {0} remote-as {1}\n neighbor {0} timers 1 3\n", gateway.str(), leaf.gateway_as);
  }
  return lines;
}

std::string family_lines(const EvpnLeaf& leaf, net::Family family) {
  std::string lines;
  for (const net::IpAddress gateway : leaf.gateways) {
    if (gateway.family() == family) {
      lines += fmt::format("  neighbor {} activate\n", gateway.str());
    }
  }
  return lines.empty() ? lines
                       : fmt::format(" !\n address-family {} unicast\n{}  maximum-paths 8\n exit-address-family\n",
                                     family == net::Family::v4 ? "ipv4" : "ipv6", lines);
}

}  // namespace

std::string evpn_leaf_text(const EvpnLeaf& leaf) {
  // A link's name has 15 characters (IFNAMSIZ).
  const std::string vrf = fmt::format("overlay{}", leaf.vni.value());
  std::string text = fmt::format(fmt::runtime(head), fmt::arg("network", leaf.network), fmt::arg("vrf", vrf),
                                 fmt::arg("vni", leaf.vni.value()), fmt::arg("leaf_as", leaf.leaf_as));
  text += neighbor_lines(leaf);
  std::string told;
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    const std::string lines = family_lines(leaf, family);
    text += lines;
    if (!lines.empty()) {
      told += fmt::format("  advertise {} unicast\n", family == net::Family::v4 ? "ipv4" : "ipv6");
    }
  }
  return text + " !\n address-family l2vpn evpn\n" + told + " exit-address-family\nexit\n";
}

}  // namespace mooring::gateway
