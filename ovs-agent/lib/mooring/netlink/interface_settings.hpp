// What rtnetlink does not reach: offloads of a network device and kernel settings, in the calling thread's network
// namespace or in another.
// Errors: Errc::not_found (no such link or setting), permission_denied, unsupported, io.
// Threading: the variants with a namespace enter it for the call, on the calling thread.
#pragma once

#include <string>
#include <string_view>

#include "mooring/netlink/netns.hpp"

namespace mooring::netlink {

// Whether packets leave `link` with their checksum still to be filled in by hardware. A userspace datapath never fills
// it in, so it must be off there: ping works with it, TCP hangs. (SIOCETHTOOL, ETHTOOL_STXCSUM: one ioctl.)
Result<void> set_transmit_checksum_offload(std::string_view link, bool on);
Result<void> set_transmit_checksum_offload(const NetworkNamespace& target, std::string_view link, bool on);
Result<bool> transmit_checksum_offload(std::string_view link);

// `name` is the path below /proc/sys: "net/ipv4/conf/all/arp_ignore". Values of net/… belong to a namespace.
Result<void> write_sysctl(std::string_view name, std::string_view value);
Result<void> write_sysctl(const NetworkNamespace& target, std::string_view name, std::string_view value);
// Without the newline at its end.
Result<std::string> read_sysctl(std::string_view name);

}  // namespace mooring::netlink
