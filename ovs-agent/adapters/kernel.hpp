// The node's kernel by rtnetlink and /proc: links, mooring0 and the routes over it, processes.
// Threading: one thread; a call takes tens of microseconds.
#pragma once

#include <optional>

#include "mooring/netlink/socket.hpp"
#include "ovs-agent/adapters/retired_links.hpp"
#include "ovs-agent/app/ports.hpp"

namespace mooring::agent {

// /proc/sys/kernel/random/boot_id; throws if it cannot be read.
std::string kernel_boot_id();

class Kernel final : public KernelPort {
 public:
  // Throws std::runtime_error if the kernel gives no netlink socket.
  Kernel();

  Result<std::set<std::string>> links() override;
  Result<void> delete_link(const std::string& name) override;
  Result<void> retire_link(const std::string& name) override;
  Result<void> delete_tap(const std::string& netns, const Attachment& attachment) override;
  Result<std::uint32_t> mtu_at(net::Ipv4Address address) override;
  void sweep_retired_links() override { retired_links_.sweep(); }
  Result<void> set_host_routes(const std::map<net::IpAddress, std::uint32_t>& routes, bool read_back) override;
  Result<void> set_host_route(net::IpAddress to, std::optional<std::uint32_t> mtu_bytes) override;
  bool namespace_alive(const std::string& path) const override;
  bool alive(const AddBegun& add) const override;
  std::uint64_t started(std::int32_t pid) const override;
  bool interface_alive(const std::string& netns, const std::string& name) const override;
  std::int32_t parent(std::int32_t pid) const override;

  // Of all links in the node's namespace, by name.
  Result<std::map<std::string, netlink::LinkCounters>> link_counters();
  // mooring0 up, with its addresses and the permanent neighbours that its routes go via. True if something was changed
  // (the link was made anew: its routes are gone). A kernel without IPv6 gets the IPv4 half alone, and no IPv6 routes.
  Result<bool> ensure_host_interface();

 private:
  struct LookedUp {
    net::Ipv4Address address;
    int link = 0;
    std::chrono::steady_clock::time_point until{};
  };

  Result<int> link_at(net::Ipv4Address address);
  Result<bool> ensure_addresses(net::Family family);
  void prepare_ipv6();

  netlink::NetlinkSocket socket_;
  RetiredLinks retired_links_;
  int host_link_ = 0;  // index of mooring0
  bool has_ipv6_ = false;
  std::map<net::IpAddress, std::uint32_t> routes_;
  LookedUp looked_up_;  // where the VTEP was lately
};

}  // namespace mooring::agent
