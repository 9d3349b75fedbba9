#include "mooring/netlink/interface_settings.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include "mooring/netlink/system_error.hpp"

namespace mooring::netlink {
namespace {

Result<void> ethtool(std::string_view doing, std::string_view link, ethtool_value& value) {
  ifreq request{};
  if (link.empty() || link.size() >= sizeof request.ifr_name) {
    return Error(Errc::invalid_argument, fmt::format("{}: '{}' is not an interface name", doing, link));
  }
  std::memcpy(request.ifr_name, link.data(), link.size());
  request.ifr_data = reinterpret_cast<char*>(&value);
  // The socket says in which namespace the name is looked up.
  const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket || ::ioctl(socket.get(), SIOCETHTOOL, &request) != 0) {
    return system_error(doing, errno);
  }
  return ok();
}

std::string sysctl_path(std::string_view name) {
  return fmt::format("/proc/sys/{}", name);
}

}  // namespace

Result<void> set_transmit_checksum_offload(std::string_view link, bool on) {
  ethtool_value value{ETHTOOL_STXCSUM, on ? 1U : 0U};
  return ethtool(fmt::format("switching transmit checksum offload of {} {}", link, on ? "on" : "off"), link, value);
}

Result<void> set_transmit_checksum_offload(const NetworkNamespace& target, std::string_view link, bool on) {
  return target.run([&] { return set_transmit_checksum_offload(link, on); });
}

Result<bool> transmit_checksum_offload(std::string_view link) {
  ethtool_value value{ETHTOOL_GTXCSUM, 0};
  if (const auto done = ethtool(fmt::format("reading transmit checksum offload of {}", link), link, value); !done) {
    return done.error();
  }
  return value.data != 0;
}

Result<void> write_sysctl(std::string_view name, std::string_view value) {
  const std::string doing = fmt::format("setting {} to {}", name, value);
  const std::string path = sysctl_path(name);
  const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) {
    return system_error(doing, errno);
  }
  // The kernel takes a setting whole or not at all.
  if (::write(file.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) {
    return system_error(doing, errno);
  }
  return ok();
}

Result<void> write_sysctl(const NetworkNamespace& target, std::string_view name, std::string_view value) {
  return target.run([&] { return write_sysctl(name, value); });
}

Result<std::string> read_sysctl(std::string_view name) {
  const std::string doing = fmt::format("reading {}", name);
  const std::string path = sysctl_path(name);
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    return system_error(doing, errno);
  }
  std::array<char, 4096> buffer{};
  const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
  if (size < 0) {
    return system_error(doing, errno);
  }
  std::string text(buffer.data(), static_cast<std::size_t>(size));
  while (!text.empty() && text.back() == '\n') {
    text.pop_back();
  }
  return text;
}

}  // namespace mooring::netlink
