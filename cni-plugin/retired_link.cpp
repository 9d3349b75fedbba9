#include "cni-plugin/retired_link.hpp"

#include "mooring/agent_api/retired_link.hpp"
#include "mooring/netlink/socket.hpp"

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

// The runtime may have removed the namespace, or be doing so: that is fine.
Result<void> retire_container_end(const std::string& netns, const std::string& ifname, int host_index) {
  const auto container = netlink::NetworkNamespace::open(netns);
  if (!container) {
    return ok();
  }
  auto socket = netlink::NetlinkSocket::open_in(*container);
  if (!socket) {
    return socket.error();
  }
  const auto link = socket->find_link(ifname);
  if (!link) {
    return is_gone(link.error()) ? ok() : Result<void>(link.error());
  }
  if (link->kind != "veth" || link->peer_index != host_index) {
    return ok();
  }
  const auto done = take_down(*socket, *link, std::nullopt);
  return done || is_gone(done.error()) ? ok() : done;
}

}  // namespace

Result<std::optional<int>> retire_link(const agent_api::Attachment& attachment, const std::string& netns) {
  auto host = netlink::NetlinkSocket::open();
  if (!host) {
    return host.error();
  }
  const auto link = host->find_link(agent_api::host_interface_name(attachment));
  if (!link) {
    return is_gone(link.error()) ? Result<std::optional<int>>(std::nullopt) : link.error();
  }
  const auto inside = netns.empty() ? ok() : retire_container_end(netns, attachment.ifname, link->index);
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
