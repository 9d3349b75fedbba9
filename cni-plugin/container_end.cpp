#include "cni-plugin/container_end.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "mooring/netlink/interface_settings.hpp"

namespace mooring::cni {
namespace {

constexpr int link_local_prefix_length = 64;
constexpr int loopback_index = 1;  // the kernel makes it first, in every namespace

netlink::Route route_by(const net::IpCidr& subnet, const net::IpCidr& destination, net::IpAddress via, int link_index) {
  netlink::Route route;
  route.destination = destination;
  route.via = via;
  route.link_index = link_index;
  // A gateway outside the subnet is reached all the same: every ARP and ND question is answered.
  route.onlink = !subnet.contains(via);
  return route;
}

netlink::Route direct_route(const net::IpCidr& destination, int link_index) {
  netlink::Route route;
  route.destination = destination;
  route.link_index = link_index;
  return route;
}

netlink::Route with_attributes(netlink::Route route, const ConfiguredRoute& wanted) {
  route.metric = wanted.metric;
  route.mtu_bytes = wanted.mtu_bytes;
  route.advmss_bytes = wanted.advmss_bytes;
  if (wanted.table != 0) {
    route.table = wanted.table;
  }
  if (wanted.scope != 0) {
    route.scope = wanted.scope;
  }
  return route;
}

ConfiguredRoute of_subnet(const ipam_api::Route& route) {
  return {route.destination,
          route.via,
          route.metric,
          route.mtu_bytes,
          route.advmss_bytes,
          route.table,
          static_cast<std::uint8_t>(route.scope.value_or(ipam_api::Route::scope_global))};
}

// One family of an allocation; none if it has no address of it.
struct Half {
  net::IpInterfaceAddress address;
  std::optional<net::IpAddress> gateway;
  net::IpCidr everything;  // destination of the default route
};
std::vector<Half> halves_of(const ipam_api::Allocation& allocation) {
  std::vector<Half> halves;
  if (allocation.has_v4()) {
    const net::InterfaceAddress& own = allocation.address;
    halves.push_back({{own.address, own.prefix_length}, allocation.gateway, net::Cidr()});
  }
  if (allocation.address6) {
    halves.push_back({*allocation.address6, allocation.gateway6, net::IpCidr(net::IpAddress::from_bits(0), 0)});
  }
  return halves;
}

// IPv6 on this interface whatever the namespace's defaults say, with the addresses that it is given and no others: it
// takes nothing from router advertisements, and its link-local address is the one of its MAC, which the switch expects.
Result<void> enable_ipv6(const netlink::NetworkNamespace& netns, const std::string& ifname) {
  return netns.run([&]() -> Result<void> {
    const auto set = [](const std::string& link, const char* name, const char* value) {
      return netlink::write_sysctl(fmt::format("net/ipv6/conf/{}/{}", link, name), value);
    };
    constexpr const char* no_link_local = "1";  // of the kernel's own making: it would be detected for duplicates
    auto done = set(ifname, "addr_gen_mode", no_link_local);
    done = done ? set(ifname, "accept_ra", "0") : done;
    done = done ? set(ifname, "disable_ipv6", "0") : done;
    done = done ? set("lo", "disable_ipv6", "0") : done;  // packets to the own address come in by lo
    if (!done && done.error().code() == Errc::not_found) {
      return Error(Errc::unsupported, fmt::format("enabling IPv6 on {}: the node's kernel has it switched off", ifname),
                   "boot it without ipv6.disable=1, or wish for a pool with IPv4 ranges only");
    }
    return done;
  });
}

}  // namespace

std::vector<netlink::Route> routes_of(const ipam_api::Allocation& allocation,
                                      const std::vector<ConfiguredRoute>& configured, int link_index) {
  std::vector<ConfiguredRoute> all;
  std::transform(allocation.routes.begin(), allocation.routes.end(), std::back_inserter(all), &of_subnet);
  all.insert(all.end(), configured.begin(), configured.end());
  std::vector<netlink::Route> wanted;
  for (const Half& half : halves_of(allocation)) {
    const net::IpCidr subnet(half.address.address, half.address.prefix_length);
    const auto to_everything = [&](const ConfiguredRoute& route) { return route.destination == half.everything; };
    if (half.gateway && std::none_of(all.begin(), all.end(), to_everything)) {
      wanted.push_back(route_by(subnet, half.everything, *half.gateway, link_index));
    }
    for (const ConfiguredRoute& route : all) {
      if (route.destination.family() != subnet.family()) {
        continue;
      }
      const auto via = route.via ? route.via : half.gateway;
      if (route.scope != 0) {
        wanted.push_back(with_attributes(direct_route(route.destination, link_index), route));
      } else if (via && via->family() == subnet.family()) {
        wanted.push_back(with_attributes(route_by(subnet, route.destination, *via, link_index), route));
      }
    }
  }
  return wanted;
}

namespace {

Result<std::vector<netlink::Route>> add_routes(netlink::NetlinkSocket& container,
                                               const std::vector<netlink::Route>& wanted) {
  std::vector<netlink::Route> set;
  for (const netlink::Route& route : wanted) {
    const auto added = container.add_route(route);
    if (added) {
      set.push_back(route);
    } else if (added.error().code() != Errc::already_exists) {
      return added.error();
    }
  }
  return set;
}

}  // namespace

Result<netlink::NetworkNamespace> open_container(const std::string& netns) {
  auto container = netlink::NetworkNamespace::open(netns);
  if (!container) {
    const Error& error = container.error();
    if (error.code() == Errc::not_found) {
      return Error(Errc::unknown_container, "CNI_NETNS: " + error.message(), "the container is gone");
    }
    return Error(Errc::bad_environment, "CNI_NETNS: " + error.message(), error.hint());
  }
  const auto own = netlink::NetworkNamespace::current();
  if (!own) {
    return own.error();
  }
  if (container->same_as(*own)) {
    return Error(Errc::bad_environment, fmt::format("CNI_NETNS {} is the namespace of the node itself", netns),
                 "containers in the node's network need no CNI call");
  }
  return container;
}

Result<void> require_free_name(netlink::NetlinkSocket& container, const std::string& ifname) {
  const auto taken = container.find_link(ifname);
  if (taken) {
    return Error(Errc::already_exists, fmt::format("adding interface {}: the container has one of that name", ifname),
                 "CNI DEL of the earlier ADD, or another CNI_IFNAME");
  }
  return taken.error().code() == Errc::not_found ? ok() : Result<void>(taken.error());
}

Result<void> create_pair(netlink::NetlinkSocket& host, const netlink::NetworkNamespace& container,
                         const agent_api::Attachment& attachment, const std::string& inner_name) {
  netlink::VethPair pair;
  pair.here.name = agent_api::host_interface_name(attachment);
  pair.peer.name = inner_name;
  pair.peer_namespace_fd = container.fd();
  const auto created = host.create_veth(pair);
  if (!created && created.error().code() == Errc::already_exists) {
    return Error(Errc::already_exists, created.error().message(),
                 "a link of an earlier ADD of this attachment is left: CNI DEL removes it");
  }
  return created;
}

Result<netlink::Link> dress_host_end(netlink::NetlinkSocket& host, const agent_api::AttachAnswer& answer) {
  auto link = host.find_link(answer.host_interface);
  if (!link || link->mtu_bytes == answer.allocation.mtu_bytes) {
    return link;
  }
  netlink::LinkChange change;
  change.mtu_bytes = answer.allocation.mtu_bytes;
  if (const auto changed = host.change_link(link->index, change); !changed) {
    return changed.error().within("setting the MTU of " + answer.host_interface);
  }
  link->mtu_bytes = answer.allocation.mtu_bytes;
  return link;
}

Result<std::vector<netlink::Route>> dress_container_end(netlink::NetlinkSocket& container,
                                                        const netlink::NetworkNamespace& netns,
                                                        const std::string& ifname,
                                                        const agent_api::AttachAnswer& answer,
                                                        const std::vector<ConfiguredRoute>& configured) {
  const ipam_api::Allocation& allocation = answer.allocation;
  const auto link = container.find_link(ifname);
  if (!link) {
    return link.error();
  }
  if (answer.disable_tx_checksum) {
    if (const auto off = netlink::set_transmit_checksum_offload(netns, ifname, false); !off) {
      return off.error();
    }
  }
  if (allocation.address6) {
    if (const auto enabled = enable_ipv6(netns, ifname); !enabled) {
      return enabled.error();
    }
  }
  netlink::LinkChange dressed;
  dressed.mac = allocation.mac;
  dressed.mtu_bytes = allocation.mtu_bytes;
  dressed.up = true;
  if (const auto changed = container.change_link(link->index, dressed); !changed) {
    return changed.error().within(
        fmt::format("setting MAC {} and MTU {} of {}", allocation.mac.str(), allocation.mtu_bytes, ifname));
  }
  std::vector<net::IpInterfaceAddress> addresses;
  for (const Half& half : halves_of(allocation)) {
    addresses.push_back(half.address);
  }
  if (allocation.address6) {
    addresses.push_back({agent_api::link_local_address(allocation.mac), link_local_prefix_length});
  }
  for (const net::IpInterfaceAddress& address : addresses) {
    if (const auto added = container.add_address({link->index, address}); !added) {
      return added.error();
    }
  }
  auto routes = add_routes(container, routes_of(allocation, configured, link->index));
  if (!routes) {
    return routes;
  }
  netlink::LinkChange up;
  up.up = true;
  if (const auto loopback = container.change_link(loopback_index, up); !loopback) {
    return loopback.error().within("bringing lo up");
  }
  return routes;
}

}  // namespace mooring::cni
