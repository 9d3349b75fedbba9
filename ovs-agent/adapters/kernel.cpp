#include "ovs-agent/adapters/kernel.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "mooring/agent_api/retired_link.hpp"
#include "mooring/agent_api/tap_alias.hpp"
#include "mooring/netlink/interface_settings.hpp"
#include "mooring/netlink/netns.hpp"
#include "mooring/netlink/tap.hpp"
#include "ovs-agent/domain/pipeline.hpp"

namespace mooring::agent {
namespace {

net::IpAddress address(const char* text) {
  return net::IpAddress::parse(text).value();
}

// mooring0's own addresses, and what its routes go via.
net::IpAddress own_address(net::Family family) {
  return address(family == net::Family::v4 ? host_address : host_address6);
}
net::IpAddress next_hop(net::Family family) {
  return address(family == net::Family::v4 ? host_gateway : host_gateway6);
}
constexpr std::chrono::seconds address_memory{5};  // a node has as many addresses to go through as it has pods

int whole_length(net::Family family) {
  return family == net::Family::v4 ? 32 : 128;
}

netlink::NetlinkSocket opened() {
  auto socket = netlink::NetlinkSocket::open();
  if (!socket) {
    throw std::runtime_error(socket.error().text());
  }
  return std::move(socket).value();
}

netlink::Route host_route(net::IpAddress to, std::uint32_t mtu_bytes, int link) {
  netlink::Route route;
  route.destination = net::IpCidr(to, whole_length(to.family()));
  route.via = next_hop(to.family());
  route.onlink = true;
  route.source = own_address(to.family());
  route.link_index = link;
  route.protocol = netlink::route_protocol_mooring;
  route.mtu_bytes = mtu_bytes;
  return route;
}

// A field of /proc/PID/stat, by its number in proc(5), from 4 on; 0 if there is no such process.
std::uint64_t stat_field(std::int32_t pid, int wanted) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::stringstream text;
  text << file.rdbuf();
  // "PID (name, which may hold anything) STATE …": field 4 is the second after the name's last parenthesis.
  std::string stat = text.str();
  const auto name_end = stat.rfind(')');
  if (name_end == std::string::npos) {
    return 0;
  }
  std::istringstream fields(stat.substr(name_end + 1));
  std::string state;
  fields >> state;
  if (state == "Z" || state == "X") {
    return 0;  // dead, not yet reaped
  }
  std::string field;
  for (int number = 4; number <= wanted; ++number) {
    fields >> field;
  }
  return fields ? std::strtoull(field.c_str(), nullptr, 10) : 0;
}

}  // namespace

std::string kernel_boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  if (!(file >> id)) {
    throw std::runtime_error("reading /proc/sys/kernel/random/boot_id: the kernel does not tell its boot id");
  }
  return id;
}

Kernel::Kernel() : socket_(opened()) {}

Result<std::set<std::string>> Kernel::links() {
  const auto found = socket_.list_links();
  if (!found) {
    return found.error();
  }
  std::set<std::string> names;
  for (const auto& link : *found) {
    names.insert(link.name);
  }
  return names;
}

Result<std::map<std::string, netlink::LinkCounters>> Kernel::link_counters() {
  const auto found = socket_.list_links();
  if (!found) {
    return found.error();
  }
  std::map<std::string, netlink::LinkCounters> counters;
  for (const auto& link : *found) {
    counters[link.name] = link.counters;
  }
  return counters;
}

Result<void> Kernel::delete_link(const std::string& name) {
  const auto deleted = socket_.delete_link(name);
  return deleted || deleted.error().code() == Errc::not_found ? ok() : deleted;
}

Result<void> Kernel::retire_link(const std::string& name) {
  const auto link = socket_.find_link(name);
  if (!link || link->kind != "veth") {  // one that cannot be deleted would keep the whole group from being
    return delete_link(name);
  }
  netlink::LinkChange down;
  down.up = false;
  netlink::LinkChange retired;
  retired.name = agent_api::retired_link_name;
  retired.group = agent_api::retired_link_group;
  auto done = socket_.change_link(link->index, down);  // before Linux 6.2 a link that is up cannot be renamed
  done = done ? socket_.change_link(link->index, retired) : done;
  sweep_retired_links();
  return done || done.error().code() == Errc::not_found ? ok() : done;
}

Result<void> Kernel::delete_tap(const std::string& netns, const Attachment& attachment) {
  const auto space = netlink::NetworkNamespace::open(netns);
  if (!space) {
    return ok();
  }
  auto socket = netlink::NetlinkSocket::open_in(*space);
  return socket ? netlink::delete_tap(*socket, attachment.ifname, agent_api::tap_alias(attachment))
                : Result<void>(socket.error());
}

Result<int> Kernel::link_at(net::Ipv4Address address) {
  const auto now = std::chrono::steady_clock::now();
  if (address == looked_up_.address && now < looked_up_.until) {
    return looked_up_.link;
  }
  const auto addresses = socket_.list_addresses();  // those of all links
  if (!addresses) {
    return addresses.error();
  }
  for (const auto& known : *addresses) {
    if (known.address.address == net::IpAddress(address)) {
      looked_up_ = {address, known.link_index, now + address_memory};
      return known.link_index;
    }
  }
  return Error(Errc::not_found, fmt::format("no interface has the VTEP {}", address.str()),
               "give it to one, or change --vtep");
}

Result<std::uint32_t> Kernel::mtu_at(net::Ipv4Address address) {
  const auto index = link_at(address);
  if (!index) {
    return index.error();
  }
  const auto link = socket_.find_link(*index);
  if (!link) {
    looked_up_ = {};
  }
  return link ? Result<std::uint32_t>(link->mtu_bytes) : link.error();
}

