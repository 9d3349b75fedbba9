// The rules of subnets: their blocks, gateways, routes and DNS, alone and among each other.
#include <algorithm>
#include <array>
#include <tuple>

#include <fmt/format.h>

#include "ipam-controller/domain/ranges.hpp"
#include "ipam-controller/domain/validate.hpp"
#include "ipam-controller/domain/validate_words.hpp"

namespace mooring::controller {
namespace {

using net::Cidr;
using net::IpAddress;
using net::IpCidr;
using net::IpRange;
using net::Ipv4Address;

constexpr std::uint32_t min_mtu_bytes = 576;    // RFC 791: every host takes 576
constexpr std::uint32_t min_mtu6_bytes = 1280;  // RFC 8200, 5
constexpr std::uint32_t max_mtu_bytes = 9216;   // jumbo frames of common switches

// Prefix lengths that a block may have: a /8 takes 2 MiB of bitmap; network, broadcast, gateway and one container are
// the least.
struct PrefixLengths {
  int least, most;
};
constexpr PrefixLengths lengths_of(net::Family family) {
  return family == net::Family::v4 ? PrefixLengths{8, 30} : PrefixLengths{32, 124};
}

IpCidr block_of(std::string_view text) {
  return IpCidr::parse(text).value();
}

Result<void> check_block(const IpCidr& cidr) {
  const PrefixLengths allowed = lengths_of(cidr.family());
  if (cidr.prefix_length() < allowed.least || cidr.prefix_length() > allowed.most) {
    return invalid(fmt::format("cidr {} is a /{}", cidr.str(), cidr.prefix_length()),
                   fmt::format("{} subnets are /{} to /{}", to_string(cidr.family()), allowed.least, allowed.most));
  }
  struct Special {
    IpCidr block;
    std::string_view what;
  };
  const std::array special{Special{block_of("0.0.0.0/8"), "\"this network\" (RFC 1122)"},
                           Special{block_of("127.0.0.0/8"), "loopback"},
                           Special{block_of("169.254.0.0/16"), "link-local"},
                           Special{block_of("224.0.0.0/3"), "multicast or reserved"},
                           Special{block_of("::/8"), "reserved (RFC 4291)"},
                           Special{block_of("fe80::/10"), "link-local"},
                           Special{block_of("ff00::/8"), "multicast"}};
  for (const Special& s : special) {
    if (s.block.overlaps(cidr)) {
      return invalid(fmt::format("cidr {} overlaps {}, which is {}", cidr.str(), s.block.str(), s.what),
                     "take unicast addresses, like 10.0.0.0/16 or fd00:10::/64");
    }
  }
  return ok();
}

Result<void> check_dns(const ipam_api::Dns& dns) {
  for (const std::string& server : dns.nameservers) {
    if (!IpAddress::parse(server)) {
      return invalid(fmt::format("dns.nameservers: '{}' is not an IP address", server),
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
  std::vector<std::tuple<IpCidr, std::uint32_t, std::uint32_t>> seen;
  for (const ipam_api::Route& route : subnet.routes) {
    const std::string text = route.destination.str();
    const SubnetBlock* block = subnet.block(route.destination.family());
    if (block == nullptr) {
      return invalid(fmt::format("routes: {} is {}, and the subnet has no such block", text,
                                 to_string(route.destination.family())));
    }
    if (route.destination.prefix_length() == 0) {
      return invalid(fmt::format("routes: {} is the default route, which every container has by the gateway", text),
                     "set the subnet's gateway instead");
    }
    if (block->cidr.contains(route.destination)) {
      return invalid(fmt::format("routes: {} is inside the subnet {}", text, block->cidr.str()),
                     "leave it out: it is on the link");
    }
    if (route.via &&
        (!block->cidr.contains(*route.via) || (block->reserved(*route.via) && *route.via != block->gateway))) {
      return invalid(
          fmt::format("routes: {} via {}, which is no address of {}", text, route.via->str(), block->cidr.str()),
          "a next hop is an address of the subnet; leave it out for the gateway");
    }
    const std::tuple same(route.destination, route.metric, route.table);
    if (std::find(seen.begin(), seen.end(), same) != seen.end()) {
      return invalid(fmt::format("routes: {} is there twice", text), "another metric or table makes it another route");
    }
    seen.push_back(same);
  }
  return ok();
}

Result<void> check_gateway(const SubnetBlock& block) {
  if (!block.cidr.contains(block.gateway)) {
    return invalid(fmt::format("gateway {} is not inside {}", block.gateway.str(), block.cidr.str()),
                   "leave it out for the first address");
  }
  const bool broadcast = block.gateway.is_v4() && block.gateway == block.cidr.last();
  if (block.gateway == block.cidr.first() || broadcast) {
    return invalid(fmt::format("gateway {} is the {} address of {}", block.gateway.str(),
                               broadcast ? "broadcast" : "network", block.cidr.str()),
                   "leave it out for the first address");
  }
  return ok();
}

Result<void> check_subnet_alone(const Subnet& subnet) {
  if (subnet.vni.value() == 0) {
    return invalid("vni is missing", "1 to 16777215, one for each subnet");
  }
  if (subnet.blocks.empty()) {
    return invalid("cidr is missing", "an IPv4 block, an IPv6 block (cidr6), or one of each");
  }
  for (const SubnetBlock& block : subnet.blocks) {
    if (subnet.block(block.cidr.family()) != &block) {
      return invalid(fmt::format("cidr {}: there is another {} block, {}", block.cidr.str(),
                                 to_string(block.cidr.family()), subnet.block(block.cidr.family())->cidr.str()),
                     "one of each family; another subnet of the network may have it");
    }
    if (auto bad = check_block(block.cidr); !bad) {
      return bad;
    }
    if (auto bad = check_gateway(block); !bad) {
      return bad;
    }
  }
  const std::uint32_t least = subnet.block(net::Family::v6) != nullptr ? min_mtu6_bytes : min_mtu_bytes;
  if (subnet.mtu_bytes < least || subnet.mtu_bytes > max_mtu_bytes) {
    return invalid(fmt::format("mtu_bytes {} is not between {} and {}", subnet.mtu_bytes, least, max_mtu_bytes),
                   "the underlay's MTU less 50 for VXLAN: 1450 on Ethernet");
  }
  if (auto bad = check_dns(subnet.dns); !bad) {
    return bad;
  }
  return check_routes(subnet);
}

// What containers were told when they came stays true.
Result<void> check_change(const State& state, const Subnet& wanted, const Subnet& there) {
  const bool same_place = wanted.network == there.network && wanted.vni == there.vni;
  bool blocks_stay = true;  // another family may be added
  for (const SubnetBlock& block : there.blocks) {
    const SubnetBlock* now = wanted.block(block.cidr.family());
    blocks_stay = blocks_stay && now != nullptr && *now == block;
  }
  if (same_place && blocks_stay) {
    return ok();
  }
  if (auto unused = check_unused(state, there); !unused) {
    return unused.error().within("network, vni, cidr and gateway stay while the subnet is in use");
  }
  return ok();
}

}  // namespace

Result<Subnet> completed(const State&, Subnet wanted) {
  for (SubnetBlock& block : wanted.blocks) {
    if (block.gateway == IpAddress()) {
      block.gateway = net::next(block.cidr.first());
    }
  }
  std::stable_sort(wanted.blocks.begin(), wanted.blocks.end(),
                   [](const auto& a, const auto& b) { return a.cidr.family() < b.cidr.family(); });
  return wanted;
}

Result<void> check(const State& state, const Subnet& subnet, const Subnet* there) {
  if (auto bad = check_name(subnet.name); !bad) {
    return bad;
  }
  if (state.network(subnet.network) == nullptr) {
    return Error(Errc::not_found, fmt::format("there is no network {}", subnet.network),
                 fmt::format("mooringctl create network {}", subnet.network));
  }
  if (auto bad = check_subnet_alone(subnet); !bad) {
    return bad;
  }
  const Subnet* same_vni = state.subnet_by_vni(subnet.vni);
  if (same_vni != nullptr && same_vni->name != subnet.name) {
    return Error(Errc::conflict, fmt::format("VNI {} is that of subnet {}", subnet.vni.value(), same_vni->name),
                 "each subnet has a VNI of its own, over all networks");
  }
  for (const Subnet* other : state.subnets_of(subnet.network)) {
    if (other->name != subnet.name && subnet.bridged && other->bridged == subnet.bridged) {
      return Error(Errc::conflict,
                   fmt::format("bridged: VLAN {} is that of subnet {}", subnet.bridged->vlan, other->name),
                   "each bridged subnet of a network has a VLAN of its own");
    }
    for (const SubnetBlock& block : subnet.blocks) {
      const SubnetBlock* theirs = other->block(block.cidr.family());
      if (other->name != subnet.name && theirs != nullptr && theirs->cidr.overlaps(block.cidr)) {
        return Error(
            Errc::conflict,
            fmt::format("{} overlaps {} of subnet {}", block.cidr.str(), theirs->cidr.str(), other->name),
            fmt::format("subnets of one network do not overlap; another network than {} may use these addresses",
                        subnet.network));
      }
    }
  }
  return there == nullptr ? ok() : check_change(state, subnet, *there);
}

std::vector<IpRange> usable_ranges(const Subnet& subnet) {
  std::vector<IpRange> all, cuts;
  for (const SubnetBlock& block : subnet.blocks) {
    all.push_back({block.cidr.first(), block.cidr.last()});
    cuts.push_back({block.cidr.first(), block.cidr.first()});
    cuts.push_back({block.gateway, block.gateway});
    if (block.cidr.family() == net::Family::v4) {
      cuts.push_back({block.cidr.last(), block.cidr.last()});
    }
  }
  return subtract(all, std::move(cuts));
}

}  // namespace mooring::controller
