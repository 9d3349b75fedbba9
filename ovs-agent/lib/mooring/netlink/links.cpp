// Links: one message makes a veth pair with its far end in another namespace.
#include <algorithm>
#include <cstring>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>

#include <fmt/format.h>

#include "mooring/netlink/connection.hpp"

namespace mooring::netlink {
namespace {

Result<void> checked_name(std::string_view doing, std::string_view name) {
  if (name.empty() || name.size() >= IFNAMSIZ) {
    return Error(Errc::invalid_argument, fmt::format("{}: '{}' is not an interface name", doing, name),
                 "1 to 15 characters");
  }
  return ok();
}

ifinfomsg link_header(int index = 0) {
  ifinfomsg header{};
  header.ifi_family = AF_UNSPEC;
  header.ifi_index = index;
  return header;
}

void set_up(ifinfomsg& header, bool up) {
  header.ifi_change |= IFF_UP;
  header.ifi_flags = up ? header.ifi_flags | IFF_UP : header.ifi_flags & ~static_cast<unsigned>(IFF_UP);
}

// What both ends of a pair have in common. One queue each: the kernel's default of one per possible CPU costs memory
// and start-up time that a container does not use.
void put_end(Request& request, const VethEnd& end) {
  request.put_text(IFLA_IFNAME, end.name);
  request.put(IFLA_NUM_TX_QUEUES, std::uint32_t{1});
  request.put(IFLA_NUM_RX_QUEUES, std::uint32_t{1});
  if (end.mac) {
    request.put_mac(IFLA_ADDRESS, *end.mac);
  }
  if (end.mtu_bytes != 0) {
    request.put(IFLA_MTU, end.mtu_bytes);
  }
}

// The kernel's struct grows at its end: what both know of it is taken.
LinkCounters counters_of(const nlattr* attribute) {
  rtnl_link_stats64 stats{};
  if (attribute != nullptr) {
    std::memcpy(&stats, nla_data(attribute), std::min(sizeof stats, static_cast<std::size_t>(nla_len(attribute))));
  }
  LinkCounters counters;
  counters.received_packets = stats.rx_packets;
  counters.received_bytes = stats.rx_bytes;
  counters.received_dropped = stats.rx_dropped;
  counters.sent_packets = stats.tx_packets;
  counters.sent_bytes = stats.tx_bytes;
  counters.sent_dropped = stats.tx_dropped;
  return counters;
}

Link link_from(nlmsghdr* message) {
  const auto* header = static_cast<const ifinfomsg*>(nlmsg_data(message));
  const Attributes<IFLA_MAX + 1> attributes(message, sizeof(ifinfomsg));
  Link link;
  link.index = header->ifi_index;
  link.name = attributes.text(IFLA_IFNAME);
  link.alias = attributes.text(IFLA_IFALIAS);
  link.mac = mac_of(attributes[IFLA_ADDRESS]);
  link.mtu_bytes = attributes.number(IFLA_MTU);
  link.group = attributes.number(IFLA_GROUP);
  link.up = (header->ifi_flags & IFF_UP) != 0;
  link.carrier = (header->ifi_flags & IFF_RUNNING) != 0;
  link.peer_index = static_cast<int>(attributes.number(IFLA_LINK));
  link.master_index = static_cast<int>(attributes.number(IFLA_MASTER));
  link.counters = counters_of(attributes[IFLA_STATS64]);
  if (const nlattr* info = attributes[IFLA_LINKINFO]) {
    nlattr* table[IFLA_INFO_MAX + 1] = {};
    nla_parse_nested(table, IFLA_INFO_MAX, const_cast<nlattr*>(info), nullptr);
    if (table[IFLA_INFO_KIND] != nullptr) {
      link.kind = nla_get_string(table[IFLA_INFO_KIND]);
    }
  }
  return link;
}

}  // namespace

Result<void> NetlinkSocket::create_veth(const VethPair& pair) {
  const std::string doing = fmt::format("creating veth pair {} - {}", pair.here.name, pair.peer.name);
  for (const VethEnd* end : {&pair.here, &pair.peer}) {
    if (const auto fits = checked_name(doing, end->name); !fits) {
      return fits;
    }
  }
  ifinfomsg here = link_header();
  set_up(here, pair.here_up);
  const ifinfomsg peer = link_header();

  Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, here);
  put_end(request, pair.here);
  if (pair.group != 0) {
    request.put(IFLA_GROUP, pair.group);
  }
  request.nest(IFLA_LINKINFO, [&](Request& info) {
    info.put_text(IFLA_INFO_KIND, "veth");
    info.nest(IFLA_INFO_DATA, [&](Request& data) {
      data.nest(VETH_INFO_PEER, [&](Request& far_end) {
        far_end.append(&peer, sizeof peer);
        put_end(far_end, pair.peer);
        if (pair.peer_namespace_fd >= 0) {
          far_end.put(IFLA_NET_NS_FD, pair.peer_namespace_fd);
        }
      });
    });
  });
  return connection_->call(doing, request);
}

