// The veth pair of an attachment: born with its far end in the container, then dressed with what the agent answered.
// Errors: those of mooring::netlink; Errc::already_exists if the container has an interface of that name.
#pragma once

#include <vector>

#include "cni-plugin/runtime_config.hpp"
#include "mooring/agent_api/messages.hpp"
#include "mooring/netlink/socket.hpp"

namespace mooring::cni {

// The container's namespace as the runtime names it. Errc::unknown_container if it is gone, bad_environment if it is
// no network namespace or the one that the plugin itself runs in.
Result<netlink::NetworkNamespace> open_container(const std::string& netns);

// Fails before anything is made.
Result<void> require_free_name(netlink::NetlinkSocket& container, const std::string& ifname);

// Both ends, with the kernel's MAC and MTU for now; the container end, called `inner_name`, is down.
Result<void> create_pair(netlink::NetlinkSocket& host, const netlink::NetworkNamespace& container,
                         const agent_api::Attachment& attachment, const std::string& inner_name);

// The host end as it is after its MTU was set.
Result<netlink::Link> dress_host_end(netlink::NetlinkSocket& host, const agent_api::AttachAnswer& answer);

// The routes that a container of this allocation has, the default route first. A configured one to everything takes the
// place of the usual default route.
std::vector<netlink::Route> routes_of(const ipam_api::Allocation& allocation,
                                      const std::vector<ConfiguredRoute>& configured, int link_index);

// MAC, MTU, up, address, routes, `lo`; transmit checksum offload off if the datapath needs that. Answers the routes
// that were set, the default route first: one that another interface of the container has already stays that one's.
Result<std::vector<netlink::Route>> dress_container_end(netlink::NetlinkSocket& container,
                                                        const netlink::NetworkNamespace& netns,
                                                        const std::string& ifname,
                                                        const agent_api::AttachAnswer& answer,
                                                        const std::vector<ConfiguredRoute>& configured);

}  // namespace mooring::cni
