#include "overlay-gateway/adapters/segment.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>

#include "mooring/base/durable_file.hpp"
#include "mooring/netlink/interface_settings.hpp"
#include "overlay-gateway/adapters/link_announcement.hpp"
#include "overlay-gateway/domain/pipeline.hpp"

namespace mooring::gateway {
namespace {

netlink::NetlinkSocket rtnetlink() {
  auto socket = netlink::NetlinkSocket::open();
  if (!socket) {
    throw std::runtime_error("opening a netlink socket: " + socket.error().text());
  }
  return std::move(*socket);
}

// A setting that is right may be on a read-only /proc/sys; one that the kernel does not have is none.
Result<void> keep_setting(const std::string& name, std::string_view value) {
  const auto now = netlink::read_sysctl(name);
  return !now || *now == value ? ok() : netlink::write_sysctl(name, value);
}

// Of a process that is keepalived: a file may be older than a reboot.
std::optional<pid_t> keepalived_of(const std::string& pid_file) {
  std::ifstream file(pid_file);
  pid_t pid = 0;
  if (!(file >> pid) || pid <= 1) {
    return std::nullopt;
  }
  std::ifstream comm(fmt::format("/proc/{}/comm", pid));
  std::string name;
  return std::getline(comm, name) && name == "keepalived" ? std::optional(pid) : std::nullopt;
}

}  // namespace

KernelSegment::KernelSegment(std::string config_file, std::string pid_file)
    : config_file_(std::move(config_file)), pid_file_(std::move(pid_file)), socket_(rtnetlink()) {}

bool KernelSegment::carrier(const std::string& interface) {
  return has_carrier(interface);
}

Result<void> KernelSegment::ensure_up(const std::string& name) {
  const auto link = socket_.find_link(name);
  if (!link) {
    return link.error();
  }
  if (link->up) {
    return ok();
  }
  netlink::LinkChange change;
  change.up = true;
  return socket_.change_link(link->index, change);
}

Result<void> KernelSegment::ensure_address(const std::string& name) {
  const auto link = socket_.find_link(name);
  if (!link) {
    return link.error();
  }
  const netlink::Address wanted{link->index, {net::Ipv4Address::parse(election_address).value(), 32}};
  const auto present = socket_.list_addresses(link->index);
  const bool there = present && std::find(present->begin(), present->end(), wanted) != present->end();
  return there ? ok() : socket_.replace_address(wanted);
}

// The machine itself has nothing to say on the segment: neither IPv6 nor an answer to ARP (the userspace datapath lets
// the kernel see frames too). Advertisements come from a VTEP, which another interface leads to: the loose filter takes
// that, on an interface that has an address at all (net/ipv4/fib_frontend.c, __fib_validate_source()).
Result<void> KernelSegment::ensure_links(const std::string& interface, const std::vector<std::string>& election_ports) {
  const std::string v4 = "net/ipv4/conf/", v6 = "net/ipv6/conf/";
  Result<void> kept = ensure_up(interface);
  const auto keep = [&](const std::string& name, std::string_view value) {
    kept = kept ? keep_setting(name, value) : kept;
  };
  keep(v4 + interface + "/arp_ignore", "8");
  keep(v6 + interface + "/disable_ipv6", "1");
  for (const std::string& port : election_ports) {
    keep(v6 + port + "/disable_ipv6", "1");
    keep(v4 + port + "/rp_filter", "2");
    kept = kept ? ensure_up(port) : kept;
    kept = kept ? ensure_address(port) : kept;
  }
  return kept;
}

Result<bool> KernelSegment::ensure_election(const std::string& config) {
  std::ifstream file(config_file_);
  const std::string there{std::istreambuf_iterator<char>(file), {}};
  if (file && there == config) {
    return false;
  }
  if (const auto written = replace_file(config_file_, config, Errc::io, 0644); !written) {
    return written.error().within("configuring keepalived");
  }
  const auto pid = keepalived_of(pid_file_);
  if (pid && ::kill(*pid, SIGHUP) != 0) {
    return Error(Errc::io,
                 fmt::format("telling keepalived (process {}) of its configuration: {}", *pid, std::strerror(errno)),
                 "systemctl reload mooring-vrrp");
  }
  return true;
}

bool KernelSegment::election_runs() {
  return keepalived_of(pid_file_).has_value();
}

}  // namespace mooring::gateway