Result<Link> NetlinkSocket::find_link(std::string_view name) {
  const std::string doing = fmt::format("finding link {}", name);
  if (const auto fits = checked_name(doing, name); !fits) {
    return fits.error();
  }
  Request request(RTM_GETLINK, 0, link_header());
  request.put_text(IFLA_IFNAME, name);
  Link link;
  if (const auto done = connection_->query(doing, request, [&](nlmsghdr* message) { link = link_from(message); });
      !done) {
    return done.error();
  }
  return link;
}

Result<Link> NetlinkSocket::find_link(int index) {
  Request request(RTM_GETLINK, 0, link_header(index));
  Link link;
  if (const auto done = connection_->query(fmt::format("finding link number {}", index), request,
                                           [&](nlmsghdr* message) { link = link_from(message); });
      !done) {
    return done.error();
  }
  return link;
}

Result<std::vector<Link>> NetlinkSocket::list_links() {
  Request request(RTM_GETLINK, NLM_F_DUMP, link_header());
  return connection_->list<Link>("listing links", request,
                                 [](nlmsghdr* message) { return std::optional<Link>(link_from(message)); });
}

Result<void> NetlinkSocket::change_link(int index, const LinkChange& change) {
  const std::string doing = fmt::format("changing link number {}", index);
  ifinfomsg header = link_header(index);
  if (change.up) {
    set_up(header, *change.up);
  }
  Request request(RTM_NEWLINK, 0, header);
  if (change.name) {
    if (const auto fits = checked_name(doing, *change.name); !fits) {
      return fits;
    }
    request.put_text(IFLA_IFNAME, *change.name);
  }
  if (change.alias) {
    request.put_text(IFLA_IFALIAS, *change.alias);
  }
  if (change.mac) {
    request.put_mac(IFLA_ADDRESS, *change.mac);
  }
  if (change.mtu_bytes) {
    request.put(IFLA_MTU, *change.mtu_bytes);
  }
  if (change.group) {
    request.put(IFLA_GROUP, *change.group);
  }
  return connection_->call(doing, request);
}

Result<void> NetlinkSocket::delete_link(std::string_view name) {
  const std::string doing = fmt::format("deleting link {}", name);
  if (const auto fits = checked_name(doing, name); !fits) {
    return fits;
  }
  Request request(RTM_DELLINK, 0, link_header());
  request.put_text(IFLA_IFNAME, name);
  return connection_->call(doing, request);
}

Result<void> NetlinkSocket::delete_link(int index) {
  const std::string doing = fmt::format("deleting link number {}", index);
  if (index <= 0) {
    return Error(Errc::invalid_argument, doing + ": there is no such number");
  }
  Request request(RTM_DELLINK, 0, link_header(index));
  return connection_->call(doing, request);
}

Result<void> NetlinkSocket::delete_link_group(std::uint32_t group) {
  const std::string doing = fmt::format("deleting the links of group {}", group);
  if (group == 0) {
    return Error(Errc::invalid_argument, doing + ": every link is in group 0 unless put elsewhere");
  }
  Request request(RTM_DELLINK, 0, link_header());
  request.put(IFLA_GROUP, group);
  return connection_->call(doing, request);
}

}  // namespace mooring::netlink
