#include "overlay-gateway/adapters/kernel_foot.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "mooring/netlink/interface_settings.hpp"
#include "overlay-gateway/adapters/link_announcement.hpp"
#include "overlay-gateway/domain/pipeline.hpp"

namespace mooring::gateway {
namespace {

constexpr const char* physical_medium = "77";  // any number of its own that is neither 0 nor that of mooring-gw0
constexpr const char* no_proxy_medium = "-1";

net::IpAddress parsed(const char* text) {
  return net::IpAddress::parse(text).value();
}

int whole(net::Family family) {
  return family == net::Family::v4 ? 32 : 128;
}

netlink::NetlinkSocket opened() {
  auto socket = netlink::NetlinkSocket::open();
  if (!socket) {
    throw std::runtime_error("opening a netlink socket: " + socket.error().text());
  }
  return std::move(*socket);
}

void note(Result<void> result, KernelFoot::Outcome& outcome) {
  if (result) {
    outcome.changed = true;
  } else {
    outcome.problems.push_back(result.error());
  }
}

// Reads first: a setting that is right may well be on a read-only /proc/sys.
void ensure_sysctl(const std::string& name, std::string_view value, std::string_view why,
                   KernelFoot::Outcome& outcome) {
  const auto now = netlink::read_sysctl(name);
  if (now && *now == value) {
    return;
  }
  const auto written = netlink::write_sysctl(name, value);
  if (written) {
    outcome.changed = true;
    return;
  }
  outcome.problems.push_back(
      Error(written.error().code(), written.error().message(),
            fmt::format("{}: set {} = {} on this host, or run the gateway where it may do so", why, name, value)));
}

netlink::Route kernel_route(const netlink::Link& link, const OverlayRoute& route) {
  netlink::Route wanted;
  wanted.destination = route.destination;
  wanted.via = parsed(route.destination.family() == net::Family::v4 ? overlay_next_hop : overlay_next_hop6);
  wanted.link_index = link.index;
  wanted.source = route.source;
  wanted.onlink = true;
  wanted.protocol = netlink::route_protocol_mooring;
  wanted.mtu_bytes = route.mtu_bytes;
  return wanted;
}

}  // namespace

KernelFoot::KernelFoot(std::string physical_interface) : physical_(std::move(physical_interface)), socket_(opened()) {}

Result<void> check_interface(const std::string& name, const std::string& option) {
  auto socket = opened();
  const auto link = socket.find_link(name);
  if (link) {
    return ok();
  }
  std::string names;
  if (const auto links = socket.list_links()) {
    for (const auto& one : *links) {
      names += (names.empty() ? "" : ", ") + one.name;
    }
  }
  return Error(Errc::not_found, fmt::format("option --{} {}: {}", option, name, link.error().message()),
               "name a network interface of this host: " + names);
}

net::AddressPair KernelFoot::physical_addresses() {
  static const net::IpCidr link_local = net::IpCidr::parse("fe80::/10").value();
  net::AddressPair found;
  const auto link = socket_.find_link(physical_);
  for (const net::Family family : {net::Family::v6, net::Family::v4}) {
    const auto listed = link ? socket_.list_addresses(link->index, family) : Result<std::vector<netlink::Address>>({});
    for (const netlink::Address& one : listed ? *listed : std::vector<netlink::Address>()) {
      // Of a shared one, which has no subnet, nothing is sent: it may be another gateway's the next moment.
      if (!found.of(family) && !link_local.contains(one.address.address) &&
          (family == net::Family::v4 || one.address.prefix_length != whole(family))) {
        found.set(one.address.address);
      }
    }
  }
  return found;
}

Result<void> KernelFoot::name_is_free() {
  const auto link = socket_.find_link(foot_name);
  if (link && link->kind != "tun" && link->kind != "openvswitch") {
    return Error(Errc::already_exists,
                 fmt::format("making {}: a link of that name is there (kind '{}')", foot_name, link->kind),
                 fmt::format("it is not Mooring's: rename or delete it (ip link delete {})", foot_name));
  }
  return ok();
}

KernelFoot::Outcome KernelFoot::ensure(const FootPlan& plan) {
  Outcome outcome;
  const auto link = socket_.find_link(foot_name);
  if (!link) {
    outcome.problems.push_back(link.error());
    return outcome;
  }
  ensure_link(*link, plan, outcome);
  ensure_address(*link, parsed(foot_address), outcome);
  ensure_neighbour(*link, parsed(overlay_next_hop), outcome);
  ensure_routes(*link, plan, net::Family::v4, outcome);
  ensure_ipv6(plan, outcome);
  if (plan.has(net::Family::v6)) {
    ensure_address(*link, parsed(foot_address6), outcome);
    ensure_neighbour(*link, parsed(overlay_next_hop6), outcome);
  }
  ensure_routes(*link, plan, net::Family::v6, outcome);
  if (const auto physical = socket_.find_link(physical_); !physical) {
    outcome.problems.push_back(physical.error());
    return outcome;
  }
  ensure_forwarding(outcome);
  ensure_proxy_arp(outcome);
  return outcome;
}

std::optional<std::uint32_t> KernelFoot::mtu_of(const std::string& interface) {
  const auto link = socket_.find_link(interface);
  return link ? std::optional(link->mtu_bytes) : std::nullopt;
}

bool KernelFoot::links_up(const std::string& underlay) {
  return has_carrier(underlay) && has_carrier(physical_);
}

bool KernelFoot::holds_address(net::IpAddress address) {
  const auto link = socket_.find_link(physical_);
  const auto present =
      link ? socket_.list_addresses(link->index, address.family()) : Result<std::vector<netlink::Address>>({});
  return present &&
         std::any_of(present->begin(), present->end(), [&](const auto& one) { return one.address.address == address; });
}

// As a /32 or /128: machines reach it because they are on the link, and nothing is routed by it.
Result<bool> KernelFoot::hold_address(net::IpAddress address, bool held) {
  if (holds_address(address) == held) {
    return false;
  }
  const auto link = socket_.find_link(physical_);
  if (!link) {
    return link.error();
  }
  const netlink::Address wanted{link->index, {address, whole(address.family())}};
  const auto done = held ? socket_.add_address(wanted) : socket_.delete_address(wanted);
  if (!done) {
    return done.error();
  }
  return true;
}

Result<void> KernelFoot::announce(net::IpAddress address) {
  return announce_address(physical_, address);
}

void KernelFoot::ensure_link(const netlink::Link& link, const FootPlan& plan, Outcome& outcome) {
  netlink::LinkChange change;
  if (plan.mtu_bytes != 0 && link.mtu_bytes != plan.mtu_bytes) {
    change.mtu_bytes = plan.mtu_bytes;
  }
  if (!link.up) {
    change.up = true;
  }
  if (change.mtu_bytes || change.up) {
    note(socket_.change_link(link.index, change), outcome);
  }
}

void KernelFoot::ensure_address(const netlink::Link& link, net::IpAddress address, Outcome& outcome) {
  const netlink::Address wanted{link.index, {address, whole(address.family())}};
  const auto present = socket_.list_addresses(link.index, address.family());
  if (!present || std::find(present->begin(), present->end(), wanted) == present->end()) {
    note(socket_.replace_address(wanted), outcome);
  }
}

void KernelFoot::ensure_neighbour(const netlink::Link& link, net::IpAddress address, Outcome& outcome) {
  const netlink::Neighbour wanted{link.index, address, net::MacAddress::parse(virtual_mac).value()};
  const auto present = socket_.list_neighbours(link.index, address.family());
  if (!present || std::find(present->begin(), present->end(), wanted) == present->end()) {
    note(socket_.replace_neighbour(wanted), outcome);
  }
}

void KernelFoot::ensure_routes(const netlink::Link& link, const FootPlan& plan, net::Family family, Outcome& outcome) {
  const auto listed = socket_.list_routes(link.index, family);
  if (!listed) {
    outcome.problems.push_back(listed.error());
    return;
  }
  std::vector<OverlayRoute> present;
  for (const netlink::Route& route : *listed) {
    if (route.protocol == netlink::route_protocol_mooring && route.table == netlink::route_table_main) {
      present.push_back(OverlayRoute{route.destination, route.mtu_bytes, route.source});
    }
  }
  const RouteSteps steps = route_steps(plan.of(family), present);
  for (const OverlayRoute& route : steps.add) {
    const auto added = socket_.add_route(kernel_route(link, route));
    if (added) {
      outcome.changed = true;
    } else {
      outcome.problems.push_back(with_route_holder(added.error(), route.destination));
    }
  }
  for (const OverlayRoute& route : steps.replace) {
    note(socket_.replace_route(kernel_route(link, route)), outcome);
  }
  for (const OverlayRoute& route : steps.remove) {
    note(socket_.delete_route(kernel_route(link, route)), outcome);
  }
}

Error KernelFoot::with_route_holder(const Error& error, const net::IpCidr& destination) {
  if (error.code() != Errc::already_exists) {
    return error;
  }
  std::string holder = "another link";
  const auto routes = socket_.list_routes(std::nullopt, destination.family());
  for (const netlink::Route& route : routes ? *routes : std::vector<netlink::Route>()) {
    if (route.destination == destination) {
      const auto link = socket_.find_link(route.link_index);
      holder = link ? link->name : fmt::format("link number {}", route.link_index);
    }
  }
  return Error(
      Errc::already_exists,
      fmt::format("routing subnet {} to the overlay: this host has a route to it over {}", destination.str(), holder),
      "overlay and physical addresses must differ: remove that route, or give the subnet another CIDR");
}

void KernelFoot::ensure_forwarding(Outcome& outcome) {
  // For these two links alone: the switch net/ipv4/ip_forward would open every other one too.
  for (const std::string& name : {std::string(foot_name), physical_}) {
    ensure_sysctl("net/ipv4/conf/" + name + "/forwarding", "1", "a gateway forwards packets", outcome);
  }
  // A container's packet must come from an address of the overlay: strict reverse path filtering says so, because
  // exactly the subnets are routed to mooring-gw0.
  ensure_sysctl(std::string("net/ipv4/conf/") + foot_name + "/rp_filter", "1", "a gateway guards sources", outcome);
}

void KernelFoot::ensure_ipv6(const FootPlan& plan, Outcome& outcome) {
  constexpr const char* why = "a gateway carries its network's IPv6 subnets";
  const std::string conf = std::string("net/ipv6/conf/") + foot_name + "/";
  const bool wanted = plan.has(net::Family::v6);
  if (!netlink::read_sysctl(conf + "disable_ipv6")) {
    if (wanted) {
      outcome.problems.push_back(Error(Errc::unsupported, "routing IPv6 subnets: the kernel of this host has no IPv6",
                                       "start it without ipv6.disable=1, or give the network IPv4 subnets alone"));
    }
    return;
  }
  if (!wanted) {
    if (plan.complete) {
      ensure_sysctl(conf + "disable_ipv6", "1", "mooring-gw0 carries no IPv6 here", outcome);
    }
    return;
  }
  ensure_sysctl(conf + "addr_gen_mode", "1", why, outcome);  // no link-local address: nobody is on this link
  ensure_sysctl(conf + "accept_ra", "0", why, outcome);
  ensure_sysctl(conf + "disable_ipv6", "0", why, outcome);
  ensure_ipv6_forwarding(outcome);
}

void KernelFoot::ensure_ipv6_forwarding(Outcome& outcome) {
  constexpr const char* why = "a gateway forwards packets";
  const std::string conf = "net/ipv6/conf/";
  if (netlink::read_sysctl(conf + foot_name + "/force_forwarding")) {
    for (const std::string& name : {std::string(foot_name), physical_}) {
      ensure_sysctl(conf + name + "/force_forwarding", "1", why, outcome);
    }
    return;
  }
  const auto forwards = netlink::read_sysctl(conf + "all/forwarding");
  if (forwards && *forwards == "1") {
    return;
  }
  // A host that forwards ignores router advertisements, unless its links say 2: it would lose its own default route.
  const auto links = socket_.list_links();
  for (const netlink::Link& link : links ? *links : std::vector<netlink::Link>()) {
    const auto accepts = netlink::read_sysctl(conf + link.name + "/accept_ra");
    if (accepts && *accepts == "1") {
      ensure_sysctl(conf + link.name + "/accept_ra", "2", why, outcome);
    }
  }
  ensure_sysctl(conf + "all/forwarding", "1", why, outcome);
}

void KernelFoot::ensure_proxy_arp(Outcome& outcome) {
  constexpr const char* why = "a gateway answers ARP for overlay addresses";
  const std::string conf = "net/ipv4/conf/";
  const auto medium = netlink::read_sysctl(conf + physical_ + "/medium_id");
  if (medium && *medium == "0") {
    ensure_sysctl(conf + physical_ + "/medium_id", physical_medium, why, outcome);
  }
  const auto links = socket_.list_links();
  for (const netlink::Link& link : links ? *links : std::vector<netlink::Link>()) {
    if (link.name == physical_ || link.name == foot_name) {
      continue;
    }
    const auto own_proxy = netlink::read_sysctl(conf + link.name + "/proxy_arp");
    const auto its_medium = netlink::read_sysctl(conf + link.name + "/medium_id");
    if (own_proxy && *own_proxy == "0" && its_medium && *its_medium == "0") {
      ensure_sysctl(conf + link.name + "/medium_id", no_proxy_medium, why, outcome);
    }
  }
  ensure_sysctl("net/ipv4/neigh/" + physical_ + "/proxy_delay", "0", why, outcome);
  ensure_sysctl(conf + physical_ + "/proxy_arp", "1", why, outcome);
}

}  // namespace mooring::gateway
