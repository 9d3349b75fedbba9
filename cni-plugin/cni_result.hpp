// Results of ADD in the shape of the caller's cniVersion, and what CHECK reads back out of one.
// Source: CNI spec 1.1, "Section 5: Result Types"; 0.3.x and 0.4.0 carry ips[].version.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mooring/agent_api/messages.hpp"
#include "mooring/netlink/types.hpp"

namespace mooring::cni {

using ipam_api::Json;

// What an ADD made.
struct Attached {
  ipam_api::Allocation allocation;
  std::string host_interface;
  std::optional<net::MacAddress> host_mac;
  std::string container_interface;
  std::string netns;
  std::vector<netlink::Route> routes;  // that were set, or that a virtual machine is to set
  std::string behind_tap;              // container_interface is a tap device, joined to this one; "" = it is none
};

// What the runtime said (capability `dns`) in place of the subnet's, list by list.
ipam_api::Dns told_dns(ipam_api::Dns of_subnet, const ipam_api::Dns& of_runtime);

// One route as `routes` of a result has it; the attributes from 1.1.0 on.
Json told_route(const std::string& cni_version, const netlink::Route& route);

// Where plugins before us in the chain left a result, ours is added to it; what they wrote stays as it is.
Json result_for(const std::string& cni_version, const Attached& attached, const Json& prev_result);

// One container interface out of a result.
struct ResultInterface {
  std::string mac;  // "" where the result does not say
  std::vector<net::IpInterfaceAddress> addresses;
};
// 0: the result does not say.
struct ResultRoute {
  net::IpCidr destination;
  std::optional<net::IpAddress> via{};
  std::uint32_t metric = 0, mtu_bytes = 0, advmss_bytes = 0, table = 0;
};
// Errc::invalid_config if the result does not name `ifname` inside a sandbox, or is malformed.
Result<ResultInterface> interface_in(const Json& result, const std::string& ifname);
Result<std::vector<ResultRoute>> routes_in(const Json& result);

}  // namespace mooring::cni
