// The container's side of an attachment that is a tap device (`"device": "tap"`), for sandboxes that are virtual
// machines:
//
//   VM <-> tap device, called CNI_IFNAME <-> the veth pair's container end, called as its host end <-> br-int
//
// Tap and veth end hand every packet to one another (mooring::netlink, redirection): the namespace itself has no
// address, no route and no part in it. The virtual machine uses the MAC, the addresses and the routes of the result.
// Errors: those of mooring::netlink.
#pragma once

#include <string>
#include <vector>

#include "cni-plugin/net_conf.hpp"
#include "mooring/agent_api/messages.hpp"
#include "mooring/netlink/tap.hpp"

namespace mooring::cni {

// The tap device goes with the process that called this, unless it was kept.
Result<netlink::TapDevice> dress_tap_end(netlink::NetlinkSocket& container, const netlink::NetworkNamespace& netns,
                                         const agent_api::Attachment& attachment, const Device& device,
                                         const agent_api::AttachAnswer& answer);

// For CHECK: appends one sentence for each thing that is not in place. `tap` is what CNI_IFNAME names.
Result<void> check_tap_end(netlink::NetlinkSocket& container, const netlink::Link& tap,
                           const agent_api::Attachment& attachment, std::vector<std::string>& problems);

}  // namespace mooring::cni
