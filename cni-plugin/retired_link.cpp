#include "cni-plugin/retired_link.hpp"

#include "mooring/agent_api/retired_link.hpp"
#include "mooring/agent_api/tap_alias.hpp"
#include "mooring/netlink/tap.hpp"

namespace mooring::cni {
namespace {

bool is_gone(const Error& error) {
  return error.code() == Errc::not_found;
}

// Down first: before Linux 6.2 a link that is up cannot be renamed.
Result<void> take_down(netlink::NetlinkSocket& socket, const netlink::Link& link, std::optional<std::uint32_t> group) {
  if (link.up) {
    netlink::LinkChange down;
    down.up = false;
    if (auto done = socket.change_link(link.index, down); !done) {
      return done;
    }
  }
  netlink::LinkChange retired;
  retired.name = agent_api::retired_link_name;
  retired.group = group;
  return socket.change_link(link.index, retired);
}

Result<void> retire_inner(netlink::NetlinkSocket& socket, const netlink::Link& link, int host_index) {
  if (link.peer_index != host_index) {
    return ok();
  }
  const auto done = take_down(socket, link, std::nullopt);
  return done || is_gone(done.error()) ? ok() : done;
}

Result<void> retire_behind_tap(netlink::NetlinkSocket& socket, const agent_api::Attachment& attachment,
                               int host_index) {
  const auto link = socket.find_link(agent_api::host_interface_name(attachment));
  if (!link) {
    return is_gone(link.error()) ? ok() : Result<void>(link.error());
  }
  return link->kind == "veth" ? retire_inner(socket, *link, host_index) : ok();
}

// The runtime may have removed the namespace, or be doing so: that is fine. A tap device that a virtual machine has
// open goes all the same.
Result<void> retire_container_end(const std::string& netns, const agent_api::Attachment& attachment, int host_index) {
  const auto container = netlink::NetworkNamespace::open(netns);
  if (!container) {
    return ok();
  }
  auto socket = netlink::NetlinkSocket::open_in(*container);
  if (!socket) {
    return socket.error();
  }
  const auto link = socket->find_link(attachment.ifname);
  const bool is_veth = link && link->kind == "veth";
  if (!link && !is_gone(link.error())) {
    return link.error();
  }
  if (link && !is_veth) {
    if (const auto gone = netlink::delete_tap(*socket, attachment.ifname, agent_api::tap_alias(attachment)); !gone) {
      return gone;
    }
  }
  return is_veth ? retire_inner(*socket, *link, host_index) : retire_behind_tap(*socket, attachment, host_index);
}

}  // namespace

Result<std::optional<int>> retire_link(const agent_api::Attachment& attachment, const std::string& netns) {
  auto host = netlink::NetlinkSocket::open();
  if (!host) {
    return host.error();
  }
  const auto link = host->find_link(agent_api::host_interface_name(attachment));
  if (!link && !is_gone(link.error())) {
    return link.error();
  }
  constexpr int none = -1;
  const auto inside = netns.empty() ? ok() : retire_container_end(netns, attachment, link ? link->index : none);
  if (!link) {
    return inside ? Result<std::optional<int>>(std::nullopt) : inside.error();
  }
  const auto outside = take_down(*host, *link, agent_api::retired_link_group);
  if (!outside && !is_gone(outside.error())) {
    return outside.error();
  }
  if (!inside) {
    return inside.error();
  }
  return std::optional<int>(link->index);
}

Result<void> delete_retired_link(int index) {
  auto host = netlink::NetlinkSocket::open();
  if (!host) {
    return host.error();
  }
  const auto deleted = host->delete_link(index);
  return deleted || is_gone(deleted.error()) ? ok() : deleted;
}

}  // namespace mooring::cni
