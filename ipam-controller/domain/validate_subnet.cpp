// The rules of subnets: their blocks, gateways, routes and DNS, alone and among each other.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "ipam-controller/domain/ranges.hpp"
#include "ipam-controller/domain/rules.hpp"
#include "ipam-controller/domain/validate.hpp"

namespace mooring::controller {
namespace {

using net::AddressRange;
using net::Cidr;
using net::Ipv4Address;

constexpr std::uint32_t min_mtu_bytes = 576;   // RFC 791: every host takes 576
constexpr std::uint32_t max_mtu_bytes = 9216;  // jumbo frames of common switches
constexpr int min_prefix_length = 8;           // a /8 takes 2 MiB of bitmap
constexpr int max_prefix_length = 30;          // network, broadcast, gateway and one container

Result<void> check_block(const Cidr& cidr) {
  if (cidr.prefix_length() < min_prefix_length || cidr.prefix_length() > max_prefix_length) {
    return invalid(fmt::format("cidr {} is a /{}", cidr.str(), cidr.prefix_length()),
                   fmt::format("subnets are /{} to /{}", min_prefix_length, max_prefix_length));
  }
  struct Special {
    Cidr block;
    std::string_view what;
  };
  const std::array special{Special{Cidr(Ipv4Address(0), 8), "\"this network\" (RFC 1122)"},
                           Special{Cidr(Ipv4Address(0x7f000000), 8), "loopback"},
                           Special{Cidr(Ipv4Address(0xa9fe0000), 16), "link-local"},
                           Special{Cidr(Ipv4Address(0xe0000000), 3), "multicast or reserved"}};
  for (const Special& s : special) {
    if (s.block.overlaps(cidr)) {
      return invalid(fmt::format("cidr {} overlaps {}, which is {}", cidr.str(), s.block.str(), s.what),
                     "take unicast addresses, like 10.0.0.0/16");
    }
  }
  return ok();
}

Result<void> check_dns(const ipam_api::Dns& dns) {
  for (const std::string& server : dns.nameservers) {
    if (!Ipv4Address::parse(server)) {
      return invalid(fmt::format("dns.nameservers: '{}' is not an IPv4 address", server),
                     "write addresses, like 10.0.0.2: a container could not look a name up to find its name server");
    }
  }
  std::vector<std::string> domains = dns.search;
  if (!dns.domain.empty()) {
    domains.push_back(dns.domain);
  }
  for (const std::string& domain : domains) {
    if (const auto parsed = ipam_api::parse_hostname("dns domain", domain); !parsed) {
      return parsed.error();
    }
  }
  return ok();
}

Result<void> check_routes(const Subnet& subnet) {
  std::vector<Cidr> seen;
  for (const ipam_api::Route& route : subnet.routes) {
    const std::string text = route.destination.str();
    if (route.destination.prefix_length() == 0) {
      return invalid("routes: 0.0.0.0/0 is the default route, which every container has by the gateway",
                     "set the subnet's gateway instead");
    }
    if (subnet.cidr.contains(route.destination)) {
      return invalid(fmt::format("routes: {} is inside the subnet {}", text, subnet.cidr.str()),
                     "leave it out: it is on the link");
    }
    if (route.via &&
        (!subnet.cidr.contains(*route.via) || *route.via == subnet.cidr.first() || *route.via == subnet.cidr.last())) {
      return invalid(
          fmt::format("routes: {} via {}, which is no address of {}", text, route.via->str(), subnet.cidr.str()),
          "a next hop is an address of the subnet; leave it out for the gateway");
    }
    if (std::find(seen.begin(), seen.end(), route.destination) != seen.end()) {
      return invalid(fmt::format("routes: {} is there twice", text));
    }
    seen.push_back(route.destination);
  }
  return ok();
}

Result<void> check_subnet_alone(const Subnet& subnet) {
  if (subnet.vni.value() == 0) {
    return invalid("vni is missing", "1 to 16777215, one for each subnet");
  }
  if (auto bad = check_block(subnet.cidr); !bad) {
    return bad;
  }
  if (!subnet.cidr.contains(subnet.gateway)) {
    return invalid(fmt::format("gateway {} is not inside {}", subnet.gateway.str(), subnet.cidr.str()),
                   "leave it out for the first address");
  }
  if (subnet.gateway == subnet.cidr.first() || subnet.gateway == subnet.cidr.last()) {
    return invalid(fmt::format("gateway {} is the {} address of {}", subnet.gateway.str(),
                               subnet.gateway == subnet.cidr.first() ? "network" : "broadcast", subnet.cidr.str()),
                   "leave it out for the first address");
  }
  if (subnet.mtu_bytes < min_mtu_bytes || subnet.mtu_bytes > max_mtu_bytes) {
    return invalid(fmt::format("mtu_bytes {} is not between {} and {}", subnet.mtu_bytes, min_mtu_bytes, max_mtu_bytes),
                   "the underlay's MTU less 50 for VXLAN: 1450 on Ethernet");
  }
  if (auto bad = check_dns(subnet.dns); !bad) {
    return bad;
  }
  return check_routes(subnet);
}

}  // namespace

Result<void> check_new(const State& state, const Subnet& subnet) {
  if (auto bad = check_name(subnet.name); !bad) {
    return bad;
  }
  if (auto bad = check_name_is_new(state.subnet(subnet.name), "subnet", subnet.name); !bad) {
    return bad;
  }
  if (state.network(subnet.network) == nullptr) {
    return Error(Errc::not_found, fmt::format("there is no network {}", subnet.network),
                 fmt::format("mooringctl create network {}", subnet.network));
  }
  if (auto bad = check_subnet_alone(subnet); !bad) {
    return bad;
  }
  if (const Subnet* other = state.subnet_by_vni(subnet.vni)) {
    return Error(Errc::conflict, fmt::format("VNI {} is that of subnet {}", subnet.vni.value(), other->name),
                 "each subnet has a VNI of its own, over all networks");
  }
  for (const Subnet* other : state.subnets_of(subnet.network)) {
    if (other->cidr.overlaps(subnet.cidr)) {
      return Error(Errc::conflict,
                   fmt::format("{} overlaps {} of subnet {}", subnet.cidr.str(), other->cidr.str(), other->name),
                   fmt::format("subnets of one network do not overlap; another network than {} may use these addresses",
                               subnet.network));
    }
  }
  return ok();
}

std::vector<AddressRange> usable_ranges(const Subnet& subnet) {
  return subtract({{subnet.cidr.first(), subnet.cidr.last()}}, {{subnet.cidr.first(), subnet.cidr.first()},
                                                                {subnet.gateway, subnet.gateway},
                                                                {subnet.cidr.last(), subnet.cidr.last()}});
}

}  // namespace mooring::controller
