#include "mooring/netlink/tap.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <fmt/format.h>

#include "mooring/netlink/system_error.hpp"

namespace mooring::netlink {
namespace {

constexpr const char* device_file = "/dev/net/tun";

}  // namespace

Result<TapDevice> TapDevice::create(const NetworkNamespace& target, const std::string& name, const TapOwner& owner) {
  const std::string doing = fmt::format("creating tap device {}", name);
  ifreq request{};
  if (name.empty() || name.size() >= sizeof request.ifr_name) {
    return Error(Errc::invalid_argument, fmt::format("{}: '{}' is not an interface name", doing, name),
                 "1 to 15 characters");
  }
  std::memcpy(request.ifr_name, name.data(), name.size());
  constexpr unsigned flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL;
  request.ifr_flags = static_cast<short>(flags);
  return target.run([&]() -> Result<TapDevice> {
    // The namespace of the device is the one that the file is opened in.
    FileDescriptor file(::open(device_file, O_RDWR | O_CLOEXEC));
    if (!file) {
      const int reason = errno;
      if (reason == ENOENT || reason == ENODEV || reason == ENXIO) {
        return Error(Errc::unsupported, fmt::format("{}: {}: {}", doing, device_file, std::strerror(reason)),
                     "load the kernel module tun on this node");
      }
      return system_error(fmt::format("{}: opening {}", doing, device_file), reason);
    }
    if (::ioctl(file.get(), TUNSETIFF, &request) != 0) {
      const int reason = errno == EBUSY ? EEXIST : errno;  // EBUSY: there is an interface of that name
      return system_error(doing, reason);
    }
    if ((owner.user && ::ioctl(file.get(), TUNSETOWNER, static_cast<unsigned long>(*owner.user)) != 0) ||
        (owner.group && ::ioctl(file.get(), TUNSETGROUP, static_cast<unsigned long>(*owner.group)) != 0)) {
      return system_error(doing + ": giving it to its owner", errno);
    }
    return TapDevice(std::move(file), name);
  });
}

Result<void> TapDevice::keep() {
  if (::ioctl(fd_.get(), TUNSETPERSIST, 1UL) != 0) {
    return system_error(fmt::format("keeping tap device {}", name_), errno);
  }
  return ok();
}

Result<void> delete_tap(NetlinkSocket& socket, const std::string& name, const std::string& alias) {
  const auto link = socket.find_link(name);
  if (!link) {
    return link.error().code() == Errc::not_found ? ok() : Result<void>(link.error());
  }
  if (link->kind != "tun" || link->alias != alias) {
    return ok();
  }
  const auto deleted = socket.delete_link(link->index);
  return deleted || deleted.error().code() == Errc::not_found ? ok() : deleted;
}

}  // namespace mooring::netlink
