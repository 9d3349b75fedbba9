#include "mooring/underlay/physical_bridge.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <unistd.h>

#include <fmt/format.h>

#include "mooring/base/durable_file.hpp"
#include "mooring/netlink/interface_settings.hpp"
#include "mooring/netlink/socket.hpp"
#include "mooring/underlay/tunnel.hpp"

namespace mooring::underlay {
namespace {

std::optional<RememberedNic> from_file(const PhysicalBridgeSettings& settings) {
  std::ifstream file(settings.state_file);
  if (!file) {
    return std::nullopt;
  }
  std::stringstream text;
  text << file.rdbuf();
  const auto value = read_remembered(text.str());
  return value && value->nic == settings.nic ? std::optional(*value) : std::nullopt;
}

Result<std::vector<net::InterfaceAddress>> addresses_of(netlink::NetlinkSocket& kernel, int link) {
  const auto found = kernel.list_addresses(link);
  if (!found) {
    return found.error();
  }
  std::vector<net::InterfaceAddress> addresses;
  for (const auto& item : *found) {
    addresses.push_back({item.address.address.v4(), item.address.prefix_length});
  }
  return addresses;
}

// Routes that somebody has made, in the order in which they can be made again: those through another one last.
Result<std::vector<netlink::Route>> routes_of(netlink::NetlinkSocket& kernel, int link) {
  constexpr std::uint8_t by_kernel = 2;  // RTPROT_KERNEL: comes with the address
  const auto found = kernel.list_routes(link);
  if (!found) {
    return found.error();
  }
  std::vector<netlink::Route> routes;
  for (auto route : *found) {
    if (route.protocol != by_kernel) {
      route.link_index = 0;
      routes.push_back(route);
    }
  }
  std::stable_partition(routes.begin(), routes.end(), [](const auto& route) { return !route.via; });
  return routes;
}

template <class T>
void add_missing(std::vector<T>& to, const std::vector<T>& from) {
  for (const auto& item : from) {
    if (std::find(to.begin(), to.end(), item) == to.end()) {
      to.push_back(item);
    }
  }
}

}  // namespace

PhysicalBridge::PhysicalBridge(PhysicalBridgeSettings settings) : settings_(std::move(settings)) {}

Result<void> PhysicalBridge::remember() {
  auto kernel = netlink::NetlinkSocket::open();
  if (!kernel) {
    return kernel.error();
  }
  const auto nic = kernel->find_link(settings_.nic);
  if (!nic) {
    return nic.error().within("taking over the underlay interface");
  }
  const auto addresses = addresses_of(*kernel, nic->index);
  const auto routes = addresses ? routes_of(*kernel, nic->index) : addresses.error();
  if (!routes) {
    return routes.error();
  }
  const auto former = from_file(settings_);
  RememberedNic now = former.value_or(RememberedNic{});
  now.nic = settings_.nic;
  now.mac = nic->mac ? nic->mac->str() : "";
  if (!addresses->empty()) {
    // Somebody has (re)configured the NIC: that is what counts, unless we are in the middle of moving it.
    const auto bridge = kernel->find_link(settings_.bridge);
    const auto moved = bridge ? addresses_of(*kernel, bridge->index) : std::vector<net::InterfaceAddress>{};
    const bool half_way = former && moved && !moved->empty();
    if (!half_way) {
      now.addresses.clear();
      now.routes.clear();
    }
    add_missing(now.addresses, *addresses);
    add_missing(now.routes, *routes);
  }
  if (now.addresses.empty()) {
    return Error(Errc::invalid_config,
                 fmt::format("taking over the underlay interface {}: it has no IPv4 address", settings_.nic),
                 fmt::format("give it its address first: ip address add A.B.C.D/LEN dev {}", settings_.nic));
  }
  remembered_ = now;
  return former && *former == now ? ok() : replace_file(settings_.state_file, write_remembered(now));
}

std::vector<ovs::OvsdbOperation> PhysicalBridge::operations() const {
  ovs::EnsureBridge bridge;
  bridge.name = settings_.bridge;
  bridge.datapath_type = to_string(Datapath::netdev);
  bridge.fail_mode = "standalone";  // NORMAL, also before any flow is there
  if (!remembered_.mac.empty()) {
    bridge.other_config["hwaddr"] = remembered_.mac;  // neighbours and switches keep what they know
  }
  ovs::AddPort port;
  port.bridge = settings_.bridge;
  port.name = settings_.nic;
  return {bridge, port};
}

Result<bool> PhysicalBridge::take_over() {
  auto kernel = netlink::NetlinkSocket::open();
  if (!kernel) {
    return kernel.error();
  }
  const auto bridge = kernel->find_link(settings_.bridge);
  const auto nic = bridge ? kernel->find_link(settings_.nic) : bridge.error();
  if (!nic) {
    return nic.error().within("moving the underlay address");
  }
  bool changed = false;
  for (const auto& [name, value] : {std::pair("arp_ignore", "1"), std::pair("rp_filter", "1")}) {
    const std::string setting = fmt::format("net/ipv4/conf/{}/{}", settings_.nic, name);
    if (const auto now = netlink::read_sysctl(setting); !now || *now != value) {
      if (const auto written = netlink::write_sysctl(setting, value); !written) {
        return written.error();
      }
      changed = true;
    }
  }
  for (const auto& link : {*bridge, *nic}) {
    if (!link.up) {
      netlink::LinkChange up;
      up.up = true;
      if (const auto done = kernel->change_link(link.index, up); !done) {
        return done.error();
      }
      changed = true;
    }
  }
  const auto there = addresses_of(*kernel, bridge->index);
  if (!there) {
    return there.error();
  }
  for (const auto& address : remembered_.addresses) {
    if (std::find(there->begin(), there->end(), address) == there->end()) {
      if (const auto added = kernel->replace_address({bridge->index, {address.address, address.prefix_length}});
          !added) {
        return added.error();
      }
      changed = true;
    }
  }
  const auto left = addresses_of(*kernel, nic->index);
  if (!left) {
    return left.error();
  }
  for (const auto& address : *left) {
    if (std::find(remembered_.addresses.begin(), remembered_.addresses.end(), address) == remembered_.addresses.end()) {
      continue;  // given to the NIC later by somebody: not ours to lose
    }
    const auto gone = kernel->delete_address({nic->index, {address.address, address.prefix_length}});
    if (!gone && gone.error().code() != Errc::not_found) {
      return gone.error();
    }
    changed = true;
  }
  const auto routes = routes_of(*kernel, bridge->index);
  if (!routes) {
    return routes.error();
  }
  for (auto route : remembered_.routes) {
    if (std::find(routes->begin(), routes->end(), route) == routes->end()) {
      route.link_index = bridge->index;
      if (const auto added = kernel->replace_route(route); !added) {
        return added.error();
      }
      changed = true;
    }
  }
  return changed;
}

Result<net::Ipv4Address> address_of(const PhysicalBridgeSettings& settings) {
  auto kernel = netlink::NetlinkSocket::open();
  if (!kernel) {
    return kernel.error();
  }
  if (const auto nic = kernel->find_link(settings.nic); !nic) {
    return nic.error().within("finding the VTEP address");
  }
  for (const auto& name : {settings.nic, settings.bridge}) {
    const auto link = kernel->find_link(name);
    const auto addresses = link ? addresses_of(*kernel, link->index) : link.error();
    if (addresses && !addresses->empty()) {
      return addresses->front().address;
    }
  }
  if (const auto former = from_file(settings); former && !former->addresses.empty()) {
    return former->addresses.front().address;
  }
  return Error(Errc::invalid_config,
               fmt::format("finding the VTEP address of {}: it has no IPv4 address", settings.nic),
               fmt::format("give it one (ip address add A.B.C.D/LEN dev {}) or use --vtep", settings.nic));
}

}  // namespace mooring::underlay
