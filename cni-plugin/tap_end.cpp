#include "cni-plugin/tap_end.hpp"

#include <fmt/format.h>

#include "mooring/agent_api/tap_alias.hpp"
#include "mooring/netlink/interface_settings.hpp"

namespace mooring::cni {
namespace {

// The namespace would ask for routers and duplicates by itself, as somebody that the switch does not know.
Result<void> without_ipv6(const netlink::NetworkNamespace& netns, const std::string& link) {
  const auto done = netlink::write_sysctl(netns, fmt::format("net/ipv6/conf/{}/disable_ipv6", link), "1");
  return done || done.error().code() == Errc::not_found ? ok() : done;  // a kernel without IPv6
}

Result<void> dress(netlink::NetlinkSocket& container, const netlink::NetworkNamespace& netns, const netlink::Link& link,
                   netlink::LinkChange change) {
  if (const auto off = without_ipv6(netns, link.name); !off) {
    return off;
  }
  change.up = true;
  const auto changed = container.change_link(link.index, change);
  return changed ? ok() : Result<void>(changed.error().within("bringing " + link.name + " up"));
}

}  // namespace

Result<netlink::TapDevice> dress_tap_end(netlink::NetlinkSocket& container, const netlink::NetworkNamespace& netns,
                                         const agent_api::Attachment& attachment, const Device& device,
                                         const agent_api::AttachAnswer& answer) {
  auto tap = netlink::TapDevice::create(netns, attachment.ifname, {device.tap_user, device.tap_group});
  if (!tap) {
    return tap;
  }
  const auto outer = container.find_link(attachment.ifname);
  const auto inner = container.find_link(answer.host_interface);
  if (!outer || !inner) {
    return outer ? inner.error() : outer.error();
  }
  if (answer.disable_tx_checksum) {
    if (const auto off = netlink::set_transmit_checksum_offload(netns, inner->name, false); !off) {
      return off.error();
    }
  }
  netlink::LinkChange as_allocated;
  as_allocated.mtu_bytes = answer.allocation.mtu_bytes;
  if (const auto done = dress(container, netns, *inner, as_allocated); !done) {
    return done.error();
  }
  as_allocated.mac = answer.allocation.mac;
  as_allocated.alias = agent_api::tap_alias(attachment);
  if (const auto done = dress(container, netns, *outer, as_allocated); !done) {
    return done.error();
  }
  auto joined = container.redirect_incoming(outer->index, inner->index);
  joined = joined ? container.redirect_incoming(inner->index, outer->index) : joined;
  if (!joined) {
    return joined.error().within(fmt::format("joining {} and {}", outer->name, inner->name));
  }
  return tap;
}

Result<void> check_tap_end(netlink::NetlinkSocket& container, const netlink::Link& tap,
                           const agent_api::Attachment& attachment, std::vector<std::string>& problems) {
  if (tap.kind != "tun") {
    problems.push_back(fmt::format("{} is no tap device", tap.name));
    return ok();
  }
  const std::string name = agent_api::host_interface_name(attachment);
  const auto inner = container.find_link(name);
  if (!inner && inner.error().code() != Errc::not_found) {
    return inner.error();
  }
  if (!inner || !inner->up) {
    problems.push_back(fmt::format("the container end {} behind {} is {}", name, tap.name, inner ? "down" : "missing"));
    return ok();
  }
  for (const auto& [from, to] : {std::pair(&tap, &*inner), std::pair(&*inner, &tap)}) {
    const auto target = container.redirection_of(from->index);
    if (!target) {
      return target.error();
    }
    if (*target != to->index) {
      problems.push_back(fmt::format("what comes in by {} does not go to {}", from->name, to->name));
    }
  }
  return ok();
}

}  // namespace mooring::cni
