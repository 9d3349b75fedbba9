// A tap device: an Ethernet interface whose other end is a file descriptor of a process, like a virtual machine's
// monitor. It lives as long as somebody has it open, or for ever once it was kept; then any process that may open
// /dev/net/tun in its namespace can take it by its name (TUNSETIFF with IFF_TAP, with or without IFF_VNET_HDR; one
// queue). Errors: Errc::already_exists (an interface of that name), unsupported (no /dev/net/tun), permission_denied,
// io. Threading: one thread; create() enters the namespace for the call. Source: Documentation/networking/tuntap.rst.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "mooring/netlink/socket.hpp"

namespace mooring::netlink {

struct TapOwner {
  std::optional<std::uint32_t> user, group;  // who may open it without CAP_NET_ADMIN; absent: nobody
};

class TapDevice {
 public:
  // Down, with a MAC and an MTU of the kernel's choice.
  static Result<TapDevice> create(const NetworkNamespace& target, const std::string& name, const TapOwner& owner);
  // From now on it stays when it is closed.
  Result<void> keep();

 private:
  TapDevice(FileDescriptor fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}
  FileDescriptor fd_;
  std::string name_;
};

// The tap device of that name, if its alias is `alias`; anything else is left alone, and nothing there is fine.
Result<void> delete_tap(NetlinkSocket& socket, const std::string& name, const std::string& alias);

}  // namespace mooring::netlink