Result<bool> Kernel::ensure_host_interface() {
  const auto link = socket_.find_link(port::host_name);
  if (!link) {
    return link.error();
  }
  bool changed = link->index != host_link_;
  if (changed) {
    host_link_ = link->index;
    routes_.clear();
    prepare_ipv6();
  }
  if (!link->up) {
    netlink::LinkChange up;
    up.up = true;
    if (const auto done = socket_.change_link(link->index, up); !done) {
      return done.error();
    }
    changed = true;
  }
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    if (family == net::Family::v6 && !has_ipv6_) {
      continue;
    }
    const auto ensured = ensure_addresses(family);
    if (!ensured) {
      return ensured.error();
    }
    changed = changed || *ensured;
  }
  return changed;
}

void Kernel::prepare_ipv6() {
  const auto set = [](const char* name, const char* value) {
    return netlink::write_sysctl(fmt::format("net/ipv6/conf/{}/{}", port::host_name, name), value);
  };
  // No address of its own making on it, and nobody there tells it routes.
  constexpr const char* no_link_local = "1";
  const auto none_made = set("addr_gen_mode", no_link_local);
  const auto none_told = none_made ? set("accept_ra", "0") : none_made;
  const auto enabled = none_told ? set("disable_ipv6", "0") : none_told;
  has_ipv6_ = enabled.has_value();
  if (!enabled) {
    static_cast<void>(set("disable_ipv6", "1"));
    spdlog::warn("{}: this host does not reach its pods by IPv6: {}", port::host_name, enabled.error().text());
  }
}

Result<bool> Kernel::ensure_addresses(net::Family family) {
  bool changed = false;
  const netlink::Address own{host_link_, {own_address(family), whole_length(family)}};
  const auto addresses = socket_.list_addresses(host_link_, family);
  if (!addresses) {
    return addresses.error();
  }
  if (std::find(addresses->begin(), addresses->end(), own) == addresses->end()) {
    if (const auto done = socket_.replace_address(own); !done) {
      return done.error();
    }
    changed = true;
  }
  const netlink::Neighbour gateway{host_link_, next_hop(family), net::MacAddress::parse(virtual_mac).value()};
  const auto neighbours = socket_.list_neighbours(host_link_, family);
  if (!neighbours) {
    return neighbours.error();
  }
  if (std::find(neighbours->begin(), neighbours->end(), gateway) == neighbours->end()) {
    if (const auto done = socket_.replace_neighbour(gateway); !done) {
      return done.error();
    }
    changed = true;
  }
  return changed;
}

Result<void> Kernel::set_host_routes(const std::map<net::IpAddress, std::uint32_t>& routes, bool read_back) {
  if (host_link_ == 0) {
    return ok();  // made with the interface
  }
  if (read_back) {
    std::map<net::IpAddress, std::uint32_t> present;
    for (const net::Family family : {net::Family::v4, net::Family::v6}) {
      const auto found = socket_.list_routes(host_link_, family);
      if (!found) {
        return found.error();
      }
      for (const auto& route : *found) {
        if (route.protocol == netlink::route_protocol_mooring &&
            route.destination.prefix_length() == whole_length(family)) {
          present[route.destination.first()] = route.mtu_bytes;
        }
      }
    }
    routes_ = std::move(present);
  }
  std::optional<Error> first;
  const auto keep = [&](const Result<void>& done) {
    if (!done && !first) {
      first = done.error();
    }
  };
  for (const auto& [to, mtu_bytes] : routes) {
    keep(set_host_route(to, mtu_bytes));
  }
  const auto known = routes_;
  for (const auto& [to, mtu_bytes] : known) {
    if (!routes.contains(to)) {
      keep(set_host_route(to, std::nullopt));
    }
  }
  return first ? Result<void>(*first) : ok();
}

Result<void> Kernel::set_host_route(net::IpAddress to, std::optional<std::uint32_t> mtu_bytes) {
  const auto known = routes_.find(to);
  const bool there = known != routes_.end();
  if (host_link_ == 0 || (!to.is_v4() && !has_ipv6_) || (mtu_bytes ? there && known->second == *mtu_bytes : !there)) {
    return ok();
  }
  if (mtu_bytes) {
    const auto done = socket_.replace_route(host_route(to, *mtu_bytes, host_link_));
    if (done) {
      routes_[to] = *mtu_bytes;
    }
    return done;
  }
  const auto done = socket_.delete_route(host_route(to, known->second, host_link_));
  if (!done && done.error().code() != Errc::not_found) {
    return done;
  }
  routes_.erase(known);
  return ok();
}

bool Kernel::namespace_alive(const std::string& path) const {
  return !path.empty() && netlink::NetworkNamespace::open(path).has_value();
}

bool Kernel::alive(const AddBegun& add) const {
  return add.boot_id == kernel_boot_id() && add.pid > 0 && add.started != 0 && started(add.pid) == add.started;
}

bool Kernel::interface_alive(const std::string& netns, const std::string& name) const {
  const auto container = netlink::NetworkNamespace::open(netns);
  if (!container) {
    return false;
  }
  auto socket = netlink::NetlinkSocket::open_in(*container);
  return socket && socket->find_link(name).has_value();
}

std::uint64_t Kernel::started(std::int32_t pid) const {
  return stat_field(pid, 22);
}

std::int32_t Kernel::parent(std::int32_t pid) const {
  return static_cast<std::int32_t>(stat_field(pid, 4));
}

}  // namespace mooring::agent
