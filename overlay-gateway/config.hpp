// What mooring-gateway is told at its start: options, or the same names in a file (--config).
#pragma once

#include <optional>
#include <set>
#include <string>

#include "mooring/http/endpoint.hpp"
#include "mooring/net/ip.hpp"
#include "overlay-gateway/domain/bgp_plan.hpp"

namespace mooring::gateway {

struct Config {
  std::string name;
  std::string machine_id;
  std::string vtep;  // "": the first address of underlay_interface
  std::string underlay_interface;
  std::string network = "default";
  std::string physical_interface;
  net::AddressPair shared_addresses;  // of all gateways of the network: one of them has them
  http::Endpoint controller;
  std::string token;
  std::string ovsdb = "unix:/run/openvswitch/db.sock";
  std::string ovs_rundir = "/run/openvswitch";
  std::string datapath = "auto";
  std::string socket = "/run/mooring/gateway.sock";
  std::string state_dir = "/var/lib/mooring/gateway";
  std::optional<http::Endpoint> metrics_listen;  // a door for GET /metrics alone
  std::set<net::Cidr> nat_sources;               // overlay prefixes whose packets get another source; none by default
  std::set<net::Cidr> nat_exceptions;            // destinations that know the overlay
  std::optional<net::Ipv4Address> nat_address;   // none: the first of the physical interface
  std::optional<BgpSettings> bgp;                // none: nobody is told of the overlay but by proxy ARP
  std::string bgp_socket = "/run/frr/bgpd.vty";
  std::optional<net::Vni> evpn_leaf;      // print a configuration for a leaf of an EVPN fabric, and end
  std::string bridge_interface;           // "": bridges no subnet; else that of the segment, a trunk
  std::uint32_t bridge_vrrp_router = 77;  // VRRP's virtual router on each VLAN
  std::string keepalived_pid = "/run/mooring/keepalived.pid";
  std::string log_level = "info";
};

// Of main()'s arguments. `exit_code` is set when the program has nothing more to do (--help, --version, an error: the
// text is already on stdout or stderr).
struct ParsedConfig {
  Config config;
  std::optional<int> exit_code;
};
ParsedConfig parse_config(int argc, const char* const* argv);

}  // namespace mooring::gateway
